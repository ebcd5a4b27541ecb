#!/usr/bin/env python3
"""Tests of the example Alertmanager configuration: valid, routes as described, and inhibition on a real Alertmanager.

Next: grafana/alertmanager/alertmanager.example.yaml, and tests/e2e/alerting.py for the Alertmanager and its receivers.
"""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from alerting import ALERTMANAGER_CONFIG, Alertmanager, Receivers, await_alerts  # noqa: E402

NOTIFIED_SECONDS = 30
ROUTE_TIMES = {"group_wait": "500ms", "group_interval": "1s"}

# Labels, and the receiver that hears of it.
ROUTES = (
    ("alertname=TlsRptStarttlsNotSupported domain=a.example severity=critical mode=enforce", "page"),
    ("alertname=TlsRptStarttlsNotSupported domain=a.example severity=critical mode=none", "page"),
    ("alertname=TlsRptStarttlsNotSupported domain=a.example severity=critical mode=testing", "tickets"),
    ("alertname=MtaStsAllMxUnreachable domain=a.example severity=critical mode=enforce", "page"),
    ("alertname=MtaStsAllMxUnreachable domain=a.example severity=critical mode=testing", "page"),
    ("alertname=MtaStsNoSuchDomain domain=a.example severity=critical mode=enforce", "page"),
    ("alertname=MtaStsNoSuchDomain domain=a.example severity=critical mode=testing", "page"),
    ("alertname=TlsRptTlsaInvalid domain=a.example severity=critical mode=testing", "page"),
    ("alertname=TlsRptDnssecInvalid domain=a.example severity=critical mode=testing", "page"),
    ("alertname=TlsRptDnssecInvalid domain=a.example severity=high mode=testing", "tickets"),
    ("alertname=TlsRptDaneRequired domain=a.example severity=critical mode=testing", "tickets"),
    ("alertname=TlsRptCertificateExpired domain=a.example severity=high mode=enforce", "tickets"),
    ("alertname=TlsRptCertificateExpiredReported domain=a.example severity=high mode=testing", "tickets"),
    ("alertname=MtaStsExporterDown instance=a:9974 severity=high", "tickets"),
    ("alertname=MtaStsShardMissing job=mtasts severity=high", "tickets"),
    ("alertname=MtaStsMxCertificateExpiring mx=mx.example severity=warning mode=enforce", "digest"),
    ("alertname=MtaStsMxSetChanged domain=a.example severity=warning mode=testing", "tickets"),
    ("alertname=MtaStsMxSetChanged domain=a.example severity=high mode=enforce", "tickets"),
    ("alertname=MtaStsMaxAgeShort domain=a.example severity=warning mode=testing", "digest"),
    ("alertname=MtaStsStateUnknown severity=warning", "digest"),
    ("alertname=SomethingElse severity=critical", "tickets"),  # the receiver for all that is not ours
)

DOWN = {"alertname": "MtaStsExporterDown", "severity": "high", "job": "mtasts", "instance": "a:9974"}
STALE = {"alertname": "MtaStsResultsStale", "severity": "warning", "job": "mtasts", "instance": "a:9974"}
UNKNOWN = {"alertname": "MtaStsStateUnknown", "severity": "warning", "job": "mtasts"}
RESOLVER = {"alertname": "MtaStsResolverFailing", "severity": "high", "job": "mtasts", "instance": "a:9974"}
EGRESS = {"alertname": "MtaStsEgressLost", "severity": "high", "job": "mtasts", "instance": "a:9974", "kind": "smtp",
          "family": "ipv6"}
NO_IPV6 = {"alertname": "MtaStsIpFamilyLost", "severity": "warning", "job": "mtasts", "instance": "a:9974", "family": "ipv6"}
FAULT = {"alertname": "TlsRptCertificateExpired", "domain": "a.example", "result_type": "certificate-expired", "job": "mtasts",
         "source": "probe", "severity": "high", "mode": "enforce"}
REPORTED = FAULT | {"alertname": "TlsRptCertificateExpiredReported", "source": "report"}
UNFETCHED = FAULT | {"alertname": "TlsRptStsPolicyFetchError", "result_type": "sts-policy-fetch-error"}
NOT_COVERED = {"alertname": "MtaStsMxNotCovered", "domain": "a.example", "job": "mtasts", "source": "probe",
               "severity": "high", "mode": "enforce"}
ALL_SILENT = NOT_COVERED | {"alertname": "MtaStsAllMxUnreachable", "severity": "critical"}
NO_DOMAIN = ALL_SILENT | {"alertname": "MtaStsNoSuchDomain"}
NO_RECORD = NOT_COVERED | {"alertname": "MtaStsRecordInvalid"}
NO_REPORTS = NOT_COVERED | {"alertname": "MtaStsTlsrptRecordMissing", "severity": "warning"}
CRITICAL = {"severity": "critical"}
OTHER_INSTANCE, OTHER_JOB, OTHER_DOMAIN = {"instance": "b:9974"}, {"job": "probe"}, {"domain": "b.example"}

