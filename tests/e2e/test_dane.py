"""DANE end to end: signed zones of an NSD behind a validating unbound, MX hosts of a Postfix. What `check` says of each
must be what posttls-finger and OpenSSL's s_client say of the same host."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from certificates import Authority
from servers import Postfix
from signed_zones import Nsd, PlainZone, SignedZone, ValidatingUnbound, run, with_resolver
from stack import MxHost

from case import StackCase

MX_ADDRESS = "127.0.6.{}"


@dataclasses.dataclass
class Case:
    """A domain with one MX host. Input: `sender` is what posttls-finger must come to, `tlsa` what s_client is given."""

    about: str
    state: str  # of the key "dane" in JSON
    verified: bool | None
    results: list = dataclasses.field(default_factory=list)
    findings: list = dataclasses.field(default_factory=list)
    sender: str | None = None
    tlsa: list = dataclasses.field(default_factory=list)
    host: str = ""


def der_of(certificate):
    return subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], check=True, capture_output=True).stdout


def key_of(certificate):
    pem = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], check=True, capture_output=True)
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=pem.stdout, check=True, capture_output=True).stdout


def sha256(octets):
    return hashlib.sha256(octets).hexdigest()


class Dane(StackCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mtasts-dane-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.authority = Authority(cls.folder / "ca")
        cls.hosts = []
        cls.cases = {}
        cls.zones = {"dane.example": [], "expired.dane.example": [], "unsigned.dane.example": [], "insecure.example": []}
        cls.postfix_port = None
        cls._mint_hosts()
        cls.postfix = Postfix(cls.folder / "postfix", cls.hosts)
        cls._describe()
        cls._start()

    @classmethod
    def _mint_hosts(cls):
        for number, name in enumerate(("mx.dane.example", "anchor.dane.example", "stranger.dane.example", "mx.expired.dane.example",
                                       "mx.unsigned.dane.example"), 1):
            names = ["else.example"] if name.startswith("stranger") else [name, "*.dane.example"]
            certificate = cls.authority.mint(name, names)
            cls.hosts.append(MxHost(name, MX_ADDRESS.format(number), certificate))

    @classmethod
    def _host(cls, name):
        return next(host for host in cls.hosts if host.name == name)

    @classmethod
    def _alias(cls, label, certificate_of="mx.dane.example"):
        """A host of its own name in dane.example, at the address of another."""
        name = f"mx-{label}.dane.example"
        cls.zones["dane.example"].append(f"{name}. 60 IN A {cls._host(certificate_of).address}")
        return name

    @classmethod
    def _add(cls, label, case, tlsa=(), zone="dane.example", domain_zone="dane.example"):
        domain = f"{label}.{domain_zone}"
        cls.zones[domain_zone].append(f"{domain}. 60 IN MX 10 {case.host}.")
        cls.zones[zone] += [f"_{cls.postfix.port}._tcp.{case.host}. 60 IN TLSA {record}" for record in tlsa]
        case.tlsa = list(tlsa)
        cls.cases[domain] = case

    @classmethod
    def _describe(cls):
        own = cls._host("mx.dane.example")
        key = sha256(key_of(own.certificate))
        anchor = der_of(cls.authority.ca_file)
        cls._add("good", Case("the key of the host", "usable", True, sender="Verified", host=cls._alias("good")), [f"3 1 1 {key}"])
        cls._add("both", Case("this key and the next", "usable", True, findings=["tlsa-rollover"], sender="Verified",
                              host=cls._alias("both")), [f"3 1 1 {key}", f"3 1 1 {sha256(b'next')}"])
        cls._add("mismatch", Case("another key", "usable", False, ["tlsa-invalid"], sender="Untrusted",
                                  host=cls._alias("mismatch")), [f"3 1 1 {sha256(b'other')}"])
        cls._add("anchor", Case("the whole authority", "usable", True, sender="Verified", host="anchor.dane.example"),
                 [f"2 0 0 {anchor.hex()}"])
        cls.zones["dane.example"].append(f"anchor.dane.example. 60 IN A {cls._host('anchor.dane.example').address}")
        cls._add("stranger", Case("the authority, and a stranger's name", "usable", False, ["certificate-host-mismatch", "tlsa-invalid"],
                                  sender="Untrusted", host="stranger.dane.example"), [f"2 0 0 {anchor.hex()}"])
        cls.zones["dane.example"].append(f"stranger.dane.example. 60 IN A {cls._host('stranger.dane.example').address}")
        cls._add("unusable", Case("records for web servers", "unusable", None, findings=["tlsa-unusable"], sender="Anonymous|Untrusted",
                                  host=cls._alias("unusable")), [f"1 1 1 {key}"])
        cls._add("malformed", Case("full data that is no certificate", "unusable", None, findings=["tlsa-unusable"],
                                   sender="Anonymous|Untrusted", host=cls._alias("malformed")), ["3 0 0 0123456789abcdef"])
        cls._add("none", Case("no records", "no-records", None, sender="Untrusted", host=cls._alias("none")))
        real = cls._alias("real")
        cls.zones["dane.example"] += [f"mx-cname.dane.example. 60 IN CNAME {real}.",
                                   f"_{cls.postfix.port}._tcp.{real}. 60 IN TLSA 3 1 1 {key}"]
        cls._add("cname", Case("an alias", "usable", True, sender="Verified", host="mx-cname.dane.example"))
        cls.zones["expired.dane.example"].append(f"mx.expired.dane.example. 60 IN A {cls._host('mx.expired.dane.example').address}")
        cls._add("expired", Case("signatures that have expired", "bogus", None, ["dnssec-invalid"], sender="lookup",
                                 host="mx.expired.dane.example"), [f"3 1 1 {key}"], zone="expired.dane.example", domain_zone="insecure.example")
        cls.zones["unsigned.dane.example"].append(f"mx.unsigned.dane.example. 60 IN A {cls._host('mx.unsigned.dane.example').address}")
        cls._add("nods", Case("no DS at the parent, and wrong records", "insecure-address", None, sender="Untrusted",
                              host="mx.unsigned.dane.example"), [f"3 1 1 {sha256(b'other')}"], zone="unsigned.dane.example")
        broken = cls._alias("broken")
        cls.zones["dane.example"].append(f"_tcp.{broken}. 60 IN NS ns.dane.example.")
        cls._add("broken", Case("name servers that refuse TLSA", "unknown", None, findings=["lookup-failed"], sender="lookup",
                                host=broken))
        cls._add("hosted", Case("a domain that is not signed", "usable", True, findings=["dane-insecure-mx"], sender="Verified",
                                host=cls.cases["good.dane.example"].host), domain_zone="insecure.example")

    @classmethod
    def _start(cls):
        folder = cls.folder / "zones"
        expired = SignedZone(folder, "expired.dane.example", cls.zones["expired.dane.example"], expired=True)
        unsigned = SignedZone(folder, "unsigned.dane.example", cls.zones["unsigned.dane.example"])
        glue = [line for name in ("expired", "unsigned") for line in
                (f"{name}.dane.example. 60 IN NS ns.{name}.dane.example.", f"ns.{name}.dane.example. 60 IN A 127.0.5.1")]
        parent = SignedZone(folder, "dane.example", cls.zones["dane.example"] + glue + [expired.ds])
        insecure = PlainZone(folder, "insecure.example", cls.zones["insecure.example"])
        nsd = Nsd(cls.folder / "nsd", [expired, unsigned, parent, insecure])
        stranger = Nsd(cls.folder / "stranger", [PlainZone(folder, "stranger.example", [])])
        servers = {name: nsd for name in cls.zones} | {"_tcp.mx-broken.dane.example": stranger}
        cls.anchor = parent.anchor
        cls.unbound = ValidatingUnbound(cls.folder / "unbound", servers, parent.anchor)
        for server in (nsd, stranger, cls.unbound, cls.postfix):
            server.start()
            cls.addClassCleanup(server.stop)

    def check(self, domains, **dns):
        config = self.folder / "config.yaml"
        options = {"servers": [f"127.0.0.1:{self.unbound.port}"], "timeout": "2s", "attempts": 2, "trust_ad": True} | dns
        config.write_text(json.dumps({
            "domains": domains, "probe": {"allow_private": True}, "dns": options, "policy": {"timeout": "2s"},
            "smtp": {"port": self.postfix.port, "timeout": "5s", "ip_families": ["ipv4"], "helo": "probe.e2e.test"},
            "tls": {"ca_file": str(self.authority.ca_file)}, "storage": {"path": str(self.folder / "state.db")}}))
        names = [domain if isinstance(domain, str) else domain["name"] for domain in domains]
        answer = subprocess.run([self.stack.exporter.binary, "check", f"--config.file={config}", "--format=json", *names],
                                capture_output=True, text=True, timeout=60, check=False)
        return {result["domain"]: result for result in json.loads(answer.stdout)}

    def test_check_says_what_the_zones_say(self):
        self.compare(self.check(list(self.cases)))

    def test_check_says_the_same_when_it_validates_by_itself(self):
        results = self.check(list(self.cases), trust_ad=False, validate="local", trust_anchor=str(self.anchor))
        self.compare(results)
        self.assertIn("signature expired", results["expired.insecure.example"]["results"][0]["message"])

    def compare(self, results):
        for domain, result in results.items():
            case = self.cases[domain]
            with self.subTest(case.about, domain=domain):
                dane = result["mx"][0]["dane"]
                self.assertEqual((dane["state"], dane["verified"]), (case.state, case.verified), result["unknown_reason"])
                self.assertEqual(sorted(fault["result_type"] for fault in result["results"]), sorted(case.results))
                about_dane = {"tlsa-rollover", "tlsa-unusable", "dane-insecure-mx", "lookup-failed", "dane-not-judged"}
                found = [finding["code"] for finding in result["findings"] if finding["code"] in about_dane]
                self.assertEqual(sorted(set(found) - ({"lookup-failed"} if case.state == "bogus" else set())), sorted(case.findings))

    def finger(self, host):
        """What posttls-finger says of TLS with the host, knowing no authority: it is verified by DANE, or not at all."""
        command = ["posttls-finger", "-c", "-l", "dane", "-t", "10", "-L", "summary",
                   f"[{host}]:{self.postfix.port}"]
        done = subprocess.run(with_resolver(self.folder, command), capture_output=True, text=True, timeout=60, check=False)
        return done.stdout + done.stderr

    def test_posttls_finger_agrees(self):
        for domain, case in self.cases.items():
            with self.subTest(case.about, domain=domain):
                self.assertRegex(self.finger(case.host), case.sender)

    def test_openssl_agrees(self):
        for domain, case in self.cases.items():
            if case.state != "usable" or not case.tlsa:
                continue
            host = next(each for each in self.hosts if each.address == self.address_of(case.host))
            with self.subTest(case.about, domain=domain):
                records = [word for record in case.tlsa for word in ("-dane_tlsa_rrdata", record)]
                command = ["openssl", "s_client", "-starttls", "smtp", "-connect", f"{host.address}:{self.postfix.port}", "-brief",
                           "-servername", case.host, "-dane_tlsa_domain", case.host, "-dane_ee_no_namechecks", *records]
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
                verified = "Verification: OK" in done.stderr
                self.assertEqual(verified, case.verified, done.stderr)

    def address_of(self, host):
        answer = run(self.folder, "drill", host, "@127.0.5.3", "A")
        return re.search(rf"{re.escape(host)}\.\s+\d+\s+IN\s+A\s+(\S+)", answer).group(1)

    def test_a_demand_for_dane(self):
        demands = {"good.dane.example": [], "none.dane.example": ["tlsa-missing"], "unusable.dane.example": ["tlsa-unusable"],
                   "nods.dane.example": ["insecure-address"], "hosted.insecure.example": ["insecure-mx"]}
        answers = self.check([{"name": domain, "require_dane": True} for domain in demands])
        for domain, reasons in demands.items():
            with self.subTest(domain):
                found = [fault["reason"] for fault in answers[domain]["results"] if fault["result_type"] == "dane-required"]
                self.assertEqual(found, reasons)

    def test_nobody_validates(self):
        for dns in ({"trust_ad": False}, {"validate": "off"}):
            with self.subTest(**dns):
                answer = self.check([{"name": "mismatch.dane.example", "require_dane": True}], **dns)["mismatch.dane.example"]
                self.assertEqual(answer["mx"][0]["dane"]["state"], "unknown")
                self.assertEqual(answer["results"], [])
                self.assertIn("dane-not-judged", [finding["code"] for finding in answer["findings"]])


if __name__ == "__main__":
    unittest.main()
