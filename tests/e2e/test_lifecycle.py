"""Restart, reload, a resolver that goes away, and the end (contract: "unknown is not 0")."""
# SPDX-License-Identifier: Apache-2.0
import re
import signal
import socket
import time

from case import StackCase
from process import wait_until
from reports import ingest, report
from servers import Unbound, http

DAY = 24 * 3600
STOP_SECONDS = 5
SHOWN_SECONDS = 30
RESOLVER = "127.0.7.53"  # of /etc/resolv.conf
NO_RESOLVER = "127.0.7.54"  # nothing listens there


class Lifecycle(StackCase):
    def setUp(self):
        self.exporter = self.stack.exporter

    def restore(self):
        """Back to the configuration and the servers that every test starts with."""
        self.stack.write_config(self.stack.domains)
        if not self.stack.unbound.running:
            self.stack.unbound.start()
        if not self.exporter.running:
            self.exporter.start()
        else:
            self.exporter.reload()
        self.stack.await_probed()

    def metrics(self):
        """The exposition without its comments, as {series: value}."""
        status, body = http("GET", self.exporter.url("/metrics"))
        self.assertEqual(status, 200)
        return dict(line.rsplit(" ", 1) for line in body.splitlines() if line and not line.startswith("#"))

    def test_restart_shows_the_last_verdicts_at_once(self):
        """Even with the resolver gone, so that nothing can have been probed anew."""
        pattern = re.compile(r"mtasts_(failure|failure_info|policy_mode|policy_in_force|policy_max_age_seconds|mx_covered|"
                             r"record_valid|domain_deliverable|mx_tls_verified)\{")
        before = {series: value for series, value in self.metrics().items() if pattern.match(series)}
        self.addCleanup(self.restore)
        status, seconds = self.exporter.stop()
        self.assertEqual(status, 0)
        self.assertLess(seconds, STOP_SECONDS)
        self.stack.unbound.stop()
        self.exporter.start()
        after = {series: value for series, value in self.metrics().items() if pattern.match(series)}
        self.assertEqual(after, before)

    def test_ingested_reports_show_up_beside_and_survive_a_kill(self):
        """Another process files them; their totals are those of the database, whoever dies."""
        counted = 'mtasts_tlsrpt_sessions_total{domain="testing.e2e.test",policy_type="sts",result="failure"}'
        self.addCleanup(self.restore)
        self.stack.write_config(self.stack.domains, extra="tlsrpt: {accept_unauthenticated: true}")
        self.assertEqual(self.metrics().get(counted, "0"), "0")
        self.assertEqual(self.ingest("one", 3), "counted")
        self.assertEqual(self.ingest("one", 3), "duplicate")
        self.assertEqual(self.ingest("one", 4), "conflict")
        self.assertTrue((self.exporter.folder / "state.db-wal").exists(), "the daemon's log was taken from under it")
        wait_until(lambda: self.metrics().get(counted) == "3", SHOWN_SECONDS, "the sessions of the report")
        self.exporter.signal(signal.SIGKILL)
        self.exporter.process.wait()
        self.exporter.start()
        after = self.metrics()
        self.assertEqual(after[counted], "3")
        self.assertEqual(after['mtasts_tlsrpt_reports_total{outcome="conflict"}'], "1")

    def ingest(self, report_id, failed):
        """Files a report that nobody vouches for. Returns its outcome."""
        return ingest(self.exporter, report("testing.e2e.test", report_id, failed=failed, day="2026-01-01"))

    def test_a_resolver_that_is_down_is_nobodys_fault(self):
        failures = self.stack.series("mtasts_failure == 1")
        modes = self.stack.series("mtasts_policy_mode")
        valid = self.stack.series("mtasts_record_valid")
        self.addCleanup(self.restore)
        self.stack.unbound.stop()
        for domain in ("good.e2e.test", "mx-plain.e2e.test"):
            self.stack.await_value(f'mtasts_domain_state{{domain="{domain}",state="unknown"}}', 1)
        self.assertEqual(self.stack.series("mtasts_failure == 1"), failures)
        self.assertEqual(self.stack.series("mtasts_policy_mode"), modes)
        self.assertEqual(self.stack.series("mtasts_record_valid"), valid)
        self.stack.unbound.start()
        self.stack.await_value('mtasts_domain_state{domain="good.e2e.test",state="ok"}', 1)
        self.stack.await_value('mtasts_domain_state{domain="mx-plain.e2e.test",state="failing"}', 1)
        self.assertEqual(self.stack.series("mtasts_failure == 1"), failures)

    def test_a_changed_resolv_conf_counts_by_itself(self):
        self.addCleanup(self.restore)
        self.addCleanup(self.exporter.stop)
        self.exporter.stop()
        resolver = Unbound(self.stack.folder / "unbound53", self.stack.records)
        resolver.config.write_text(resolver.config.read_text().replace("server:\n", f"server:\n  interface: {RESOLVER}@53\n"))
        resolver.start()
        self.addCleanup(resolver.stop)
        resolv_conf = self.stack.folder / "resolv.conf"
        resolv_conf.write_text(f"nameserver {NO_RESOLVER}\n")
        config = self.exporter.config.read_text()
        self.exporter.config.write_text(re.sub(r"servers: \[[^]]*\], ", "", config))
        mount = f'mount --bind {resolv_conf} /etc/resolv.conf && exec "$@"'
        self.exporter.start(wrapper=["unshare", "--mount", "sh", "-c", mount, "sh"])
        self.stack.await_value('mtasts_domain_state{domain="good.e2e.test",state="unknown"}', 1)
        resolv_conf.write_text(f"nameserver {RESOLVER}\n")
        self.stack.await_value('mtasts_domain_state{domain="good.e2e.test",state="ok"}', 1)

    def test_sighup_adds_and_removes_domains(self):
        self.addCleanup(self.restore)
        kept = [domain for domain in self.stack.domains if domain != "testing.e2e.test"]
        self.stack.write_config(kept + ["later.e2e.test"])
        self.exporter.reload()
        self.stack.await_value('mtasts_probe_success{domain="later.e2e.test"}', 1)
        self.stack.await_value('count({domain="testing.e2e.test"})', None)

    def test_a_bad_reload_keeps_the_old_configuration(self):
        self.addCleanup(self.restore)
        self.stack.write_config(self.stack.domains, extra="prob: {interval: 5s}\n")
        status, body = http("POST", self.exporter.url("/-/reload"))
        self.assertIn(status // 100, (4, 5), body)
        self.stack.await_value("mtasts_exporter_config_last_reload_successful", 0)
        self.assertEqual(self.stack.value('mtasts_domain_state{domain="good.e2e.test",state="ok"}'), 1)
        self.assertIn("probe", self.exporter.tail(200))  # "did you mean"
        self.stack.write_config(self.stack.domains)
        self.assertEqual(http("POST", self.exporter.url("/-/reload"))[0], 200)
        self.stack.await_value("mtasts_exporter_config_last_reload_successful", 1)

    def test_a_reload_refuses_what_a_start_refuses(self):
        self.addCleanup(self.restore)
        original = self.exporter.config.read_text()
        stored = f'path: "{self.exporter.folder}/state.db"'
        for storage, reason in ((stored + ', url: "postgresql://db"', "storage.url: cannot change in a running exporter"),
                                ('path: "other.db"', "it needs a restart")):
            with self.subTest(storage=storage):
                self.exporter.config.write_text(original.replace(stored, storage))
                status, body = http("POST", self.exporter.url("/-/reload"))
                self.assertEqual(status, 500, body)
                self.assertRegex(body, rf"config\.yaml:7: storage\.\w+: .*{reason[-20:]}")
                self.assertIn(reason, self.exporter.tail(10))
                self.stack.await_value("mtasts_exporter_config_last_reload_successful", 0)
                self.exporter.config.write_text(original)
                self.assertEqual(http("POST", self.exporter.url("/-/reload"))[0], 200)
                self.stack.await_value("mtasts_exporter_config_last_reload_successful", 1)
        self.assertFalse((self.exporter.folder / "other.db").exists())

    def test_a_reload_warns_as_a_start_does(self):
        failures = self.stack.series("mtasts_failure == 1")
        self.addCleanup(wait_until, lambda: self.stack.series("mtasts_failure == 1") == failures, 30, "all is as before")
        self.addCleanup(self.restore)
        self.stack.write_config([], extra="findings: {expiry_high: 1d}\n")
        self.assertEqual(http("POST", self.exporter.url("/-/reload"))[0], 200)
        said = self.exporter.tail(10)
        self.assertIn("level=warn", said)
        self.assertIn("domains: no domains to watch", said)
        self.assertIn("config.yaml:8: findings.expiry_high: has no effect yet", said)
        self.stack.await_value("count(mtasts_domain_state)", None)

    def test_a_reload_whose_trust_store_is_broken_changes_nothing(self):
        self.addCleanup(self.restore)
        broken = self.stack.folder / "broken.pem"
        broken.write_text("no certificate")
        self.stack.write_config(["later.e2e.test"], ca_file=broken)
        status, body = http("POST", self.exporter.url("/-/reload"))
        self.assertEqual(status, 500, body)
        self.assertIn("broken.pem", body)
        status, domains = http("GET", self.exporter.url("/sd"))
        self.assertIn("good.e2e.test", domains)
        # /probe knows the domains that are configured, and those alone
        self.assertEqual(http("GET", self.exporter.url("/probe?target=later.e2e.test"))[0], 404)
        self.assertEqual(http("GET", self.exporter.url("/probe?target=good.e2e.test"))[0], 200)

    def test_domain_files_are_watched_apart_from_the_configuration(self):
        """A new domain file counts without a reload, and not even a broken configuration file stands in its way."""
        self.addCleanup(self.restore)
        more = self.stack.folder / "more.txt"
        more.write_text("good.e2e.test # already there\n")
        self.stack.write_config(self.stack.domains, extra=f'domain_files: ["{more}"]\n')
        self.assertEqual(http("POST", self.exporter.url("/-/reload"))[0], 200)
        self.stack.write_config(self.stack.domains, extra="half: {edited\n")
        more.write_text("later.e2e.test\n")
        self.stack.await_value('mtasts_probe_success{domain="later.e2e.test"}', 1)
        taken = "mtasts_exporter_config_last_reload_successful"
        self.assertEqual(self.stack.value(taken), 1)
        said = self.exporter.said("no domain is left")
        more.write_text("# somebody empties it\n")
        self.stack.await_value(taken, 0)
        self.assertIn("later.e2e.test", http("GET", self.exporter.url("/sd"))[1])
        more.write_text("later.e2e.test\n")
        self.stack.await_value(taken, 1)
        self.assertEqual(self.exporter.said("no domain is left"), said + 1, "however often it was looked at")

    def test_a_wrong_clock_is_nobodys_fault(self):
        """Half a year ahead, every certificate looks expired."""
        failures = self.stack.series("mtasts_failure == 1")
        self.addCleanup(self.restore)
        self.addCleanup(self.exporter.stop)
        self.exporter.stop()
        self.exporter.start(clock=180 * DAY)
        for domain in ("good.e2e.test", "testing.e2e.test"):
            self.stack.await_value(f'mtasts_domain_state{{domain="{domain}",state="unknown"}}', 1)
        self.stack.await_value("abs(mtasts_exporter_clock_skew_seconds - 180 * 86400) < bool 5", 1)
        self.assertEqual(self.stack.series("mtasts_failure == 1"), failures)

    def test_the_start_time_is_told_where_proc_shows_processes_only(self):
        """As under ProcSubset=pid of the shipped unit, where there is no /proc/stat."""
        hide = "mount --bind /dev/null /proc/stat && exec \"$@\""
        self.addCleanup(self.restore)
        self.addCleanup(self.exporter.stop)
        self.exporter.stop()
        begun = time.time()
        self.exporter.start(wrapper=["unshare", "--mount", "sh", "-c", hide, "sh"])
        started = float(self.metrics()["process_start_time_seconds"])
        self.assertAlmostEqual(started, begun, delta=STOP_SECONDS)
        self.assertEqual(float(self.metrics()["process_start_time_seconds"]), started)

    def test_sigterm_ends_it_even_with_idle_clients(self):
        self.addCleanup(self.restore)
        clients = [socket.create_connection(("127.0.0.1", self.exporter.port)) for _ in range(20)]
        self.exporter.signal(signal.SIGTERM)
        begun = time.monotonic()
        wait_until(lambda: not self.exporter.running, STOP_SECONDS, "the exporter ends")
        self.assertLess(time.monotonic() - begun, STOP_SECONDS)
        self.assertEqual(self.exporter.process.returncode, 0)
        for client in clients:
            client.close()
