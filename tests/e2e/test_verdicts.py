"""What Prometheus stores about good and broken domains (contract sections 4 and 5)."""
# SPDX-License-Identifier: Apache-2.0
import stack as layout
from case import StackCase

# domain, result type, host at fault, reason
FAULTS = (
    ("policy-expired", "sts-webpki-invalid", "mta-sts.policy-expired.e2e.test", "certificate-expired"),
    ("policy-misnamed", "sts-webpki-invalid", "mta-sts.policy-misnamed.e2e.test", "name-mismatch"),
    ("policy-missing", "sts-policy-fetch-error", "mta-sts.policy-missing.e2e.test", "http-status"),
    ("policy-redirect", "sts-policy-fetch-error", "mta-sts.policy-redirect.e2e.test", "http-redirect"),
    ("policy-html", "sts-policy-fetch-error", "mta-sts.policy-html.e2e.test", "media-type"),
    ("policy-nohost", "sts-policy-fetch-error", "mta-sts.policy-nohost.e2e.test", "dns-nxdomain"),
    ("policy-invalid", "sts-policy-invalid", "mta-sts.policy-invalid.e2e.test", None),
    ("mx-expired", "certificate-expired", "expired.mx.e2e.test", "expired"),
    ("mx-misnamed", "certificate-host-mismatch", "misnamed.mx.e2e.test", "name-mismatch"),
    ("mx-selfsigned", "certificate-not-trusted", "selfsigned.mx.e2e.test", "self-signed"),
    ("mx-plain", "starttls-not-supported", "plain.mx.e2e.test", "not-offered"),
    ("mx-uncovered", "validation-failure", "plain.mx.e2e.test", "mx-mismatch"),
)
RESULT_TYPES = 11
FAULTLESS = ("good", "testing", "mx-dead", "bare")


