"""What a start and --config.check say of what cannot work, and where input may come from (contract section 1)."""
# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import subprocess
import tempfile

from case import StackCase
from process import free_port

POLICY = "version: STSv1\\nmode: none\\nmax_age: 86400\\n"


class Start(StackCase):
    def setUp(self):
        self.binary = self.stack.exporter.binary
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_it(self, *arguments):
        return subprocess.run([self.binary, *arguments], capture_output=True, text=True, timeout=20, check=False)

    def shell(self, script):
        """Runs a script of bash, in which "$0" is the exporter."""
        return subprocess.run(["bash", "-c", script, self.binary], capture_output=True, text=True, timeout=20, check=False)

    def config(self, text):
        path = self.folder / "config.yaml"
        path.write_text(f"domains: [example.org]\nstorage: {{path: state.db}}\n{text}")
        return f"--config.file={path}"

    def test_sigterm_ends_a_start_that_is_not_over(self):
        waiting = self.folder / "config.yaml"
        os.mkfifo(waiting)
        with subprocess.Popen([self.binary, f"--config.file={waiting}"], stderr=subprocess.PIPE, text=True) as starting:
            with open(waiting, "w", encoding="ascii"):  # it has begun to read
                starting.terminate()
                said = starting.communicate(timeout=20)[1]
        self.assertEqual(starting.returncode, 0, said)
        self.assertIn("stopping before the start was complete", said)

    def test_every_mistake_has_a_line_of_its_own(self):
        answer = self.run_it(self.config("smtp: {port: 0}\nprob: {}\n"))
        self.assertEqual(answer.returncode, 1)
        lines = answer.stderr.splitlines()
        self.assertEqual(len(lines), 3, answer.stderr)
        self.assertIn("config.yaml:3: smtp.port: ", lines[0])
        self.assertIn("config.yaml:4: prob: unknown key", lines[1])
        self.assertRegex(lines[2], 'msg="cannot start" error="mistakes in the configuration: 2"$')

    def test_an_address_that_is_taken(self):
        port = self.stack.exporter.port
        answer = self.run_it(self.config(""), f"--web.listen-address=localhost:{port}")
        self.assertEqual(answer.returncode, 1)
        self.assertIn(f"cannot listen on localhost:{port} (Address already in use); end what listens there", answer.stderr)
        self.assertNotIn("boost", answer.stderr)

    def test_a_listener_for_reports_on_the_address_of_the_pages(self):
        address = f"127.0.0.1:{free_port()}"
        answer = self.run_it(self.config(f'tlsrpt: {{http: {{enabled: true, listen_address: "{address}"}}}}'),
                             f"--web.listen-address={address}")
        self.assertEqual(answer.returncode, 1)
        self.assertIn(f"tlsrpt.http.listen_address: cannot listen on {address} (Address already in use)", answer.stderr)

    def test_senders_of_reports_have_no_client_certificates(self):
        certificate = self.stack.mx_hosts[0].certificate
        web = self.folder / "web.yaml"
        web.write_text(f"tls_server_config: {{cert_file: {certificate}, key_file: {certificate}, "
                       f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: {self.stack.authority.ca_file}}}\n")
        for listener, warned in (('""', True), ('":8443"', False)):
            config = self.config(f"tlsrpt: {{accept_unauthenticated: true, http: {{enabled: true, listen_address: {listener}}}}}")
            answer = self.run_it("--config.check", config, f"--web.config.file={web}")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertEqual("senders of reports have no client certificate" in answer.stderr, warned, answer.stderr)

    def test_check_fails_where_a_start_would(self):
        (self.folder / "junk.pem").write_text("no certificate")
        (self.folder / "bad.txt").write_text("example.net\nlocalhost\n")
        (self.folder / "folder.txt").mkdir()
        for text, reason in (("tls: {ca_file: junk.pem}", "config.yaml:3: tls.ca_file: "),
                             ("domain_files: [bad.txt]", "bad.txt:2: "),
                             ("domain_files: [folder.txt]", "folder.txt: is a directory")):
            with self.subTest(text=text):
                answer = self.run_it("--config.check", self.config(text))
                self.assertEqual(answer.returncode, 1)
                self.assertIn(reason, answer.stderr)

    def test_check_counts_the_domains_of_files_and_leaves_nothing_behind(self):
        (self.folder / "more.txt").write_text("example.net\nexample.com\n")
        answer = self.run_it("--config.check", self.config("domain_files: [more.txt]"))
        self.assertEqual((answer.returncode, answer.stderr), (0, ""))
        self.assertTrue(answer.stdout.endswith(": valid, 3 domains\n"), answer.stdout)
        self.assertEqual({path.name for path in self.folder.iterdir()}, {"config.yaml", "more.txt"})

    def test_input_may_be_a_pipe(self):
        for script in (f'"$0" lint policy <(printf "{POLICY}")', f'printf "{POLICY}" | "$0" lint policy /dev/stdin'):
            with self.subTest(script=script):
                answer = self.shell(script)
                self.assertEqual(answer.returncode, 0, answer.stderr)
        answer = self.shell('"$0" --config.check --config.file=<(echo "{domains: [example.org], storage: {path: /tmp/x.db}}")')
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertEqual(self.run_it("lint", "policy", "/tmp").returncode, 3)
