"""Campaigns: the resolver goes away for a while. Nobody is blamed for it, and everything is back soon after.

`resolver` stops it, or lets it answer SERVFAIL; `upstream` cuts it off, so that it still answers from its cache.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import time

from bed import Bed
from company import Company
from exposition import Scraper
from report import Report, seconds_range
from watch import Changes, by_family, watch

SLACK_SECONDS = 2  # the sampling, and a machine that has other things to do
FIRST_PASS_SECONDS = 60
KNOWN = {"ok", "failing"}
# Domains whose lookups a resolver fails before the exporter doubts the resolver: EgressWindow::kEnoughLookups - 1.
BLAMED_AT_FIRST = 5


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. A peer's timeout must be short against the interval, or its probes alone fill it. A DNS
    timeout beyond 1 s lets a lost query be sent again, which dns-lossy of the table needs."""
    interval: float
    retry: float
    dns_timeout: float
    attempts: int
    peer_timeout: float
    undisturbed: float
    outage: float

    @property
    def lookups(self):
        """A domain's probe while no lookup is answered: three at once, then A and AAAA of the policy host, each with a
        look at the resolver itself, which is one attempt."""
        return self.dns_timeout * 3 * (self.attempts + 1)

    @property
    def until_unknown(self):
        return self.interval + self.lookups + SLACK_SECONDS

    @property
    def until_back(self):
        """A probe that was just spoiled comes again after the retry interval; some domains of the table let it wait
        for lookups and for a peer, twice at most."""
        return max(self.interval, self.lookups + 2 * self.peer_timeout) + self.retry + SLACK_SECONDS


FULL = Plan(interval=30, retry=15, dns_timeout=1.5, attempts=2, peer_timeout=5, undisturbed=60, outage=3600)
UPSTREAM = dataclasses.replace(FULL, undisturbed=30, outage=120)
SHORT = Plan(interval=5, retry=3, dns_timeout=1.2, attempts=1, peer_timeout=1.5, undisturbed=5, outage=13)


class Outage:
    """What is seen from the moment the resolver stops until all domains are back."""

    def __init__(self, before, stopped):
        self.states = before.states()
        self.stopped = stopped
        self.away = Changes(before, stopped)
        self.returning = Changes(before, stopped)
        self.unknown_at = {}
        self.relapsed = {}  # domains that were unknown and then something else while the resolver was away
        self.back_at = {}
        self.egress = [dns_egress(before)]  # values in order, repeats left out

    def take_away(self, scrape):
        self._take(scrape, self.away)
        for domain, state in scrape.states().items():
            if state == "unknown":
                self.unknown_at.setdefault(domain, scrape.at)
            elif domain in self.unknown_at:
                self.relapsed[domain] = f"{domain}: {state} after {scrape.at - self.stopped:.1f} s"

    def take_returning(self, scrape):
        """True when every domain has the state that it had before."""
        self._take(scrape, self.returning)
        now = scrape.states()
        for domain, state in self.states.items():
            if now.get(domain) == state:
                self.back_at.setdefault(domain, scrape.at)
            else:
                self.back_at.pop(domain, None)
        return len(self.back_at) == len(self.states)

    def not_back(self):
        missing = sorted(self.states.keys() - self.back_at.keys())
        return [f"{domain}: not {self.states[domain]} again" for domain in missing]

    def _take(self, scrape, changes):
        changes.take(scrape)
        ok = dns_egress(scrape)
        if ok != self.egress[-1]:
            self.egress.append(ok)


def dns_egress(scrape):
    """Whether lookups leave this machine, as the exporter sees it; None where it does not say."""
    values = [value for labels, value in scrape.family("mtasts_exporter_egress_ok") if labels["kind"] == "dns"]
    return min(values) if values else None


def all_known(scrape):
    states = scrape.states()
    return bool(states) and set(states.values()) <= KNOWN


def run(binaries, options):
    plan = SHORT if options.short else FULL
    if options.outage:
        plan = dataclasses.replace(plan, outage=options.outage)
    return observe("resolver", binaries, plan, options.resolver_fault)


def run_upstream(binaries, options):
    return observe("upstream", binaries, SHORT if options.short else UPSTREAM, "cut")


def observe(name, binaries, plan, fault):
    with Bed(binaries, changes=exporter_changes(plan)) as bed:
        return bed.close_report(campaign(name, bed, plan, fault))


