"""`check --since`: what tells whether a repair has worked, from the daemon's memory and from reports."""
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import time

from case import StackCase
from reports import report


class CheckSince(StackCase):
    def check(self, label, *words, config=None):
        return subprocess.run([self.stack.exporter.binary, "check", f"{label}.e2e.test", *words,
                               f"--config.file={config or self.stack.exporter.config}"], capture_output=True, text=True,
                              check=False, timeout=60)

    def config(self, name, database, extra=""):
        """The exporter's configuration with a database of its own."""
        path = self.stack.folder / name
        path.write_text(self.stack.exporter.config.read_text().replace("/state.db", database) + extra)
        return path

    def history(self, label):
        return json.loads(self.check(label, "--since=48h", "--format=json").stdout)[0]["history"]

    def test_nothing_was_seen(self):
        history = self.history("testing")
        self.assertEqual(history["faults"], [])
        self.assertLess(history["watched_since"], time.time())
        text = self.check("testing", "--since", "48h").stdout
        self.assertIn("In the last 2 days", text)
        self.assertIn("No fault was seen.", text)

    def test_what_is_still_there(self):
        faults = self.history("mx-expired")["faults"]
        self.assertEqual([(fault["result_type"], fault["host"], fault["now"]) for fault in faults],
                         [("certificate-expired", "expired.mx.e2e.test", True)])
        text = self.check("mx-expired", "--since=48h").stdout
        self.assertIn("certificate-expired at expired.mx.e2e.test: still there", text)
        self.assertIn("Watched by the daemon since", text)

    def test_what_only_a_report_saw(self):
        config = self.config("since-reports.yaml", "/since-reports.db", "tlsrpt: {accept_unauthenticated: true}\n")
        failures = [("starttls-not-supported", "good.mx.e2e.test", 3)]
        ingested = subprocess.run([self.stack.exporter.binary, "ingest", "-", f"--config.file={config}"],
                                  input=report("bare.e2e.test", "since-1", failures=failures), capture_output=True,
                                  text=True, check=False, timeout=60)
        self.assertEqual(ingested.returncode, 0, ingested.stdout + ingested.stderr)
        answer = self.check("bare", "--since=48h", "--format=json", config=config)
        history = json.loads(answer.stdout)[0]["history"]
        self.assertEqual([(fault["result_type"], fault["host"], fault["now"], fault["last_probe"],
                           fault["failed_sessions"]) for fault in history["faults"]],
                         [("starttls-not-supported", "good.mx.e2e.test", False, None, 3)])
        self.assertEqual((history["reports"], history["watched_since"]), (1, None))
        text = " ".join(self.check("bare", "--since=48h", config=config).stdout.split())
        self.assertIn("The daemon has not watched the domain: nothing is known of earlier probes. 1 report counts, the last", text)
        self.assertIn("starttls-not-supported at good.mx.e2e.test: not seen now Last report: up to", text)
        self.assertIn("; 3 failed sessions in all", text)

    def test_without_it_nothing_is_looked_up(self):
        self.assertIsNone(json.loads(self.check("good", "--format=json").stdout)[0]["history"])

    def test_no_duration(self):
        answer = self.check("good", "--since=yesterday")
        self.assertEqual((answer.returncode, answer.stdout), (3, ""))
        self.assertIn("write for example 48h", answer.stderr)

    def test_no_database(self):
        config = self.config("since-no-database.yaml", "/there-is-none.db")
        answer = self.check("good", "--since=48h", config=config)
        self.assertEqual((answer.returncode, answer.stdout), (3, ""))
        self.assertIn("does not exist", answer.stderr)
