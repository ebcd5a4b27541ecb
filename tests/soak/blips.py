"""Campaign: the resolver goes away briefly, again and again. The edges of an outage fall on probes that are under way.

A probe may have asked while the resolver was away and be judged when it is back, or the other way round.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import random
import time

from bed import Bed
from company import Company
from exposition import Scraper
from report import Report
from resolver import FIRST_PASS_SECONDS, SHORT, Outage, all_known, exporter_changes
from watch import Changes, watch

PERIOD_SECONDS = 0.5  # a wrong verdict lives for a retry interval at least


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds; outages and pauses are of random length."""
    blips: int
    longest: float
    timing = SHORT  # short intervals, so that many probes are under way at any time


FULL = Plan(blips=20, longest=8)
BRIEF = Plan(blips=2, longest=4)


def run(binaries, options):
    plan = BRIEF if options.short else FULL
    if options.blips:
        plan = dataclasses.replace(plan, blips=options.blips)
    with Bed(binaries, changes=exporter_changes(plan.timing)) as bed:
        return bed.close_report(campaign(bed, plan, options.resolver_fault))


def campaign(bed, plan, fault):
    report = Report(f"blips: {len(bed.domains)} domains every {plan.timing.interval:g} s; {plan.blips} times "
                    f"`dns {fault}` for up to {plan.longest:g} s")
    scraper = Scraper(bed.exporter.port)
    before = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert before, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    changes = Changes(before, time.monotonic())
    with Company(bed, report, scraper, swift=plan is not BRIEF):
        away = [blip(bed, scraper, plan, fault, changes) for _ in range(plan.blips)]
    report.figure("resolver away", f"{sum(away):.0f} of {time.monotonic() - changes.since:.0f} s")

    outage = Outage(before, time.monotonic())
    back = watch(scraper, plan.timing.until_back, outage.take_returning)
    report.figure("back after the last one", f"{back.at - outage.stopped:.1f} s" if back else "never")
    report.scrapes(scraper)
    report.promise("no verdict changes", changes.evidence() or outage.returning.evidence())
    report.promise(f"every domain is as before {plan.timing.until_back:g} s after the last one", outage.not_back())
    return report


def blip(bed, scraper, plan, fault, changes):
    """One outage and the pause after it. Returns how long it lasted."""
    length = random.uniform(0, plan.longest)
    bed.lab.control(f"dns {fault}")
    watch(scraper, length, changes.take, PERIOD_SECONDS)
    bed.lab.control("dns start")
    watch(scraper, random.uniform(0, plan.longest), changes.take, PERIOD_SECONDS)
    return length