def exporter_changes(plan):
    """What is laid over the lab's configuration."""
    return {"probe": {"interval": f"{plan.interval}s", "retry_interval": f"{plan.retry}s"},
            "dns": {"timeout": milliseconds(plan.dns_timeout), "attempts": plan.attempts},
            "policy": {"timeout": milliseconds(plan.peer_timeout)},
            "smtp": {"timeout": milliseconds(plan.peer_timeout)}}


def milliseconds(seconds):
    return f"{seconds * 1000:.0f}ms"


def campaign(name, bed, plan, fault):
    report = Report(f"{name}: {len(bed.domains)} domains every {plan.interval:g} s; "
                    f"`dns {fault}` for {plan.outage:g} s")
    scraper = Scraper(bed.exporter.port)
    begun = time.monotonic()
    first = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert first, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    report.figure("all domains probed", f"{first.at - begun:.1f} s after the start")

    quiet = undisturbed(scraper, plan, report)
    refuse_short_max_age(quiet, plan)
    with Company(bed, report, scraper, swift=plan is not SHORT):
        outage = disturb(bed, scraper, plan, fault, quiet, report)
    judge_changes(outage, fault, report)
    judge_times(outage, plan, report)
    last = scraper.scrape()
    report.process(quiet, last)
    report.scrapes(scraper)
    return report


def undisturbed(scraper, plan, report):
    """Watches while nothing happens, and returns the last scrape, with which the rest is compared."""
    before = scraper.scrape()
    changes = Changes(before, before.at)
    last = []

    def look(scrape):
        changes.take(scrape)
        last[:] = [scrape]
        return False

    watch(scraper, plan.undisturbed, look)
    states = list(last[0].states().values())
    report.figure("before", f"{states.count('ok')} ok, {states.count('failing')} failing, "
                            f"{len(changes.before)} series compared")
    report.promise(f"no verdict changes in {plan.undisturbed:g} s in which nothing happens", changes.evidence())
    return last[0]


def refuse_short_max_age(scrape, plan):
    """A policy in force may end while nobody can renew it; such an outage would need another promise."""
    least = min(value for _, value in scrape.family("mtasts_policy_max_age_seconds"))
    assert plan.outage + plan.interval < least, f"the outage must be shorter than the least max_age, {least:.0f} s"


def disturb(bed, scraper, plan, fault, quiet, report):
    stopped = time.monotonic()
    bed.lab.control(f"dns {fault}")
    outage = Outage(quiet, stopped)
    watch(scraper, plan.outage, outage.take_away)
    returned = time.monotonic()
    bed.lab.control("dns start")
    back = watch(scraper, plan.until_back, outage.take_returning)
    unknown, returning = outage.unknown_at.values(), outage.back_at.values()
    report.figure("unknown, first / last domain",
                  f"{seconds_range(unknown, stopped)} after it stopped, {len(unknown)} domains")
    report.figure("back, first / last domain",
                  f"{seconds_range(returning, returned)} after it returned, {len(returning)} domains")
    if back:  # a late blame would show in the round that follows
        watch(scraper, plan.interval, outage.returning.take)
    return outage


def judge_changes(outage, fault, report):
    away, returning = outage.away, outage.returning
    if fault == "cut":  # no one question tells a resolver without a way out from a domain without name servers
        blamed = away.failed() | returning.failed()
        report.promise(f"at most {BLAMED_AT_FIRST} domains are given a failure before the loss shows",
                       sorted(blamed) if len(blamed) > BLAMED_AT_FIRST else [])
        report.promise("all verdicts are as before once it shows", by_family(away.lasting))
        report.promise("and a round after the return", by_family(returning.lasting))
    else:
        report.promise("no verdict changes while the resolver is away", away.evidence())
        report.promise("no verdict changes on the way back", returning.evidence(ignored=away.seen))


def judge_times(outage, plan, report):
    late = [f"{domain}: after {at - outage.stopped:.1f} s" for domain, at in sorted(outage.unknown_at.items())
            if at - outage.stopped > plan.until_unknown]
    never = [f"{domain}: never" for domain in sorted(outage.states.keys() - outage.unknown_at.keys())]
    report.promise(f"every domain is unknown within {plan.until_unknown:g} s", never + late)
    report.promise("and stays so while the resolver is away", sorted(outage.relapsed.values()))
    report.promise(f"every domain is as before {plan.until_back:g} s after the return", outage.not_back())
    if outage.egress[0] is not None:
        broken = [] if outage.egress == [1, 0, 1] else [f"its values in turn: {outage.egress}"]
        report.promise('mtasts_exporter_egress_ok{kind="dns"} goes to 0 and comes back to 1', broken)