class Verdicts(StackCase):
    def test_every_fault_has_its_result_type(self):
        for domain, result_type, host, reason in FAULTS:
            with self.subTest(domain=domain):
                selector = f'{{domain="{domain}.e2e.test",result_type="{result_type}"}}'
                self.assertEqual(self.stack.value("mtasts_failure" + selector), 1)
                hosts = {labels["host"]: labels["reason"]
                         for labels, _ in self.stack.prometheus.query("mtasts_failure_info" + selector)}
                self.assertIn(host, hosts)
                if reason is not None:
                    self.assertEqual(hosts[host], reason)

    def test_result_types_are_exported_together(self):
        counts = self.stack.series("count by (domain) (mtasts_failure)")
        self.assertEqual(set(counts.values()), {RESULT_TYPES})

    def test_nothing_else_fails(self):
        for domain in FAULTLESS:
            self.assertEqual(self.stack.value(f'sum(mtasts_failure{{domain="{domain}.e2e.test"}})'), 0, domain)
        expected = {(f"{domain}.e2e.test", result_type) for domain, result_type, _, _ in FAULTS}
        expected.add(("mx-uncovered.e2e.test", "starttls-not-supported"))  # its second host speaks no TLS either
        seen = {(labels["domain"], labels["result_type"]) for labels, _ in self.stack.prometheus.query("mtasts_failure == 1")}
        self.assertEqual(seen, expected)

    def test_the_five_values_of_a_good_domain(self):
        good = '{domain="good.e2e.test"}'
        self.assertEqual(self.stack.value("mtasts_policy_fetch_success" + good), 1)
        self.assertEqual(self.stack.value("mtasts_mx_coverage_ratio" + good), 1)
        self.assertEqual(self.stack.value("mtasts_policy_max_age_seconds" + good), layout.MAX_AGE)
        self.assertEqual(self.modes("mtasts_policy_mode", "good"), {"enforce": 1, "testing": 0, "none": 0})
        days = self.stack.value("mtasts_policy_cert_expiry_days" + good)
        self.assertAlmostEqual(days, layout.POLICY_CERTIFICATE_DAYS, delta=1)
        self.assertAlmostEqual(self.stack.value('mtasts_mx_cert_expiry_days{mx="good.mx.e2e.test",family="ipv4"}'),
                               layout.CERTIFICATE_DAYS, delta=1)

    def test_a_good_domain_succeeds(self):
        for metric, expected in (("mtasts_probe_success", 1), ("mtasts_record_valid", 1), ("mtasts_policy_valid", 1),
                                 ("mtasts_tlsrpt_record_valid", 1), ("mtasts_policy_http_status_code", 200),
                                 ("mtasts_domain_deliverable", 1), ("mtasts_mx_hosts", 1)):
            self.assertEqual(self.stack.value(f'{metric}{{domain="good.e2e.test"}}'), expected, metric)
        self.assertEqual(self.stack.value('mtasts_domain_state{domain="good.e2e.test",state="ok"}'), 1)

    def test_modes(self):
        self.assertEqual(self.modes("mtasts_policy_mode", "testing"), {"enforce": 0, "testing": 1, "none": 0})
        self.assertEqual(self.modes("mtasts_policy_in_force", "testing"), {"enforce": 0, "testing": 1, "none": 0})
        self.assertEqual(self.modes("mtasts_policy_mode", "policy-invalid"), {"enforce": 0, "testing": 0, "none": 0})
        self.assertEqual(self.stack.value('mtasts_policy_valid{domain="policy-invalid.e2e.test"}'), 0)
        self.assertEqual(self.stack.value('mtasts_policy_fetch_success{domain="policy-invalid.e2e.test"}'), 1)

    def test_fetch_errors_show_the_status(self):
        for domain, status in (("policy-missing", 404), ("policy-redirect", 301), ("policy-nohost", 0)):
            with self.subTest(domain=domain):
                self.assertEqual(self.stack.value(f'mtasts_policy_fetch_success{{domain="{domain}.e2e.test"}}'), 0)
                self.assertEqual(self.stack.value(f'mtasts_policy_http_status_code{{domain="{domain}.e2e.test"}}'), status)

    def test_an_expired_certificate_keeps_its_date(self):
        days = self.stack.value('mtasts_policy_cert_expiry_days{domain="policy-expired.e2e.test"}')
        self.assertAlmostEqual(days, -2, delta=1)
        self.assertAlmostEqual(self.stack.value('mtasts_mx_cert_expiry_days{mx="expired.mx.e2e.test",family="ipv4"}'), -3, delta=1)

    def test_coverage(self):
        covered = self.stack.series('mtasts_mx_covered{domain="mx-uncovered.e2e.test"}')
        self.assertEqual({dict(labels)["mx"]: value for labels, value in covered.items()},
                         {"good.mx.e2e.test": 1, "plain.mx.e2e.test": 0})
        self.assertEqual(self.stack.value('mtasts_mx_coverage_ratio{domain="mx-uncovered.e2e.test"}'), 0.5)
        self.assertEqual(self.stack.value('mtasts_domain_deliverable{domain="mx-uncovered.e2e.test"}'), 1)

    def test_an_enforced_broken_mx_is_not_deliverable(self):
        for domain in ("mx-expired", "mx-misnamed", "mx-selfsigned", "mx-plain"):
            self.assertEqual(self.stack.value(f'mtasts_domain_deliverable{{domain="{domain}.e2e.test"}}'), 0, domain)
            self.assertEqual(self.modes("mtasts_policy_in_force", domain)["enforce"], 1, domain)

    def test_unreachable_is_no_failure(self):
        """RFC 8460 section 4.3.4: a connection that fails is not a TLS failure."""
        self.assertEqual(self.stack.value('mtasts_mx_reachable{mx="dead.mx.e2e.test",family="ipv4"}'), 0)
        self.assertIsNone(self.stack.value('mtasts_mx_starttls{mx="dead.mx.e2e.test"}'))
        reasons = self.stack.prometheus.query('mtasts_mx_unreachable_info{mx="dead.mx.e2e.test"}')
        self.assertEqual([labels["reason"] for labels, _ in reasons], ["refused"])

    def test_a_domain_without_mta_sts(self):
        self.assertEqual(self.stack.value('mtasts_record_valid{domain="bare.e2e.test"}'), 0)
        self.assertEqual(self.stack.value('mtasts_probe_success{domain="bare.e2e.test"}'), 0)
        self.assertIsNone(self.stack.value('mtasts_mx_coverage_ratio{domain="bare.e2e.test"}'))

    def test_a_shared_mx_host_has_one_set_of_series(self):
        self.assertEqual(self.stack.value('count(mtasts_mx_reachable{mx="good.mx.e2e.test"})'), 1)

    def modes(self, metric, domain):
        return {dict(labels)["mode"]: value
                for labels, value in self.stack.series(f'{metric}{{domain="{domain}.e2e.test"}}').items()}