# What fires, what of it stays silent, and what else is heard.
INHIBITIONS = (
    ("an exporter that is down silences its own staleness alone", [DOWN], [STALE],
     [STALE | OTHER_INSTANCE, STALE | OTHER_JOB, UNKNOWN, FAULT]),
    ("no exporter at all silences nothing", [{"alertname": "MtaStsExporterDown", "severity": "high"}], [], [STALE, UNKNOWN]),
    ("a failing resolver silences what follows from it", [RESOLVER], [STALE, UNKNOWN],
     [STALE | OTHER_INSTANCE, STALE | OTHER_JOB, UNKNOWN | OTHER_JOB, FAULT, ALL_SILENT]),
    ("a lost way out silences what follows from it", [EGRESS], [STALE, UNKNOWN],
     [STALE | OTHER_INSTANCE, UNKNOWN | OTHER_JOB, UNFETCHED, ALL_SILENT]),
    ("a lost family silences that nobody answers over it", [NO_IPV6], [EGRESS],
     [EGRESS | {"family": "ipv4"}, EGRESS | OTHER_INSTANCE]),
    ("a domain that is gone silences what is gone with it", [NO_DOMAIN], [NO_RECORD, NO_REPORTS, UNFETCHED],
     [NO_RECORD | OTHER_DOMAIN, NO_RECORD | OTHER_JOB, NOT_COVERED, FAULT]),
    ("critical silences high for the same domain and type, from reports as well", [FAULT | CRITICAL], [FAULT, REPORTED],
     [FAULT | OTHER_DOMAIN, UNFETCHED, NOT_COVERED]),
    ("critical without a type silences nothing", [ALL_SILENT], [], [FAULT, REPORTED, NOT_COVERED]),
    ("a policy that cannot be fetched silences nothing about MX hosts", [UNFETCHED | CRITICAL], [UNFETCHED],
     [FAULT, REPORTED, NOT_COVERED, FAULT | CRITICAL | OTHER_DOMAIN]),
)


def amtool(*arguments):
    return subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)


class Configuration(unittest.TestCase):
    def test_amtool_accepts_it(self):
        answer = amtool("check-config", str(ALERTMANAGER_CONFIG))
        self.assertEqual(answer.returncode, 0, answer.stdout + answer.stderr)

    def test_routes(self):
        for labels, receiver in ROUTES:
            with self.subTest(labels=labels):
                answer = amtool("config", "routes", "test", f"--config.file={ALERTMANAGER_CONFIG}", *labels.split())
                self.assertEqual(answer.stdout.strip(), receiver, answer.stderr)


class Notifications(unittest.TestCase):
    """Each test has an Alertmanager of its own."""

    def setUp(self):
        self.receivers = self.enterContext(Receivers())
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="mtasts-alertmanager-"))
        self.alertmanager = Alertmanager(folder, self.receivers, ROUTE_TIMES)
        self.alertmanager.start()
        self.addCleanup(self.alertmanager.stop)

    def heard(self):
        return [labels for _, _, labels, _ in self.receivers.alerts("firing")]

    def check_inhibition(self, sources, silent, heard):
        """All are posted at once. The silent ones are suppressed, and never come, though what was posted later does."""
        loud = sources + heard
        self.alertmanager.post(loud + silent)
        await_alerts(self.receivers, "firing", loud, NOTIFIED_SECONDS)
        suppressed = [alert["labels"] for alert in self.alertmanager.alerts() if alert["status"]["state"] == "suppressed"]
        self.assertCountEqual(suppressed, silent)
        later = {"alertname": "MtaStsMxSetChanged", "severity": "warning", "domain": "later.example"}
        self.alertmanager.post([later])
        await_alerts(self.receivers, "firing", [later], NOTIFIED_SECONDS)
        for labels in silent:
            self.assertNotIn(labels, self.heard())

    def test_groups(self):
        """Tickets by domain, by MX host, by exporter."""
        mx = {"alertname": "MtaStsMxCertificateExpiring", "mx": "mx.example", "severity": "high", "job": "mtasts"}
        self.check_groups([FAULT, UNFETCHED, FAULT | OTHER_DOMAIN, mx, mx | {"source": "probe"}, DOWN, RESOLVER,
                           DOWN | OTHER_INSTANCE],
                          [("tickets", {"domain": "a.example"}, 2), ("tickets", {"domain": "b.example"}, 1),
                           ("tickets", {"mx": "mx.example"}, 2), ("tickets", {"instance": "a:9974"}, 2),
                           ("tickets", {"instance": "b:9974"}, 1)])

    def test_one_page_however_many_domains(self):
        domains = [{"domain": f"{number}.example"} for number in range(20)]
        silent, plain = ALL_SILENT, FAULT | CRITICAL
        self.check_groups([silent | domain for domain in domains] + [plain | domain for domain in domains] +
                          [silent | {"mode": "testing"}, silent | OTHER_JOB],
                          [("page", {"alertname": silent["alertname"], "job": "mtasts"}, 21),
                           ("page", {"alertname": plain["alertname"], "job": "mtasts"}, 20),
                           ("page", {"alertname": silent["alertname"], "job": "probe"}, 1)])

    def test_one_digest(self):
        self.check_groups([NO_REPORTS, NO_REPORTS | OTHER_DOMAIN, STALE, STALE | OTHER_INSTANCE, NO_REPORTS | OTHER_JOB],
                          [("digest", {"job": "mtasts"}, 4), ("digest", {"job": "probe"}, 1)])

    def check_groups(self, alerts, groups):
        """All are posted at once. Input: groups are (receiver, labels of the group, number of alerts)."""
        self.alertmanager.post(alerts)
        await_alerts(self.receivers, "firing", alerts, NOTIFIED_SECONDS)
        heard = [(receiver, notification["groupLabels"], len(notification["alerts"]))
                 for receiver, notification in self.receivers.notifications()]
        self.assertCountEqual(heard, groups)


def inhibition_test(sources, silent, heard):
    return lambda self: self.check_inhibition(sources, silent, heard)


for name, *parts in INHIBITIONS:
    setattr(Notifications, "test_" + name.replace(",", "").replace(" ", "_"), inhibition_test(*parts))


if __name__ == "__main__":
    unittest.main(verbosity=2)
