"""TLS, client certificates and passwords of the exporter's own pages: --web.config.file, as the exporter toolkit has it."""
# SPDX-License-Identifier: Apache-2.0
import base64
import contextlib
import http.client
import pathlib
import socket
import ssl
import subprocess
import tempfile

import yaml

from case import StackCase
from certificates import Authority
from process import wait_until
from servers import Exporter

PASSWORD_HASH = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"  # of "secret", cheap
CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"


class WebExporter(Exporter):
    """An exporter without domains whose pages are behind TLS."""

    def __init__(self, folder, binary, authority):
        super().__init__(folder, binary, "domains: []\nstorage: {path: ./state.db}\n")
        self.authority = authority
        self.web_config = self.folder / "web.yaml"
        self.server_pem = authority.mint("web", ["localhost"])

    def command(self):
        return [*super().command(), f"--web.config.file={self.web_config}"]

    def configure(self, tls=None, **others):
        server = {"cert_file": str(self.server_pem), "key_file": str(self.server_pem), **(tls or {})}
        self.web_config.write_text(yaml.safe_dump({"tls_server_config": server, **others}))

    def start(self, clock=None, wrapper=()):
        before = self.said("msg=started") if self.log.exists() else 0
        self.spawn(self.command(), lambda: self.said("msg=started") > before)

    def renew(self):
        self.authority.mint("web", ["localhost"])

    def certificate(self):
        """That it shows."""
        with (socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
              self.context().wrap_socket(plain, server_hostname="localhost") as tls):
            return tls.getpeercert(binary_form=True)

    def metrics(self):
        """A connection from before the web configuration changed is closed, even unused: then once more."""
        try:
            return self._metrics()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            return self._metrics()

    def _metrics(self):
        connection = http.client.HTTPSConnection("localhost", self.port, context=self.context(), timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()

    def context(self, client=None):
        context = ssl.create_default_context(cafile=self.authority.ca_file)
        if client:
            context.load_cert_chain(client)
        return context

    def get(self, context, headers=None, session=None):
        """(status, the TLS connection's protocol, its cipher, the connection's session and whether it was resumed).
        Errors: OSError when the client stays outside."""
        connection = http.client.HTTPSConnection("localhost", self.port)
        with (socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
              context.wrap_socket(plain, server_hostname="localhost", session=session) as tls):
            connection.sock = tls
            connection.request("GET", "/-/healthy", headers=headers or {})
            status = connection.getresponse().status
            return status, tls.version(), tls.cipher()[0], tls.session, tls.session_reused


class WebTls(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        cls.authority = Authority(folder / "ca")
        cls.client = cls.authority.mint("client", ["prometheus.example"])
        cls.stranger = cls.authority.mint_self_signed("stranger", ["prometheus.example"])
        cls.other = cls.authority.mint_self_signed("other", ["other.example"])
        cls.exporter = WebExporter(folder / "exporter", cls.stack.exporter.binary, cls.authority)
        cls.exporter.configure()
        cls.exporter.start()

    @classmethod
    def tearDownClass(cls):
        cls.exporter.stop()
        cls.folder.cleanup()

    def serve(self, tls=None, **others):
        """Without a restart."""
        self.exporter.configure(tls, **others)
        self.reload("msg=reloaded")

    def restart(self, tls=None):
        """What protects is taken away by this alone."""
        self.exporter.stop()
        self.exporter.configure(tls)
        self.exporter.start()

    def reload(self, outcome):
        before = self.exporter.said(outcome)
        self.exporter.reload()
        wait_until(lambda: self.exporter.said(outcome) > before, 10, self.exporter.tail)

    def assert_outside(self, context, headers=None):
        with self.assertRaises(OSError):
            self.exporter.get(context, headers)

    def context(self, client=None, most=None, least=None, ciphers=None, curve=None):
        context = self.exporter.context(client)
        context.maximum_version = most or context.maximum_version
        context.minimum_version = least or context.minimum_version
        if ciphers:
            context.set_ciphers(ciphers)
        if curve:
            context.set_ecdh_curve(curve)
        return context

    def test_versions(self):
        only_1_2 = self.context(most=ssl.TLSVersion.TLSv1_2)
        self.serve()
        self.assertEqual(self.exporter.get(self.context())[1], "TLSv1.3")
        self.assertEqual(self.exporter.get(only_1_2)[1], "TLSv1.2")
        self.serve({"min_version": "TLS13"})
        self.assert_outside(only_1_2)
        self.serve({"max_version": "TLS12"})
        self.assertEqual(self.exporter.get(self.context())[1], "TLSv1.2")

    def test_cipher_suites(self):
        self.serve({"cipher_suites": [CHACHA, "TLS_CHACHA20_POLY1305_SHA256"]})
        self.assertEqual(self.exporter.get(self.context())[2], "TLS_CHACHA20_POLY1305_SHA256")
        older = self.context(most=ssl.TLSVersion.TLSv1_2)
        self.assertEqual(self.exporter.get(older)[2], "ECDHE-ECDSA-CHACHA20-POLY1305")
        self.assert_outside(self.context(most=ssl.TLSVersion.TLSv1_2, ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"))
        self.serve({"cipher_suites": ["TLS_CHACHA20_POLY1305_SHA256"]})
        self.assert_outside(older)

    def test_curves(self):
        self.serve({"curve_preferences": ["CurveP384"]})
        self.assertEqual(self.exporter.get(self.context(curve="secp384r1"))[0], 200)
        self.assert_outside(self.context(curve="prime256v1"))

    def test_client_certificates(self):
        """What is said of a client without a certificate, with a stranger's, and with one of the authority."""
        verified = {"client_ca_file": str(self.authority.ca_file)}
        table = (("NoClientCert", {}, True, True, True),
                 ("RequestClientCert", {}, True, True, True),
                 ("RequireAnyClientCert", {}, False, True, True),
                 ("VerifyClientCertIfGiven", verified, True, False, True),
                 ("RequireAndVerifyClientCert", verified, False, False, True))
        self.addCleanup(self.restart)
        for kind, others, *expected in table:
            self.restart({"client_auth_type": kind, **others})
            for client, comes_in in zip((None, self.stranger, self.client), expected):
                with self.subTest(kind=kind, client=client):
                    if comes_in:
                        self.assertEqual(self.exporter.get(self.context(client))[0], 200)
                    else:
                        self.assert_outside(self.context(client))

    def test_names_of_client_certificates(self):
        self.addCleanup(self.restart)
        tls = {"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(self.authority.ca_file)}
        self.serve({**tls, "client_allowed_sans": ["other.example", "prometheus.example"]})
        self.assertEqual(self.exporter.get(self.context(self.client))[0], 200)
        self.serve({**tls, "client_allowed_sans": ["rometheus.example", "*.example"]})
        self.assert_outside(self.context(self.client))

    def test_names_count_without_a_known_authority_too(self):
        self.addCleanup(self.restart)
        self.serve({"client_auth_type": "RequireAnyClientCert", "client_allowed_sans": ["prometheus.example"]})
        for client, comes_in in ((self.client, True), (self.stranger, True), (self.other, False), (None, False)):
            with self.subTest(client=client):
                if comes_in:
                    self.assertEqual(self.exporter.get(self.context(client))[0], 200)
                else:
                    self.assert_outside(self.context(client))

    def test_a_client_with_a_certificate_may_resume_its_session(self):
        self.addCleanup(self.restart)
        self.serve({"client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": str(self.authority.ca_file)})
        context = self.context(self.client, most=ssl.TLSVersion.TLSv1_2)
        *_, session, _ = self.exporter.get(context)
        status, *_, resumed = self.exporter.get(context, session=session)
        self.assertEqual((status, resumed), (200, True))

    def test_passwords_and_headers(self):
        self.addCleanup(self.restart)
        self.serve(basic_auth_users={"prometheus": PASSWORD_HASH},
                   http_server_config={"headers": {"Strict-Transport-Security": "max-age=1"}})

        def status(credentials):
            headers = {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()} if credentials else {}
            return self.exporter.get(self.context(), headers)[0]

        self.assertEqual([status(words) for words in ("prometheus:secret", "prometheus:secreT", "nobody:secret", "")],
                         [200, 401, 401, 401])
        self.exporter.configure()  # a file that ends behind the TLS files
        for cut in ("", "tls_server_config:\n", self.exporter.web_config.read_text()):
            self.exporter.web_config.write_text(cut)
            self.reload("reload failed")
            self.assertEqual([status("prometheus:secret"), status("")], [200, 401])

    def test_a_file_that_is_gone_is_no_good_configuration(self):
        self.serve({"min_version": "TLS13"})
        self.exporter.web_config.unlink()
        self.reload("reload failed")
        self.assertEqual(self.exporter.get(self.context())[1], "TLSv1.3")
        self.assertIn("mtasts_exporter_config_last_reload_successful 0", self.exporter.metrics())

    def test_a_rate_limit(self):
        self.serve(rate_limit={"interval": "1h", "burst": 2})
        self.assertEqual([self.exporter.get(self.context())[0] for _ in range(3)], [200, 200, 429])

    def test_a_renewed_certificate_counts_by_itself(self):
        self.serve()
        before = self.exporter.certificate()
        self.exporter.renew()
        wait_until(lambda: self.exporter.certificate() != before, 20, self.exporter.tail)
        self.assertEqual(self.exporter.get(self.context())[0], 200)

    def test_a_file_that_comes_later_counts_when_it_is_there(self):
        self.serve()
        late = self.authority.folder / "late.pem"
        said = self.exporter.said("cannot be taken")
        before = self.exporter.certificate()
        self.exporter.configure({"cert_file": str(late), "key_file": str(late)})
        failed = "mtasts_exporter_config_last_reload_successful 0"
        wait_until(lambda: failed in self.exporter.metrics(), 20, self.exporter.tail)
        self.authority.mint("late", ["localhost"])
        wait_until(lambda: self.exporter.certificate() != before, 20, self.exporter.tail)
        self.assertNotIn(failed, self.exporter.metrics())
        self.assertEqual(self.exporter.said("cannot be taken"), said + 1, "however often it was tried")

    def test_a_renewed_certificate_that_is_broken_is_told(self):
        self.serve()
        before = self.exporter.certificate()
        self.exporter.server_pem.write_text("rubbish\n")
        wait_until(lambda: "mtasts_exporter_config_last_reload_successful 0" in self.exporter.metrics(), 20, self.exporter.tail)
        self.assertEqual(self.exporter.certificate(), before)
        self.exporter.renew()
        wait_until(lambda: "mtasts_exporter_config_last_reload_successful 1" in self.exporter.metrics(), 20, self.exporter.tail)

    def test_a_broken_file_changes_nothing(self):
        self.serve({"min_version": "TLS13"})
        self.exporter.web_config.write_text("tls_server_config: {cert_file: /nonexistent, key_file: /nonexistent}\n")
        self.reload("reload failed")
        self.assertEqual(self.exporter.get(self.context())[1], "TLSv1.3")
        check = [self.exporter.binary, "--config.check", f"--config.file={self.exporter.config}",
                 f"--web.config.file={self.exporter.web_config}"]
        answer = subprocess.run(check, capture_output=True, text=True, check=False)
        self.assertEqual(answer.returncode, 1)
        self.assertIn("web.yaml:1: tls_server_config.cert_file", answer.stderr)
