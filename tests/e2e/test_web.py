"""The exporter's other pages: /probe, /sd, health, and what a bare scrape looks like (contract section 3)."""
# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import shutil
import subprocess
import time

from case import StackCase
from servers import http

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Web(StackCase):
    def get(self, path, **headers):
        return http("GET", self.stack.exporter.url(path), headers, timeout=30)

    def test_healthy_and_ready(self):
        self.assertEqual(self.get("/-/healthy")[0], 200)
        self.assertEqual(self.get("/-/ready")[0], 200)

    def test_sd_lists_the_configured_domains(self):
        status, body = self.get("/sd")
        self.assertEqual(status, 200)
        targets = {target for group in json.loads(body) for target in group["targets"]}
        self.assertEqual(targets, set(self.stack.domains))

    def test_probe_of_a_good_domain(self):
        status, body = self.get("/probe?target=good.e2e.test")
        self.assertEqual(status, 200)
        self.assertRegex(body, r"(?m)^probe_success 1$")
        self.assertRegex(body, r"(?m)^probe_duration_seconds [0-9.e-]+$")
        self.assertIn('mtasts_policy_max_age_seconds{domain="good.e2e.test"} 1209600', body)

    def test_probe_of_a_broken_domain(self):
        status, body = self.get("/probe?target=mx-plain.e2e.test")
        self.assertEqual(status, 200)
        self.assertRegex(body, r"(?m)^probe_success 0$")
        self.assertIn('result_type="starttls-not-supported",host="plain.mx.e2e.test"', body)

    def test_probe_refuses_what_is_not_configured(self):
        for path in ("/probe", "/probe?target=", "/probe?target=stranger.e2e.test", "/probe?target=not%20a%20name"):
            with self.subTest(path=path):
                self.assertIn(self.get(path)[0] // 100, (4,))

    def test_promtool_accepts_the_exposition(self):
        """Only the families that count days, which people asked for, may be complained about."""
        _, body = self.get("/metrics")
        check = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, check=False)
        complaints = [line for line in (check.stdout + check.stderr).splitlines() if line and "_expiry_days" not in line]
        self.assertEqual(complaints, [])

    def test_build_info_names_the_revision(self):
        """Where there is one: not in an unpacked archive, nor without git."""
        if not (REPOSITORY / ".git").exists() or not shutil.which("git"):
            self.skipTest("no repository")
        if subprocess.run(["git", "-C", REPOSITORY, "rev-parse", "HEAD"], capture_output=True, check=False).returncode != 0:
            self.skipTest("git does not answer")
        _, body = self.get("/metrics")
        self.assertRegex(body, r'mtasts_exporter_build_info\{revision="[0-9a-f]{7,}",version="')

    def test_the_api_explains_a_broken_domain(self):
        status, body = self.get("/api/v1/domains/mx-expired.e2e.test")
        self.assertEqual(status, 200)
        about = json.loads(body)
        fault, = about["results"]
        self.assertEqual((about["state"], about["mode"], about["deliverable"], about["coverage"]), ("failing", "enforce", False, 1))
        self.assertEqual((fault["result_type"], fault["host"], fault["reason"]),
                         ("certificate-expired", "expired.mx.e2e.test", "expired"))
        for words in ("message", "cause", "remedy", "runbook"):
            self.assertTrue(fault[words], words)
        self.assertEqual((about["policy"]["mode"], about["policy"]["mx"]), ("enforce", ["expired.mx.e2e.test"]))
        member, = about["mx"]
        self.assertEqual((member["host"], member["covered"], member["deliverable"]), ("expired.mx.e2e.test", True, False))
        host, = about["mx_hosts"]
        self.assertEqual((host["ipv4"]["reachable"], host["ipv4"]["starttls"], host["ipv4"]["verified"]), (True, True, False))
        self.assertRegex(host["ipv4"]["tls_version"], r"^TLSv1\.[23]$")
        self.assertLess(host["ipv4"]["certificate_not_after"], time.time())
        self.assertIsNone(host["ipv6"])

    def test_check_explains_a_broken_domain(self):
        command = [self.stack.exporter.binary, "check", f"--config.file={self.stack.exporter.config}", "--format=json"]
        answer = subprocess.run([*command, "mx-expired.e2e.test"], capture_output=True, text=True, check=False)
        self.assertEqual(answer.returncode, 2, answer.stderr)  # enforce, and no host that a sender may deliver to
        results = json.loads(answer.stdout)[0]["results"]
        self.assertIn("certificate-expired", [result["result_type"] for result in results])
        self.assertEqual(subprocess.run([*command, "good.e2e.test"], capture_output=True, check=False).returncode, 0)

    def test_check_prints_commands_that_show_the_fault(self):
        """Pasted into a shell as they stand, though no resolver of this machine knows the names."""
        shown = {"mx-expired.e2e.test": "certificate has expired",
                 "policy-misnamed.e2e.test": "DNS:elsewhere.e2e.test",
                 "policy-missing.e2e.test": "404 Not Found"}
        command = [self.stack.exporter.binary, "check", f"--config.file={self.stack.exporter.config}"]
        for domain, sign in shown.items():
            with self.subTest(domain=domain):
                text = subprocess.run([*command, domain], capture_output=True, text=True, check=False).stdout
                see_it = [line.split("See it: ")[1] for line in text.splitlines() if "See it: " in line]
                self.assertEqual(len(see_it), 1, text)
                pasted = subprocess.run(see_it[0], shell=True, capture_output=True, text=True, timeout=20, check=False)
                self.assertIn(sign, pasted.stdout + pasted.stderr, see_it[0])
