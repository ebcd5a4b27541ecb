"""The domains under test and the servers that play them. Next: test_verdicts.py for what must come out."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import pathlib
import tempfile

from certificates import Authority
from report_mail import DkimKey
from process import wait_until
from servers import Exporter, Nginx, Postfix, Prometheus, Unbound

POLICY_ADDRESS = "127.0.2.1"
MX_ADDRESS = "127.0.3.{}"
DEAD_ADDRESS = "127.0.4.1"  # nothing listens there
PROBED_SECONDS = 90
MAX_AGE = 1209600
CERTIFICATE_DAYS = 60
POLICY_CERTIFICATE_DAYS = 45


@dataclasses.dataclass
class MxHost:
    name: str
    address: str
    certificate: pathlib.Path | None


@dataclasses.dataclass
class PolicyHost:
    name: str
    certificate: pathlib.Path
    response: str
    media_type: str = "text/plain"


def policy_lines(mode, *patterns, max_age=MAX_AGE):
    return ["version: STSv1", f"mode: {mode}", *(f"mx: {pattern}" for pattern in patterns), f"max_age: {max_age}"]


def policy(mode, *patterns, max_age=MAX_AGE):
    return "return 200 \"" + "\\r\\n".join(policy_lines(mode, *patterns, max_age=max_age)) + "\\r\\n\";"


class Stack:
    """Everything, started in order of need and stopped in reverse."""

    def __init__(self, exporter_binary):
        self._folder = tempfile.TemporaryDirectory(prefix="mtasts-e2e-")
        self.folder = pathlib.Path(self._folder.name)
        self.authority = Authority(self.folder / "ca")
        self.records = []
        self.policy_hosts = []
        self.domains = []
        self.mx_hosts = self._mint_mx_hosts()
        self._describe_domains()
        self.dkim_key = DkimKey(self.folder / "dkim")
        self.records.append(self.dkim_key.record)
        self.unbound = Unbound(self.folder / "unbound", self.records)
        self.nginx = Nginx(self.folder / "nginx", POLICY_ADDRESS, self.policy_hosts)
        self.postfix = Postfix(self.folder / "postfix", self.mx_hosts)
        self.exporter = Exporter(self.folder / "exporter", exporter_binary, "")
        self.write_config(self.domains)
        self.prometheus = Prometheus(self.folder / "prometheus", self.exporter.port)

    def start(self):
        for server in (self.unbound, self.nginx, self.postfix, self.exporter, self.prometheus):
            server.start()

    def stop(self):
        for server in (self.prometheus, self.exporter, self.postfix, self.nginx, self.unbound):
            server.stop()
        self._folder.cleanup()

    def write_config(self, domains, extra="", ca_file=None):
        """Configures the exporter for these domains."""
        self.exporter.config.write_text(self.config_text(domains, f'path: "{self.exporter.folder}/state.db"', extra, ca_file))

    def config_text(self, domains, storage, extra="", ca_file=None):
        """A configuration that finds our servers. Input: storage is what stands in that section."""
        return f"""\
