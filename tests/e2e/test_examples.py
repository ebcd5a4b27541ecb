"""The example configurations for Prometheus, run as they are but for addresses and times (docs/getting-started.md)."""
# SPDX-License-Identifier: Apache-2.0
import pathlib
import tempfile

from alerting import GRAFANA
from case import StackCase
from process import wait_until
from servers import Prometheus

SCRAPED_SECONDS = 60
EXAMPLES = GRAFANA / "prometheus"


class ExamplePrometheus(Prometheus):
    """Prometheus with an example for its configuration. Input: the exporter's port."""

    def __init__(self, folder, example, target_port):
        super().__init__(folder, target_port)
        text = (EXAMPLES / example).read_text()
        for of_the_example, of_the_test in (("localhost:9974", f"127.0.0.1:{target_port}"),
                                            ("/etc/prometheus/mtasts", str(GRAFANA / "alerts")),
                                            ("interval: 1m", "interval: 1s"), ("interval: 4m", "interval: 5s"),
                                            ("timeout: 1m", "timeout: 1s"), ("timeout: 60s", "timeout: 5s")):
            text = text.replace(of_the_example, of_the_test)
        self.config.write_text(text)


class Examples(StackCase):
    def prometheus(self, example):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        prometheus = ExamplePrometheus(pathlib.Path(folder.name), example, self.stack.exporter.port)
        self.addCleanup(prometheus.stop)
        prometheus.start()
        return prometheus

    def await_domains(self, prometheus, expression, label):
        """Waits until an expression has a series for every domain, told by this label."""
        def seen():
            return sorted(labels[label] for labels, _ in prometheus.query_targets(expression))

        wait_until(lambda: seen() == sorted(self.stack.domains), SCRAPED_SECONDS,
                   lambda: f"one {expression} for every domain; there is {seen()}\n{prometheus.tail()}")

    def test_metrics(self):
        prometheus = self.prometheus("prometheus.example.yaml")
        self.await_domains(prometheus, "mtasts_record_valid", "domain")
        wait_until(lambda: prometheus.query('domain_result_type:mtasts_failure:severity{domain="mx-plain.e2e.test"}'),
                   SCRAPED_SECONDS, "the rules record a fault")

    def test_probe_with_http_sd(self):
        prometheus = self.prometheus("probe.example.yaml")
        self.await_domains(prometheus, "probe_success", "instance")
        good = prometheus.query_targets('probe_success{instance="good.e2e.test"}')
        self.assertEqual([(labels["job"], value) for labels, value in good], [("mtasts", 1.0)])
        wait_until(lambda: prometheus.query("mtasts_exporter_domains"), SCRAPED_SECONDS, "the exporter's own metrics")
        self.await_domains(prometheus, "mtasts_record_valid", "domain")  # one for each: not from both jobs
        for recorded in ("job:mtasts_domains:count", "job:mtasts_probe_targets:count"):  # what the Fleet dashboard asks for
            wait_until(lambda: prometheus.query_targets(recorded) == [({"__name__": recorded, "job": "mtasts"},
                                                                       float(len(self.stack.domains)))],
                       SCRAPED_SECONDS, lambda: f"{recorded} counts every domain; it is {prometheus.query_targets(recorded)}")
