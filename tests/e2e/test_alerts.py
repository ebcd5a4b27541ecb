"""Every fault fires for real: from the exporter through the shipped rules and Alertmanager to a receiver, once."""
# SPDX-License-Identifier: Apache-2.0
import collections
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "dashboards"))
import dashboard_checks  # noqa: E402
from alerting import Alertmanager, AlertingPrometheus, Receivers, await_alerts  # noqa: E402
from case import StackCase  # noqa: E402
from process import wait_until  # noqa: E402
from reports import AUTHSERV_ID, ingest, mail, report  # noqa: E402

FIRING_SECONDS = 40
EXPECTED_MODE = "enforce"  # of domains whose policy was never seen, so that somebody misses it
MENDED = "mended"
REPORTED = ("certificate-expired", "good.mx.e2e.test", 7)  # of the domain "good", which every probe finds well

# domain, alert, result type, severity, mode in force, receiver, what the summary names
FIRING = (
    ("policy-expired", "TlsRptStsWebpkiInvalid", "sts-webpki-invalid", "high", "none", "tickets",
     "mta-sts.policy-expired.e2e.test"),
    ("policy-missing", "TlsRptStsPolicyFetchError", "sts-policy-fetch-error", "high", "none", "tickets",
     "mta-sts.policy-missing.e2e.test"),
    ("policy-invalid", "TlsRptStsPolicyInvalid", "sts-policy-invalid", "high", "none", "tickets",
     "mta-sts.policy-invalid.e2e.test"),
    ("mx-expired", "TlsRptCertificateExpired", "certificate-expired", "critical", "enforce", "page", "expired.mx.e2e.test"),
    ("mx-misnamed", "TlsRptCertificateHostMismatch", "certificate-host-mismatch", "critical", "enforce", "page",
     "misnamed.mx.e2e.test"),
    ("mx-selfsigned", "TlsRptCertificateNotTrusted", "certificate-not-trusted", "critical", "enforce", "page",
     "selfsigned.mx.e2e.test"),
    ("mx-plain", "TlsRptStarttlsNotSupported", "starttls-not-supported", "critical", "enforce", "page", "plain.mx.e2e.test"),
    ("mx-uncovered", "TlsRptValidationFailure", "validation-failure", "high", "enforce", "tickets", "plain.mx.e2e.test"),
)


def name(label):
    return f"{label}.e2e.test"


def reported_labels():
    return {"alertname": "TlsRptCertificateExpiredReported", "domain": name("good"), "result_type": REPORTED[0],
            "severity": "high", "mode": "enforce", "source": "report", "job": "mtasts"}


def wanted_labels(domain, alert, result_type, severity, mode):
    return {"alertname": alert, "domain": name(domain), "result_type": result_type, "severity": severity, "mode": mode,
            "source": "probe", "job": "mtasts"}


