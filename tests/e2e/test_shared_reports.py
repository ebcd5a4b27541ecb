"""Reports in a PostgreSQL that three exporters share, each a shard: what is acknowledged counts once, come what may."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import json
import re
import subprocess
import threading
import time
import urllib.error
import urllib.request

from case import StackCase
from postgresql import Postgresql
from process import wait_until
from reports import AUTHSERV_ID, ingest, mail, report
from servers import Exporter, http

SHARDS = 3
TOKEN = "shared-secret-0123456789"
SHOWN_SECONDS = 30
SENDERS = 12
REPORTS = 120
SESSIONS = 5
STORE = 'mtasts_exporter_store_writable{store="reports"}'


class SharedReports(StackCase):
    @classmethod
    def setUpClass(cls):
        cls.database = Postgresql(cls.stack.folder / "postgresql")
        cls.addClassCleanup(cls.database.stop)
        cls.database.start()
        cls.database.make_user()
        cls.passfile = cls.stack.folder / "pgpass"
        cls.passfile.write_text(f"127.0.0.1:{cls.database.port}:*:*:{Postgresql.PASSWORD}\n")
        cls.passfile.chmod(0o600)

    def setUp(self):
        self.folder = self.stack.folder / self._testMethodName
        self.addCleanup(lambda: None if self.database.running else self.database.start())

    def exporter(self, index, url):
        """One of the shards, not started. It is stopped at the end."""
        exporter = Exporter(self.folder / f"shard-{index}", self.stack.exporter.binary, "")
        storage = f'path: "{exporter.folder}/state.db", url: "{url}"'
        exporter.config.write_text(self.stack.config_text(
            self.stack.domains, storage,
            f"sharding: {{index: {index}, count: {SHARDS}}}\n"
            f"tlsrpt: {{authserv_id: {AUTHSERV_ID}, http: {{enabled: true, tokens: [{TOKEN}]}}}}\n"))
        self.addCleanup(exporter.stop)
        return exporter

    def start_shards(self, name):
        """Three exporters at once on an empty database: they make its tables together."""
        self.database.make_database(name)
        exporters = [self.exporter(index, self.database.url(name, passfile=self.passfile)) for index in range(SHARDS)]
        with concurrent.futures.ThreadPoolExecutor(SHARDS) as pool:
            list(pool.map(Exporter.start, exporters))
        for exporter in exporters:
            self.await_series(exporter, "mtasts_tlsrpt_sessions_total")
        return exporters

    def metrics(self, exporter):
        status, body = http("GET", exporter.url("/metrics"))
        self.assertEqual(status, 200)
        return {series: float(value) for series, value in
                (line.rsplit(" ", 1) for line in body.splitlines() if line and not line.startswith("#"))}

    def await_series(self, exporter, family):
        wait_until(lambda: any(series.startswith(family) for series in self.metrics(exporter)), SHOWN_SECONDS,
                   lambda: f"{exporter.folder.name} shows {family}\n{exporter.tail()}")

    def await_value(self, exporter, series, value):
        wait_until(lambda: self.metrics(exporter).get(series) == value, SHOWN_SECONDS,
                   lambda: f"{series} is {value}; it is {self.metrics(exporter).get(series)}\n{exporter.tail()}")

    @staticmethod
    def post(exporter, text):
        """Returns (status, answer, headers)."""
        request = urllib.request.Request(exporter.url(f"/tlsrpt/{TOKEN}"), data=text.encode(),
                                         headers={"Content-Type": "application/tlsrpt+json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def successful(self, exporters):
        """Successful sessions by domain, each with the exporters that show them."""
        found = {}
        for exporter in exporters:
            for series, value in self.metrics(exporter).items():
                match = re.fullmatch(r'mtasts_tlsrpt_sessions_total\{domain="(.*)",policy_type="sts",result="success"\}', series)
                if match:
                    found.setdefault(match[1], []).append((exporter.folder.name, value))
        return found

    def test_everything_acknowledged_counts_once_while_the_database_is_killed(self):
        exporters = self.start_shards("counted")
        domains = self.stack.domains
        shards = [[self.metrics(exporter)[f"mtasts_exporter_{what}"] for what in ("shard_index", "shards")]
                  for exporter in exporters]
        self.assertEqual(shards, [[index, SHARDS] for index in range(SHARDS)])
        self.assertEqual({domain: len(shown) for domain, shown in self.successful(exporters).items()},
                         {domain: 1 for domain in domains})
        acknowledged, refused = threading.Semaphore(0), threading.Event()
        answers = []

        def send(number, exporter):
            """Comes again until it is told that the report is stored, as senders do."""
            text = report(domains[number % len(domains)], f"shared-{number}", successful=SESSIONS)
            while True:
                status, answer, headers = self.post(exporter, text)
                if status == 201:
                    answers.append(answer.split(":")[0])
                    acknowledged.release()
                    return
                self.assertIn(status, (429, 503), answer)
                self.assertGreater(int(headers["Retry-After"]), 0)
                if status == 503:
                    refused.set()
                time.sleep(0.2)  # a sender that comes too early, and not all the time

        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            # Every report goes to two exporters, of which one may own its domain, at the same time.
            sent = [pool.submit(send, number, exporters[(number + twin) % SHARDS])
                    for number in range(REPORTS) for twin in range(2)]
            for _ in range(REPORTS // 2):
                self.assertTrue(acknowledged.acquire(timeout=60))
            self.database.kill()
            self.assertTrue(refused.wait(60))
            self.database.start()
            for one in sent:
                one.result(timeout=60)
        self.assertEqual(set(answers), {"counted", "duplicate"})
        self.assertLessEqual(answers.count("counted"), REPORTS)  # less: some were stored when the connection was lost

        expected = {domain: SESSIONS * len(range(place, REPORTS, len(domains))) for place, domain in enumerate(domains)}
        wait_until(lambda: {domain: sum(value for _, value in shown)
                            for domain, shown in self.successful(exporters).items()} == expected,
                   SHOWN_SECONDS, lambda: f"{expected} in all; it is {self.successful(exporters)}")
        self.assertEqual([len(shown) for shown in self.successful(exporters).values()], [1] * len(domains))
        outcomes = 'mtasts_tlsrpt_reports_total{outcome="counted"}'
        self.assertEqual([self.metrics(exporter).get(outcomes) for exporter in exporters], [REPORTS, None, None])
        self.assertEqual(self.database.query("SELECT count(*) FROM report", "counted"), str(REPORTS))
        for exporter in exporters:
            self.await_value(exporter, STORE, 1)

    def test_probing_begins_without_the_database(self):
        self.database.make_database("late")
        self.database.kill()
        exporter = self.exporter(0, self.database.url("late", password=Postgresql.PASSWORD))
        exporter.start()
        self.await_value(exporter, STORE, 0)
        self.await_series(exporter, "mtasts_domain_state")
        self.assertFalse([series for series in self.metrics(exporter) if series.startswith("mtasts_tlsrpt_sessions_total")])
        status, answer, headers = self.post(exporter, report("good.e2e.test", "early"))
        self.assertEqual(status, 503, answer)
        self.assertIn("Retry-After", headers)
        status, page = http("GET", exporter.url("/reports"))
        self.assertEqual(status, 200)
        self.assertIn("cannot be reached", page)
        where = f"postgresql://mtasts@127.0.0.1:{self.database.port}/late"
        self.assertIn(f"storage.url '{where}' cannot be reached", exporter.log.read_text())

        self.database.start()
        wait_until(lambda: self.post(exporter, report("good.e2e.test", "early"))[0] == 201, SHOWN_SECONDS, "it is stored")
        self.await_value(exporter, STORE, 1)
        self.await_value(exporter, 'mtasts_tlsrpt_reports_total{outcome="counted"}', 1)
        wait_until(lambda: "early" in http("GET", exporter.url("/reports"))[1], SHOWN_SECONDS, "the page shows it")
        for text in (exporter.log.read_text(), page, *(http("GET", exporter.url(path))[1] for path in ("/", "/reports", "/metrics"))):
            self.assertNotIn(Postgresql.PASSWORD, text)

    def test_the_commands_know_the_shared_database(self):
        first, second, _ = self.start_shards("commands")
        domain = "good.e2e.test"
        failures = [("starttls-not-supported", "good.mx.e2e.test", 3)]
        text = mail(report(domain, "by-hand", failures=failures), "sender.example")
        self.assertEqual([ingest(first, text), ingest(second, text)], ["counted", "duplicate"])
        owners = [exporter for exporter in (first, second, _) if domain in self.successful([exporter])]
        self.assertEqual(len(owners), 1)
        series = f'mtasts_tlsrpt_failed_sessions_total{{domain="{domain}",result_type="starttls-not-supported"}}'
        self.await_value(owners[0], series, 3)
        for exporter in (first, second):
            self.assertIn("by-hand", http("GET", exporter.url("/reports"))[1])
            exported = self.run_command(exporter, "export")
            self.assertRegex(exported.stdout, rf'mtasts_tlsrpt_daily_failed_sessions\{{domain="{domain}".*\}} 3 ')
            checked = self.run_command(exporter, "check", domain, "--since=48h", "--format=json")
            history = json.loads(checked.stdout)[0]["history"]
            self.assertEqual([(fault["result_type"], fault["failed_sessions"]) for fault in history["faults"]],
                             [("starttls-not-supported", 3)])
        self.database.kill()
        for words in (["export"], ["ingest", "/dev/null"]):
            answer = self.run_command(first, *words)
            self.assertEqual(answer.returncode, 1)
            self.assertIn("cannot be reached", answer.stderr)

    @staticmethod
    def run_command(exporter, *words):
        return subprocess.run([exporter.binary, *words, f"--config.file={exporter.config}"], capture_output=True,
                              text=True, check=False, timeout=60)
