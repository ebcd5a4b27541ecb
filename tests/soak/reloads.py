"""Campaign: reloads at random moments, each of other domains, while probes run and people and Prometheus look.

A reload replaces what the probes under way hang on: clock, resolver, TLS context. Next: restart.py for kills.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import random
import time

from askers import Askers
from bed import Bed
from company import Company
from exposition import Scraper
from report import Report
from resolver import FIRST_PASS_SECONDS, all_known
from servers import http
from watch import Changes, watch

FIRST_SHARE = 0.2  # memory is compared from here on: by then, every size of configuration has been there
MEMORY_GROWTH = 1.5
LOOKERS = 2
LOOK_SECONDS = 5
PATHS = ("/", "/metrics", "/api/v1/domains", "/domains/mx-expired.lab.test", "/probe?target=mx-expired.lab.test",
         "/probe?target=mx-dead.lab.test", "/probe?target=fetch-slow.lab.test")
REFUSALS = (200, 404)  # a domain that is not configured at the moment


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. Most pauses are far shorter than a probe, some let a few end."""
    reloads: int
    pauses = (0.02, 0.1, 0.5)
    interval: float = 2.0


FULL = Plan(reloads=1000)
SHORT = Plan(reloads=40)


class Looks:
    """Requests for pages at random. `bad` has the answers nobody should get."""

    def __init__(self, exporter):
        self.bad = []
        self.asked = 0
        self._exporter = exporter

    def take_one(self):
        path = random.choice(PATHS)
        status, body = http("GET", self._exporter.url(path), {"X-Prometheus-Scrape-Timeout-Seconds": "1"}, LOOK_SECONDS)
        self.asked += 1
        if status not in REFUSALS:
            self.bad.append(f"{path} answers {status}: {body[:100]}")


def changes(interval):
    return {"probe": {"interval": f"{interval:g}s", "retry_interval": f"{interval:g}s"},
            "policy": {"timeout": "1s"}, "smtp": {"timeout": "1s"}}


def run(binaries, options):
    plan = SHORT if options.short else FULL
    if options.reloads:
        plan = dataclasses.replace(plan, reloads=options.reloads)
    with Bed(binaries, changes=changes(plan.interval)) as bed:
        return bed.close_report(campaign(bed, plan))


def campaign(bed, plan):
    report = Report(f"reloads: {len(bed.domains)} domains, every {plan.interval:g} s; {plan.reloads} reloads")
    scraper = Scraper(bed.exporter.port)
    before = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert before, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    since = time.monotonic()
    scrapes, wrong = [], []
    looks = Looks(bed.exporter)
    with Company(bed, report, scraper, swift=plan.reloads >= FULL.reloads):
        with Askers(LOOKERS, looks.take_one):
            for _ in range(plan.reloads):
                scrapes.append(reload(bed, scraper, random_domains(bed.domains), random.choice((plan.interval, 3600)), wrong))
                time.sleep(random.uniform(0, random.choice(plan.pauses)))
        seconds = time.monotonic() - since
        reload(bed, scraper, bed.domains, plan.interval, wrong)
    after = watch(scraper, FIRST_PASS_SECONDS, all_known)
    judge(report, plan, before, after, scrapes, wrong, looks)
    report.figure("time", f"{seconds:.0f} s, {looks.asked} other requests")
    report.scrapes(scraper)
    return report


def random_domains(domains):
    return random.sample(domains, random.choice((1, 10, len(domains) // 2, len(domains))))


def reload(bed, scraper, domains, interval, wrong):
    """Loads a configuration and looks at the next scrape. Notes what is wrong."""
    bed.exporter.config.write_text(bed.configuration(domains, changes(interval)))
    status, body = http("POST", bed.exporter.url("/-/reload"))
    if status != 200:
        wrong.append(f"a reload is answered with {status}: {body}")
    scrape = scraper.scrape()
    if scrape.states().keys() != set(domains):
        strange = sorted(scrape.states().keys() ^ set(domains))
        wrong.append(f"{len(domains)} domains were loaded, and {', '.join(strange[:5])} should be, or not be, there")
    return scrape


def judge(report, plan, before, after, scrapes, wrong, looks):
    report.promise("every reload is taken, and the next scrape shows its domains and no others", wrong)
    report.promise("every other request is answered", looks.bad)
    memory = [scrape.value("process_resident_memory_bytes") / 1e6 for scrape in scrapes]
    early = max(memory[:max(1, int(plan.reloads * FIRST_SHARE))])
    report.figure("memory, highest at first / at all", f"{early:.0f} / {max(memory):.0f} MB")
    report.promise(f"memory does not grow beyond {MEMORY_GROWTH} times that of the first reloads",
                   [f"{max(memory):.0f} MB"] if max(memory) > MEMORY_GROWTH * early else [])
    if after is None:
        report.promise("every domain is known again at the end", ["some are not"])
        return
    differences = Changes(before, before.at)
    differences.take(after)
    report.promise("at the end, every verdict is as at first", differences.evidence())
