"""mtasts_exporter under measurement: its first pass over all domains, then passes over what it knows already."""
# SPDX-License-Identifier: Apache-2.0
import re
import time
import urllib.request

import yaml

from measure import Meter, cpu_seconds
from process import wait_until
from servers import Exporter, http

PASS_SECONDS = 900
STEP_SECONDS = 0.02
SCRAPE_SECONDS = 0.2  # a scrape costs CPU time that counts, so there are few:
SCRAPE_SECONDS_PER_DOMAIN = 0.0002  # and fewer where one is large
# Per domain: _mta-sts, _smtp._tls, MX, and the address of the policy host; one more per MX host. Its mailbox for
# reports is at the domain itself, whose MX set is known.
QUERIES_PER_DOMAIN = 4
AT_ONCE, AT_REST = "1s", "1h"  # intervals
LOOK_SECONDS = 1.2  # the exporter looks at its clocks once a second
TIMEOUT = "5s"


class Ours(Exporter):
    """One process, from no domains to all of them probed several times."""

    def __init__(self, folder, binary, fixture, domains, concurrency, threads=1):
        self.fixture = fixture
        self.threads = threads
        self.domains = domains
        self.concurrency = concurrency
        hosts = len({fixture.mx_of(domain) for domain in domains})
        self.queries = QUERIES_PER_DOMAIN * len(domains) + hosts
        self.probes = len(domains) + hosts
        super().__init__(folder, binary, self._configuration([], AT_REST))

    def _configuration(self, domains, interval):
        """Defaults but for where the lab is, one address family, short timeouts, and the size and pace of the pass."""
        lab = self.fixture.config
        return yaml.dump({
            "probe": {"interval": interval, "concurrency": self.concurrency, "threads": self.threads,
                      "allow_private": True},
            "dns": {"servers": lab["dns"]["servers"], "timeout": TIMEOUT},
            "policy": {"port": lab["policy"]["port"], "timeout": TIMEOUT},
            "smtp": {"port": lab["smtp"]["port"], "helo": lab["smtp"]["helo"], "ip_families": ["ipv4"],
                     "timeout": TIMEOUT},
            "tls": lab["tls"],
            "storage": {"path": "./state.db"},
            "domains": domains}, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))

    def _load(self, interval):
        self.config.write_text(self._configuration(self.domains, interval))
        status, body = http("POST", self.url("/-/reload"), timeout=60)
        if status != 200:
            raise AssertionError(f"the exporter refused its configuration: {body}")

    def first_pass(self):
        """Nothing is known yet."""
        asked = self.fixture.queries()
        meter = self._begin()
        self._await_queries(asked + self.queries)
        pause = max(SCRAPE_SECONDS, SCRAPE_SECONDS_PER_DOMAIN * len(self.domains))
        wait_until(lambda: sum(self._outcomes()) >= self.probes, PASS_SECONDS, "the last probes end", pause)
        cost = meter.cost(len(self.domains), self.concurrency)
        cost.failures = self._false_failures()
        time.sleep(LOOK_SECONDS)
        cost.split = {activity: 1000 * spent / len(self.domains) for activity, spent in self._busy().items()}
        return cost

    def most_of_first_pass(self, share):
        """The same until that share of all sessions was had. At the end of a pass with dead hosts only these are left,
        in such number that the exporter takes its own way out for closed, and puts off what hangs on it."""
        had = self.fixture.sessions()
        meter = self._begin()
        wanted = had + share * self.fixture.population.sessions
        self._await(lambda: self.fixture.sessions() >= wanted, f"{share:.0%} of the sessions")
        return meter.cost(share * len(self.domains), self.concurrency)

    def _begin(self):
        """An interval of a second makes every domain due within that second; an hour after it keeps those that have had
        their turn from having another."""
        meter = Meter(self.process.pid, self.fixture)
        self._load(AT_ONCE)
        self._load(AT_REST)
        return meter

    def later_pass(self):
        """Domains are due all the time, the longest waiting first. Counts one pass, once each has had a second one."""
        asked = self.fixture.queries()
        self._load(AT_ONCE)
        self._await_queries(asked + self.queries * 3 // 2)
        busy, before = self._refreshed()
        meter, asked = Meter(self.process.pid, self.fixture), self.fixture.queries()
        self._await_queries(asked + self.queries)
        busy_then, ended = self._refreshed()
        cost = meter.cost(len(self.domains), self.concurrency)
        cost.domains *= (ended - before) / self.probes
        cost.failures = self._false_failures()
        cost.split = {activity: 1000 * (spent - busy.get(activity, 0)) / cost.domains
                      for activity, spent in busy_then.items()}
        self._load(AT_REST)
        return cost

    def await_idle(self):
        """After a later pass some domains are still probed."""
        self._await(lambda: "mtasts_exporter_probes_in_flight 0\n" in self._metrics("mtasts_exporter_probes_in_flight"),
                    "no probe runs")

    def scrape(self, gzip):
        """One scrape of an exporter at rest: (octets, seconds until the first one, CPU seconds)."""
        headers = {"Accept-Encoding": "gzip" if gzip else "identity"}
        request = urllib.request.Request(self.url("/metrics"), headers=headers)
        cpu, begun = cpu_seconds(self.process.pid), time.monotonic()
        with urllib.request.urlopen(request, timeout=60) as answer:
            first = answer.read(1)
            waited = time.monotonic() - begun
            size = len(first) + len(answer.read())
        return size, waited, cpu_seconds(self.process.pid) - cpu

    def _await_queries(self, count):
        self._await(lambda: self.fixture.queries() >= count, f"{count} DNS queries")

    def _await(self, condition, what):
        def still_running():
            if not self.running:
                raise AssertionError(f"mtasts_exporter has ended\n{self.tail()}")
            return condition()

        wait_until(still_running, PASS_SECONDS, what, STEP_SECONDS)

    def _metrics(self, *families):
        chosen = "&".join(f"name[]={family}" for family in families)
        status, body = http("GET", self.url(f"/metrics?{chosen}"), timeout=60)
        if status != 200:
            raise AssertionError(f"/metrics answered {status}: {body}")
        return body

    def _outcomes(self):
        """Probes that ended well, and others."""
        text = self._metrics("mtasts_exporter_probes_total")
        outcomes = re.findall(r'(?m)^mtasts_exporter_probes_total\{outcome="(\w+)"\} (\d+)', text)
        good = sum(int(count) for outcome, count in outcomes if outcome == "ok")
        return good, sum(int(count) for _, count in outcomes) - good

    def _busy(self):
        """Seconds by activity, as of the exporter's last look at its clocks."""
        text = self._metrics("mtasts_exporter_busy_seconds_total")
        found = re.findall(r'(?m)^mtasts_exporter_busy_seconds_total\{activity="(\w+)"\} (\S+)', text)
        return {activity: float(seconds) for activity, seconds in found}

    def _refreshed(self):
        """(seconds by activity, probes that ended) at a moment when the exporter has just looked at its clocks. Input:
        it is busy."""
        old = self._busy()
        self._await(lambda: self._busy() != old, "a look at the clocks")
        return self._busy(), sum(self._outcomes())

    def _false_failures(self):
        """Of probes, and of domains that are not deliverable: without hosts that play dead, record, policy,
        certificates and STARTTLS of each are good."""
        _, bad = self._outcomes()
        body = self._metrics()
        for metric in ("mtasts_probe_success", "mtasts_domain_deliverable"):
            values = re.findall(rf"(?m)^{metric}\{{.*\}} (\S+)$", body)
            bad = max(bad, len(self.domains) - values.count("1"))
        if bad:
            causes = re.findall(r"(?m)^mtasts_(?:failure|mx_unreachable)_info.*", body)
            print(f"{bad} probes of mtasts_exporter failed, such as:\n" + "\n".join(causes[:3]), flush=True)
        return bad
