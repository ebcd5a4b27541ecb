"""`advise` beside the running daemon: what it allows, what it would have published, and the way back."""
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess

from case import StackCase

CRLF = b"\r\n"


class Advise(StackCase):
    def advise(self, *words):
        """The answer of the command, run as a person would."""
        return subprocess.run([self.stack.exporter.binary, "advise", *words,
                               f"--config.file={self.stack.exporter.config}"], capture_output=True, text=True,
                              check=False, timeout=60)

    def advised(self, label, *words):
        answer = self.advise(f"{label}.e2e.test", "--format=json", *words)
        return answer.returncode, json.loads(answer.stdout)[0]

    def lint(self, *words):
        return subprocess.run([self.stack.exporter.binary, "lint", *words], capture_output=True, text=True, check=False,
                              timeout=60)

    def expect_valid(self, proposal):
        """What is proposed, the program itself calls valid."""
        publication = proposal["publication"]
        file = self.stack.folder / "proposed.txt"
        file.write_bytes(publication["file"].encode())
        answer = self.lint("policy", file)
        self.assertEqual((answer.returncode, answer.stderr), (0, ""), answer.stdout)
        record = self.lint("record", publication["txt"], "--format=json")
        self.assertEqual(record.returncode, 0, record.stdout)
        self.assertEqual(json.loads(record.stdout)["id"], publication["id"])

    def test_watched_for_minutes_is_not_ready(self):
        status, advice = self.advised("testing")
        self.assertEqual((status, advice["phase"], advice["ready"]), (1, "initial-testing", False))
        self.assertEqual(advice["next"]["mode"], "testing")
        self.assertIsNone(advice["next"]["proposal"], "nothing to publish by mistake")
        codes = {obstacle["code"] for obstacle in advice["obstacles"] if obstacle["blocks"]}
        self.assertEqual(codes, {"watched-too-short", "phase-too-short"}, "the daemon's memory was read")
        self.assertGreater(advice["come_back"], advice["phase_since"])

    def test_without_a_database_it_says_what_it_does_not_know(self):
        config = self.stack.folder / "no-database.yaml"
        config.write_text(self.stack.exporter.config.read_text().replace("/state.db", "/there-is-none.db"))
        answer = subprocess.run([self.stack.exporter.binary, "advise", "testing.e2e.test", "--format=json",
                                 f"--config.file={config}"], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual((answer.returncode, answer.stderr), (1, ""))
        codes = {obstacle["code"] for obstacle in json.loads(answer.stdout)[0]["obstacles"] if obstacle["blocks"]}
        self.assertEqual(codes, {"no-memory"})

    def test_stable_is_where_it_should_be(self):
        status, advice = self.advised("good")
        self.assertEqual((status, advice["phase"], advice["next"]), (0, "stable-enforce", None))

    def test_a_domain_without_mta_sts_may_begin(self):
        status, advice = self.advised("bare")
        self.assertEqual((status, advice["phase"], advice["ready"]), (0, "none", True))
        self.assertEqual(advice["next"]["proposal"]["publication"]["policy"],
                         {"mode": "testing", "max_age": 86400, "mx": ["good.mx.e2e.test"]})
        self.expect_valid(advice["next"]["proposal"])

    def test_broken_is_said_and_repaired(self):
        status, advice = self.advised("mx-uncovered")
        self.assertEqual((status, advice["phase"]), (2, "broken"))
        self.assertEqual(advice["repair"]["publication"]["policy"]["mx"], ["good.mx.e2e.test", "plain.mx.e2e.test"])
        self.expect_valid(advice["repair"])

    def test_the_way_back(self):
        status, plan = self.advised("mx-expired", "--rollback")
        self.assertEqual((status, plan["needed"]), (2, True))
        self.assertIn("expired.mx.e2e.test", plan["quicker"])
        bounds = plan["enforced_until"]
        self.assertLess(bounds["soonest"], bounds["latest"])
        self.assertEqual(plan["testing"]["publication"]["policy"],
                         {"mode": "testing", "max_age": 86400, "mx": ["expired.mx.e2e.test"]})
        for proposal in ("testing", "leave"):
            self.expect_valid(plan[proposal])

    def test_a_rollback_that_reaches_nobody(self):
        _, plan = self.advised("policy-expired", "--rollback")
        self.assertEqual((plan["phase"], plan["needed"]), ("broken", False), "nobody ever fetched it")

    def test_nothing_to_roll_back(self):
        status, plan = self.advised("testing", "--rollback")
        self.assertEqual((status, plan["needed"]), (0, False))

    def test_the_file_is_written_with_crlf_and_never_over_another(self):
        folder = self.stack.folder / "written"
        folder.mkdir()
        answer = self.advise("mx-expired.e2e.test", "--rollback", "--write", str(folder))
        self.assertEqual(answer.returncode, 2, answer.stderr)
        written = (folder / "mta-sts.txt").read_bytes()
        self.assertEqual(written.split(CRLF),
                         [b"version: STSv1", b"mode: testing", b"mx: expired.mx.e2e.test", b"max_age: 86400", b""])
        again = self.advise("mx-expired.e2e.test", "--rollback", "--write", str(folder))
        self.assertEqual(again.returncode, 3)
        self.assertIn("exists already", again.stderr)

    def test_the_text_can_be_read_and_pasted(self):
        answer = self.advise("bare.e2e.test", "mx-expired.e2e.test")
        self.assertEqual(answer.returncode, 2, "the worst of both")
        lines = answer.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines)), 100)
        self.assertIn("mx: good.mx.e2e.test", lines, "at the left margin")
        self.assertIn("  mtasts_exporter advise --rollback mx-expired.e2e.test", lines)

    def test_the_metric(self):
        self.stack.await_value('mtasts_rollout_ready{domain="testing.e2e.test"}', 0.0)
        self.assertIsNone(self.stack.value('mtasts_rollout_ready{domain="bare.e2e.test"}'))
        self.stack.await_value('mtasts_last_failure_timestamp_seconds{domain="mx-expired.e2e.test",source="probe"} > bool 0', 1.0)
        self.assertIsNone(self.stack.value('mtasts_last_failure_timestamp_seconds{domain="good.e2e.test",source="probe"}'))