class Alerts(StackCase):
    @classmethod
    def setUpClass(cls):
        """Everything fires before the first test: the stack has been broken from the start."""
        cls.receivers = cls.enterClassContext(Receivers())
        cls.addClassCleanup(cls.restore)
        cls.expect_policies()
        cls.alertmanager = Alertmanager(cls.stack.folder / "alertmanager", cls.receivers)
        cls.prometheus = AlertingPrometheus(cls.stack.folder / "alerting", cls.stack.exporter.port, cls.alertmanager.port)
        for server in (cls.alertmanager, cls.prometheus):
            server.start()
            cls.addClassCleanup(server.stop)
        cls.report_failures()
        await_alerts(cls.receivers, "firing", [wanted_labels(*row[:5]) for row in FIRING], FIRING_SECONDS)

    @classmethod
    def report_failures(cls):
        """A sender reports what no probe sees, once Prometheus knows that nothing was reported before."""
        counted = 'mtasts_tlsrpt_sessions_total{domain="good.e2e.test",policy_type="sts",result="failure"}'
        wait_until(lambda: cls.prometheus.value(counted) == 0, FIRING_SECONDS, "the counter of reported sessions")
        assert ingest(cls.stack.exporter, mail(report(name("good"), "one", failures=[REPORTED]), "google.com")) == "counted"

    @classmethod
    def expect_policies(cls):
        missed = [domain for domain in cls.stack.domains if domain.startswith("policy-")] + [name(MENDED)]
        cls.stack.write_config([domain for domain in cls.stack.domains if domain not in missed]
                               + [{"name": domain, "expect_mode": EXPECTED_MODE} for domain in missed],
                               extra=f"tlsrpt: {{authserv_id: {AUTHSERV_ID}, http: {{enabled: true}}}}")
        cls.stack.exporter.reload()
        cls.stack.await_value(f'mtasts_policy_expected_mode{{domain="{name("policy-missing")}",mode="{EXPECTED_MODE}"}}', 1)

    @classmethod
    def restore(cls):
        cls.stack.write_config(cls.stack.domains)
        cls.stack.exporter.reload()
        cls.stack.await_value("count(mtasts_policy_expected_mode)", None)

    def test_every_result_type_is_in_the_api_of_alertmanager(self):
        listed = {(alert["labels"]["domain"], alert["labels"]["alertname"]): alert
                  for alert in self.alertmanager.alerts() if "domain" in alert["labels"]}
        for domain, alert, *labels, receiver, host in FIRING:
            with self.subTest(domain=domain):
                found = listed[(name(domain), alert)]
                self.assertEqual(found["labels"], wanted_labels(domain, alert, *labels))
                self.assertEqual([each["name"] for each in found["receivers"]], [receiver])
                self.assertEqual(found["status"]["state"], "active")
                self.assertIn(host, found["annotations"]["summary"])
                self.assertTrue(found["annotations"]["runbook_url"].endswith(f"/{labels[0]}.md"))

    def test_every_result_type_is_received_once(self):
        received = collections.Counter()
        where = {}
        for receiver, group, labels, annotations in self.receivers.alerts("firing"):
            key = (labels.get("domain"), labels["alertname"])
            received[key] += 1
            where[key] = (receiver, group, annotations)
        for domain, alert, result_type, _, _, receiver, host in FIRING:
            with self.subTest(domain=domain):
                key = (name(domain), alert)
                self.assertEqual(received[key], 1)
                heard_by, group, annotations = where[key]
                self.assertEqual(heard_by, receiver)
                page = {"alertname": alert, "job": "mtasts"}
                self.assertEqual(group, page if receiver == "page" else {"domain": name(domain)})
                self.assertIn(host, annotations["description"])

    def test_what_senders_report_is_received_beside_green_probes(self):
        await_alerts(self.receivers, "firing", [reported_labels()], FIRING_SECONDS)
        heard = [(receiver, annotations["summary"]) for receiver, _, labels, annotations in self.receivers.alerts("firing")
                 if labels == reported_labels()]
        self.assertEqual(heard, [("tickets", "good.e2e.test: senders report certificate-expired at good.mx.e2e.test")])
        self.assertEqual(self.prometheus.value('mtasts_probe_success{domain="good.e2e.test"}'), 1)

    def test_nobody_hears_of_domains_that_are_well(self):
        heard = {labels.get("domain") for _, _, labels, _ in self.receivers.alerts("firing") if labels.get("source") != "report"}
        for domain in ("good", "testing", "bare"):
            self.assertNotIn(name(domain), heard)

    def test_every_query_of_the_dashboards_is_answered(self):
        self.assertEqual(dashboard_checks.problems(f"http://127.0.0.1:{self.prometheus.port}"), [])

    def test_silent_hosts_page(self):
        await_alerts(self.receivers, "firing", [{"alertname": "MtaStsAllMxUnreachable", "domain": name("mx-dead"),
                                                 "severity": "critical"}], FIRING_SECONDS)

    def test_mending_resolves(self):
        """An invalid policy is corrected: its alert resolves, at Alertmanager and at the receiver."""
        alert = wanted_labels(MENDED, "TlsRptStsPolicyInvalid", "sts-policy-invalid", "high", "none")
        await_alerts(self.receivers, "firing", [alert], FIRING_SECONDS)
        self.stack.write_policy(MENDED, "enforce")
        await_alerts(self.receivers, "resolved", [alert], FIRING_SECONDS)
        wait_until(lambda: all(listed["labels"] != alert for listed in self.alertmanager.alerts()), FIRING_SECONDS,
                   "Alertmanager lists it no more")
        resolved = [labels.get("domain") for _, _, labels, _ in self.receivers.alerts("resolved")]
        self.assertNotIn(name("policy-invalid"), resolved)
