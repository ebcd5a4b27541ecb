"""mtasts_exporter under measurement: its first pass over all domains, then passes over what it knows already."""
# SPDX-License-Identifier: Apache-2.0
import re

import yaml

from measure import Meter, peak_mib
from process import wait_until
from servers import Exporter, http

PASS_SECONDS = 600
STEP_SECONDS = 0.02
SCRAPE_SECONDS = 0.2  # a scrape costs CPU time that counts, so there are few
# Per domain: _mta-sts, _smtp._tls, MX, and the addresses of policy host and MX host. Its mailbox for reports is at the
# domain itself, whose MX set is known.
QUERIES = 5
PROBES = 2  # per domain: the domain and its MX host
AT_ONCE, AT_REST = "1s", "1h"  # intervals


class Ours(Exporter):
    """One process, from no domains to all of them probed several times."""

    def __init__(self, folder, binary, fixture, concurrency):
        self.fixture = fixture
        self.concurrency = concurrency
        super().__init__(folder, binary, self._configuration([], AT_REST))

    def _configuration(self, domains, interval):
        """Defaults but for where the lab is, one address family, and the size and pace of the pass."""
        lab = self.fixture.config
        return yaml.safe_dump({
            "probe": {"interval": interval, "concurrency": self.concurrency, "allow_private": True},
            "dns": {"servers": lab["dns"]["servers"]},
            "policy": {"port": lab["policy"]["port"]},
            "smtp": {"port": lab["smtp"]["port"], "helo": lab["smtp"]["helo"], "ip_families": ["ipv4"]},
            "tls": lab["tls"],
            "storage": {"path": "./state.db"},
            "domains": domains})

    def _load(self, interval):
        self.config.write_text(self._configuration(self.fixture.domains, interval))
        status, body = http("POST", self.url("/-/reload"))
        if status != 200:
            raise AssertionError(f"the exporter refused its configuration: {body}")

    def first_pass(self):
        """Nothing is known yet. An interval of a second makes every domain due within that second; an hour after it
        keeps those that have had their turn from having another."""
        meter, asked = Meter(self.process.pid), self.fixture.queries()
        self._load(AT_ONCE)
        self._load(AT_REST)
        count = len(self.fixture.domains)
        self._await_queries(asked + QUERIES * count)
        wait_until(lambda: self._probed() >= PROBES * count, PASS_SECONDS, "the last probes end", SCRAPE_SECONDS)
        cost = meter.cost(count)
        self._check()
        return cost

    def later_pass(self):
        """Domains are due all the time, the longest waiting first. Counts one pass, once each has had a second one."""
        count = len(self.fixture.domains)
        asked = self.fixture.queries()
        self._load(AT_ONCE)
        self._await_queries(asked + QUERIES * count * 3 // 2)
        before = self._probed()
        meter, asked = Meter(self.process.pid), self.fixture.queries()
        self._await_queries(asked + QUERIES * count)
        cost = meter.cost((self._probed() - before) / PROBES)
        self._check()
        return cost

    def peak_mib(self):
        return peak_mib(self.process.pid)

    def _await_queries(self, count):
        def asked():
            if not self.running:
                raise AssertionError(f"mtasts_exporter has ended\n{self.tail()}")
            return self.fixture.queries() >= count

        wait_until(asked, PASS_SECONDS, f"{count} DNS queries", STEP_SECONDS)

    def _metrics(self):
        status, body = http("GET", self.url("/metrics"), timeout=60)
        if status != 200:
            raise AssertionError(f"/metrics answered {status}: {body}")
        return body

    def _probed(self):
        """Probes that ended well. Errors: AssertionError when any ended otherwise."""
        body = self._metrics()
        outcomes = dict(re.findall(r'(?m)^mtasts_exporter_probes_total\{outcome="(\w+)"\} (\d+)', body))
        if any(int(count) for outcome, count in outcomes.items() if outcome != "ok"):
            causes = "\n".join(re.findall(r"(?m)^mtasts_(?:failure|mx_unreachable)_info.*", body)[:10])
            raise AssertionError(f"probes of mtasts_exporter did not succeed: {outcomes}\n{causes}")
        return int(outcomes.get("ok", 0))

    def _check(self):
        """Every domain: record, policy, certificates and STARTTLS are good, and mail would be delivered."""
        body = self._metrics()
        for metric in ("mtasts_probe_success", "mtasts_domain_deliverable"):
            values = re.findall(rf"(?m)^{metric}\{{.*\}} (\S+)$", body)
            if values != ["1"] * len(self.fixture.domains):
                raise AssertionError(f"{metric} is 1 for {values.count('1')} of {len(self.fixture.domains)} domains")
