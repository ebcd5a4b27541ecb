"""The exporter with the domains of a fleet, and the Prometheus that scrapes it. Next: fleet_watch.py looks at both."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import re
import signal
import time
import urllib.request

import yaml

from measure import cpu_seconds, peak_kib, reset_peak, resident_kib
from process import wait_until
from servers import Exporter, Prometheus, http

READY_SECONDS = 30
READY_SECONDS_PER_DOMAIN = 0.001
STEP_SECONDS = 0.01
ANSWER_SECONDS = 120
NEVER = "30d"  # the longest interval there is
CHUNK = 1 << 20
MIB = 1024  # KiB


@dataclasses.dataclass(frozen=True)
class ScrapeCost:
    octets: int
    first: float  # seconds until the first octet
    cpu: float  # seconds
    seconds: float
    growth_kib: int  # the most that was resident beyond what was before


@dataclasses.dataclass
class Series:
    """What one exposition has."""
    total: int = 0
    most_of_domain: int = 0
    most_of_host: int = 0


class FleetExporter(Exporter):
    """Defaults but for where the lab is. Input: interval and concurrency as the configuration takes them."""

    def __init__(self, folder, binary, fixture, domains, interval, concurrency=None):
        super().__init__(folder, binary, "")
        self.fixture = fixture
        self.domains = domains
        self.hosts = {fixture.mx_of(domain) for domain in domains}
        self.concurrency = concurrency
        self.startup = 0.0  # seconds
        (self.folder / "domains.txt").write_text("".join(f"{domain}\n" for domain in domains))
        self.configure(interval)

    def configure(self, interval):
        """An interval of NEVER also means that nothing is tried again."""
        lab = self.fixture.config
        probe = {"interval": interval, "allow_private": True}
        if interval == NEVER:
            probe["retry_interval"] = NEVER
        if self.concurrency:
            probe["concurrency"] = self.concurrency
        names = {"domain_files": [str(self.folder / "domains.txt")]} if self.domains else {"domains": []}
        self.config.write_text(yaml.safe_dump({
            "probe": probe, "dns": {"servers": lab["dns"]["servers"]},
            "policy": {"port": lab["policy"]["port"], "http_port": 0},
            "smtp": {"port": lab["smtp"]["port"], "helo": lab["smtp"]["helo"]},
            "tls": lab["tls"], "storage": {"path": "./state.db"}, **names}))

    def start(self):
        begun = time.monotonic()
        self.spawn(self.command(), lambda: http("GET", self.url("/-/ready"))[0] == 200,
                   seconds=READY_SECONDS + READY_SECONDS_PER_DOMAIN * len(self.domains), step=STEP_SECONDS)
        self.startup = time.monotonic() - begun

    def rest(self):
        """No probe is due any more, but domains that never had a turn still get theirs."""
        self.configure(NEVER)
        status, body = http("POST", self.url("/-/reload"), timeout=ANSWER_SECONDS)
        if status != 200:
            raise AssertionError(f"the exporter refused its configuration: {body}")

    def await_idle(self):
        wait_until(lambda: self.value("mtasts_exporter_probes_in_flight") == 0, ANSWER_SECONDS, "no probe runs")

    @property
    def cpu(self):
        return cpu_seconds(self.process.pid)

    @property
    def resident(self):
        """KiB."""
        return resident_kib(self.process.pid)

    def look(self, *families):
        """The exposition of these families alone."""
        query = "&".join(f"name[]={family}" for family in families)
        status, body = http("GET", self.url(f"/metrics?{query}"), timeout=ANSWER_SECONDS)
        if status != 200:
            raise AssertionError(f"the exporter answers {status}: {body[:200]}\n{self.tail()}")
        return body

    def value(self, family):
        """The value of a family that has one series."""
        return float(re.search(rf"(?m)^{family} (\S+)$", self.look(family))[1])

    def scrape(self, gzip):
        """One scrape of everything. Its CPU time is that of the process meanwhile."""
        request = urllib.request.Request(self.url("/metrics"),
                                         headers={"Accept-Encoding": "gzip" if gzip else "identity"})
        pid = self.process.pid
        reset_peak(pid)
        resident, cpu, begun = resident_kib(pid), self.cpu, time.monotonic()
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            octets = len(answer.read(1))
            first = time.monotonic() - begun
            while chunk := answer.read(CHUNK):
                octets += len(chunk)
        return ScrapeCost(octets, first, self.cpu - cpu, time.monotonic() - begun, peak_kib(pid) - resident)

    def count_series(self):
        """Series have a label `domain`, or else `mx`, or belong to the exporter itself."""
        total, domains, hosts = 0, {}, {}
        label = re.compile(rb'[{,](domain|mx)="([^"]*)"')
        with urllib.request.urlopen(self.url("/metrics"), timeout=ANSWER_SECONDS) as answer:
            for line in answer:
                if line.startswith(b"#"):
                    continue
                total += 1
                owners = dict(label.findall(line))
                if name := owners.get(b"domain"):
                    domains[name] = domains.get(name, 0) + 1
                elif name := owners.get(b"mx"):
                    hosts[name] = hosts.get(name, 0) + 1
        return Series(total, max(domains.values(), default=0), max(hosts.values(), default=0))


class FleetPrometheus(Prometheus):
    """Scrapes everything. It keeps what the dashboard Exporter shows, unless it is told to keep all: that takes it
    several KiB a series, and the machine is the exporter's here."""

    KEPT = "(mtasts_exporter_|process_).*|mtasts_probe_timestamp_seconds;.*|mtasts_domain_state;pending"

    def __init__(self, folder, exporter, scrape_interval, keep_all):
        super().__init__(folder, exporter.port)
        self.scrape_interval = scrape_interval
        self._idle = f"global: {{scrape_interval: {scrape_interval}s, scrape_timeout: {scrape_interval}s}}\n"
        kept = "" if keep_all else f"""\
    metric_relabel_configs:
      - {{source_labels: [__name__, state], regex: '{self.KEPT}', action: keep}}
"""
        self._busy = self._idle + f"""\
scrape_configs:
  - job_name: mtasts
    static_configs: [{{targets: ["127.0.0.1:{exporter.port}"], labels: {{instance: fleet}}}}]
{kept}"""
        self.config.write_text(self._busy)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pause(self):
        """Lets no scrape disturb what is measured."""
        self._reload(self._idle, 0)

    def resume(self):
        self._reload(self._busy, 1)

    def _reload(self, config, targets):
        self.config.write_text(config)
        self.signal(signal.SIGHUP)
        wait_until(lambda: self._targets() == targets, ANSWER_SECONDS, f"Prometheus has {targets} targets")

    def _targets(self):
        status, body = http("GET", f"{self.url}/api/v1/targets?state=active")
        return len(json.loads(body)["data"]["activeTargets"]) if status == 200 else None
