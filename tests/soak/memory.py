"""Campaign: the exporter may have hardly more memory than it has. Whatever finds none ends; the exporter does not.

The limit is one of address space, which each allocation meets wherever it happens to be. A limit of a control group is
met by the kernel instead, which kills: see restart.py and signals.py.
"""
# SPDX-License-Identifier: Apache-2.0
import collections
import dataclasses
import http.client
import itertools
import resource
import threading
import time

from askers import Askers
from bed import Bed
from descriptors import Watched, all_ok
from exposition import Scraper
from report import Report
from servers import http as ask
from watch import by_family, watch

HEADROOM_MIB = (0, 1, 2, 4)  # above what it has at the moment, one after the other
LATENCY_MS = 500  # keeps many probes in flight
PROBE_SECONDS = 10  # at most for a probe
ASKERS = 8
ASK_SECONDS = 5
UNLIMITED = resource.RLIM_INFINITY
# A body that has no memory is 503, a handler 500; 0 is a connection that ended.
EXPECTED = (200, 0, 500, 503)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. `more` domains are what a reload asks for that has no room."""
    domains: int
    more: int
    interval: float
    step: float
    steps: int

    @property
    def recovery(self):
        """A probe that lost a wake-up to the want of memory waits for its timeout."""
        return 2 * self.interval + PROBE_SECONDS + 10


FULL = Plan(domains=500, more=200_000, interval=15, step=5, steps=24)
SHORT = Plan(domains=300, more=200_000, interval=3, step=1.5, steps=6)


class Requests:
    """Probes, pages and scrapes in turn, whatever comes of them."""

    def __init__(self, exporter, domains):
        self.answers = collections.Counter()  # by status
        self._exporter = exporter
        self._paths = itertools.cycle(["/metrics", "/", "/api/v1/domains",
                                       *(f"{page}{domain}" for domain in domains[:50]
                                         for page in ("/probe?target=", "/domains/"))])
        self._lock = threading.Lock()

    def make_one(self):
        with self._lock:
            path = next(self._paths)
        try:
            status, _ = ask("GET", self._exporter.url(path), timeout=ASK_SECONDS)
        except http.client.HTTPException:  # an answer that ends in the middle
            status = 0
        with self._lock:
            self.answers[status] += 1


def run(binaries, options):
    plan = SHORT if options.short else FULL
    changes = {"probe": {"interval": f"{plan.interval}s", "retry_interval": f"{plan.interval}s",
                         "timeout": f"{PROBE_SECONDS}s"},
               "policy": {"timeout": f"{PROBE_SECONDS}s"}, "smtp": {"timeout": f"{PROBE_SECONDS}s"}}
    with Bed(binaries, ["--bulk", plan.domains, "--latency", LATENCY_MS], changes) as bed:
        return bed.close_report(campaign(bed, plan, changes))


def campaign(bed, plan, changes):
    report = Report(f"memory: {len(bed.domains)} domains every {plan.interval:g} s, {plan.steps * plan.step:g} s with "
                    f"{min(HEADROOM_MIB)} to {max(HEADROOM_MIB)} MiB of address space left")
    scraper = Scraper(bed.exporter.port)
    begun = time.monotonic()
    small, large = configurations(bed, plan, changes)
    watched = Watched()
    requests = Requests(bed.exporter, bed.domains)
    with Askers(ASKERS, requests.make_one):
        reloads = [step(bed, plan, turn, large, watched) for turn in range(plan.steps)]
    bed.exporter.config.write_text(small)
    limit_memory(bed.exporter, None)
    released = time.monotonic()
    judge(bed, plan, report, scraper, watched, released)
    refused = sum(status != 200 for status in reloads)
    report.promise("memory runs out: a reload of many domains is refused", [] if refused else ["all were taken"])
    report.promise("requests are answered, or refused",
                   [f"{count} answers {status}" for status, count in requests.answers.items() if status not in EXPECTED])
    report.figure("reloads refused", f"{refused} of {len(reloads)}")
    report.figure("most domains at once", ", ".join(f"{count} {state}" for state, count in sorted(watched.states.items())))
    report.figure("memory", f"{bed.exporter.log.read_text(errors='replace').count('bad_alloc')} times std::bad_alloc in the log")
    report.figure("answers", ", ".join(f"{count} x {status}" for status, count in sorted(requests.answers.items())))
    report.figure("time", f"{released - begun:.0f} s")
    report.scrapes(scraper)
    return report


def configurations(bed, plan, changes):
    """What it has, and what there is no room for."""
    more = [f"d{number}.more.lab.test" for number in range(plan.more)]
    return bed.configuration(bed.domains, changes), bed.configuration(bed.domains + more, changes)


def step(bed, plan, turn, large, watched):
    """A while with a limit, with a reload at its beginning and a scrape at its end. Returns the reload's status."""
    limit_memory(bed.exporter, HEADROOM_MIB[turn % len(HEADROOM_MIB)])
    bed.exporter.config.write_text(large)
    begun = time.monotonic()
    status, _ = ask("POST", bed.exporter.url("/-/reload"))
    time.sleep(max(0.0, plan.step - (time.monotonic() - begun)))
    look(bed.exporter, watched)
    return status


def look(exporter, watched):
    """A scrape, which may find no memory either."""
    try:
        watched.take(Scraper(exporter.port).scrape())
    except (AssertionError, OSError, http.client.HTTPException):
        assert exporter.running, f"the exporter ended: {exporter.tail()}"


def limit_memory(exporter, headroom_mib):
    """Input: None for no limit any more."""
    limit = UNLIMITED if headroom_mib is None else address_space(exporter.process.pid) + headroom_mib * 1024 * 1024
    resource.prlimit(exporter.process.pid, resource.RLIMIT_AS, (limit, UNLIMITED))


def address_space(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as sizes:
        return int(sizes.read().split()[0]) * resource.getpagesize()


def judge(bed, plan, report, scraper, watched, released):
    """Once there is room again. A reload makes sure of the first configuration, whatever was taken meanwhile."""
    status, body = ask("POST", bed.exporter.url("/-/reload"), timeout=30)
    report.promise("with room again, a reload is taken", [] if status == 200 else [f"{status}: {body[:200]}"])
    recovered = watch(scraper, plan.recovery, lambda scrape: watched.take(scrape) or all_ok(scrape))
    if recovered:
        report.figure("all ok", f"{recovered.at - released:.1f} s after the limit was raised")
    left = [] if recovered else [f"{domain} is {state}" for domain, state in sorted(scraper.scrape().states().items())
                                 if state != "ok"]
    report.promise("no domain and no MX host is blamed", by_family(watched.blamed))
    report.promise(f"every domain is ok within {plan.recovery:g} s after the limit was raised", left)