domains: {json.dumps(domains)}
probe: {{interval: 5s, timeout: 20s, allow_private: true}}
dns: {{servers: ["127.0.0.1:{self.unbound.port}"], timeout: 500ms, attempts: 2}}
policy: {{port: {self.nginx.port}, timeout: 5s}}
smtp: {{port: {self.postfix.port}, helo: probe.e2e.test, timeout: 5s, ip_families: [ipv4]}}
tls: {{ca_file: "{ca_file or self.authority.ca_file}"}}
storage: {{{storage}}}
{extra}"""

    def write_policy(self, label, mode):
        """Writes the file of a domain whose policy can change."""
        file = self.folder / label / ".well-known" / "mta-sts.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(line + "\n" for line in policy_lines(mode, "good.mx.e2e.test")))

    def _mint_mx_hosts(self):
        mint = self.authority.mint
        certificates = {
            "good": mint("mx-good", ["good.mx.e2e.test"], CERTIFICATE_DAYS),
            "expired": mint("mx-expired", ["expired.mx.e2e.test"], -3),
            "misnamed": mint("mx-misnamed", ["someone-else.e2e.test"]),
            "selfsigned": self.authority.mint_self_signed("mx-selfsigned", ["selfsigned.mx.e2e.test"]),
            "plain": None,
        }
        hosts = [MxHost(f"{name}.mx.e2e.test", MX_ADDRESS.format(number), certificate)
                 for number, (name, certificate) in enumerate(certificates.items(), 1)]
        self.records += [f"{host.name}. 60 IN A {host.address}" for host in hosts]
        self.records.append(f"dead.mx.e2e.test. 60 IN A {DEAD_ADDRESS}")
        return hosts

    def _describe_domains(self):
        good = policy("enforce", "good.mx.e2e.test")
        self._domain("good", good)
        self._domain("testing", policy("testing", "*.mx.e2e.test", max_age=86400))
        self._domain("later", good, configured=False)  # a reload adds it
        # Faults of the policy host.
        self._domain("policy-expired", good, days=-2)
        self._domain("policy-misnamed", good, certified="elsewhere.e2e.test")
        self._domain("policy-missing", "return 404;")
        self._domain("policy-redirect", "return 301 https://good.e2e.test/;")
        self._domain("policy-html", good, media_type="text/html")
        self._domain("policy-invalid", policy("enforced", "good.mx.e2e.test"))
        self.write_policy("mended", "enforced")
        self._domain("mended", f"root {self.folder}/mended;", configured=False)  # test_alerts.py adds and mends it
        self._domain("policy-nohost", None)
        # Faults of the MX hosts.
        for name in ("expired", "misnamed", "selfsigned", "plain", "dead"):
            self._domain(f"mx-{name}", policy("enforce", f"{name}.mx.e2e.test"), mx=[name])
        self._domain("mx-uncovered", good, mx=["good", "plain"])
        # No MTA-STS at all.
        self._domain("bare", None, record=False)

    def _domain(self, label, response, *, mx=("good",), days=POLICY_CERTIFICATE_DAYS, certified=None,
                media_type="text/plain", record=True, configured=True):
        """One domain: its DNS records and, unless response is None, its policy host."""
        domain = f"{label}.e2e.test"
        host = f"mta-sts.{domain}"
        if configured:
            self.domains.append(domain)
        self.records += [f"{domain}. 60 IN MX 10 {name}.mx.e2e.test." for name in mx]
        if record:
            self.records.append(f"_mta-sts.{domain}. 60 IN TXT \"v=STSv1; id=20260101T000000;\"")
            self.records.append(f"_smtp._tls.{domain}. 60 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@{domain}\"")
        if response is not None:
            self.records.append(f"{host}. 60 IN A {POLICY_ADDRESS}")
            certificate = self.authority.mint(host, [certified or host], days)
            self.policy_hosts.append(PolicyHost(host, certificate, response, media_type))

    def series(self, expression):
        """The instant vector as {sorted labels: value}, metric names left out."""
        return {tuple(sorted((k, v) for k, v in labels.items() if k != "__name__")): value
                for labels, value in self.prometheus.query(expression)}

    def value(self, expression):
        """The one value of an expression, or None when it has no series."""
        return self.prometheus.value(expression)

    def await_value(self, expression, expected, seconds=PROBED_SECONDS):
        """Waits until the expression has this one value."""
        wait_until(lambda: self.value(expression) == expected, seconds,
                   lambda: f"{expression} is {expected}; it is {self.value(expression)}\n{self.exporter.tail()}")

    def await_probed(self, domains=None, seconds=PROBED_SECONDS):
        """Waits until every domain has a verdict, and no MX host of theirs is still to be seen."""
        for domain in domains or self.domains:
            self.await_value(f'mtasts_domain_state{{domain="{domain}",state=~"ok|failing"}} == 1', 1.0, seconds)
