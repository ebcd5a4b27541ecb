"""Campaign: the exporter has far too few file descriptors. That is its own trouble, and it gets over it."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import resource
import time

from bed import Bed
from exposition import Scraper
from report import Report
from servers import Exporter
from watch import by_family, watch

DESCRIPTORS = 64
CONCURRENCY = 512  # said by the configuration; by itself the exporter takes no more probes on than it has descriptors for
ENOUGH_DESCRIPTORS = 4096
# Anything that says something bad of a domain or a host. mtasts_failure_info exists only while there is a failure.
BLAME_IF_SET = ("mtasts_failure{", "mtasts_failure_info{")
BLAME_IF_ZERO = ("mtasts_record_valid{", "mtasts_tlsrpt_record_valid{", "mtasts_policy_fetch_success{",
                 "mtasts_policy_valid{", "mtasts_domain_deliverable{", "mtasts_mx_reachable{", "mtasts_mx_starttls{",
                 "mtasts_mx_tls_verified{", "mtasts_dns_success{", "mtasts_probe_success{")


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. Replies that take `latency` keep so many probes in flight that descriptors run out."""
    domains: int
    latency: float
    interval: float
    length: float

    @property
    def recovery(self):
        return 2 * self.interval + 10


FULL = Plan(domains=1000, latency=0.5, interval=20, length=60)
SHORT = Plan(domains=300, latency=0.3, interval=3, length=6)


class Confined(Exporter):
    """An exporter that may open few files, from its first probe on: the limit of its start it raises by itself."""

    def start(self, *arguments, **options):
        super().start(*arguments, **options)
        self._limit(DESCRIPTORS)

    def release(self):
        self._limit(ENOUGH_DESCRIPTORS)

    def _limit(self, descriptors):
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, (min(descriptors, hard), hard))


class Watched:
    def __init__(self):
        self.states = {}  # state -> most domains in it at once
        self.blamed = {}
        self.begun = time.monotonic()

    def take(self, scrape):
        states = list(scrape.states().values())
        for state in set(states):
            self.states[state] = max(self.states.get(state, 0), states.count(state))
        for series, value in scrape.series.items():
            blames = series.startswith(BLAME_IF_SET) if value else series.startswith(BLAME_IF_ZERO)
            if blames:
                self.blamed.setdefault(series, f"{value:g} after {scrape.at - self.begun:.1f} s")


def run(binaries, options):
    plan = SHORT if options.short else FULL
    lab = ["--bulk", plan.domains, "--latency", round(plan.latency * 1000)]
    changes = {"probe": {"interval": f"{plan.interval}s", "retry_interval": f"{plan.interval}s",
                         "concurrency": CONCURRENCY}}
    with Bed(binaries, lab, changes, Confined) as bed:
        return bed.close_report(campaign(bed, plan))


def campaign(bed, plan):
    report = Report(f"descriptors: {len(bed.domains)} domains every {plan.interval:g} s with {DESCRIPTORS} descriptors "
                    f"for {plan.length:g} s")
    scraper = Scraper(bed.exporter.port)
    watched = Watched()
    watch(scraper, plan.length, watched.take)
    most = ", ".join(f"{count} {state}" for state, count in sorted(watched.states.items()))
    report.figure("most domains at once", most)
    released = time.monotonic()
    bed.exporter.release()
    recovered = watch(scraper, plan.recovery, lambda scrape: watched.take(scrape) or all_ok(scrape))
    if recovered:
        report.figure("all ok", f"{recovered.at - released:.1f} s after the limit was raised")
    short = [] if "unknown" in watched.states else ["no domain was ever unknown: descriptors did not run out"]
    left = [] if recovered else [f"{domain} is {state}" for domain, state in sorted(scraper.scrape().states().items())
                                 if state != "ok"]
    report.promise("descriptors run out, and the domains' state says unknown", short)
    report.promise("no domain and no MX host is blamed", by_family(watched.blamed))
    report.promise(f"every domain is ok within {plan.recovery:g} s after the limit was raised", left)
    report.scrapes(scraper)
    return report


def all_ok(scrape):
    return set(scrape.states().values()) == {"ok"}
