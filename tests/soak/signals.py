"""Campaign: SIGTERM, SIGHUP and kill -9 at random moments, while reports come in. Next: storage.py for its disk."""
# SPDX-License-Identifier: Apache-2.0
import collections
import dataclasses
import random
import signal
import time

from bed import Bed
from exposition import Scraper, percentile
from report import MILLISECONDS, Report
from reporter import Reporter, promise_counted_once
from resolver import FIRST_PASS_SECONDS, all_known
from restart import database_problems, store_complaints
from watch import Changes, steady_series, watch

DOMAIN = "healthy.lab.test"
STOP_SECONDS = 5


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. Probes run all the time."""
    signals: int
    interval: float = 5
    longest_life: float = 1.0


FULL = Plan(signals=500)
SHORT = Plan(signals=12)


def run(binaries, options):
    plan = SHORT if options.short else FULL
    if options.signals:
        plan = dataclasses.replace(plan, signals=options.signals)
    changes = {"probe": {"interval": f"{plan.interval:g}s", "retry_interval": f"{plan.interval:g}s"},
               "policy": {"timeout": "1s"}, "smtp": {"timeout": "1s"}}
    with Bed(binaries, changes=changes) as bed:
        return bed.close_report(campaign(bed, plan))


@dataclasses.dataclass
class Outcome:
    """Of all signals together."""
    sent: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    statuses: list = dataclasses.field(default_factory=list)  # with which it ended, when it is not the signal's
    stopping: list = dataclasses.field(default_factory=list)  # seconds that it took
    starting: list = dataclasses.field(default_factory=list)
    damage: list = dataclasses.field(default_factory=list)


def campaign(bed, plan):
    report = Report(f"signals: {len(bed.domains)} domains, every {plan.interval:g} s; {plan.signals} signals while "
                    "reports come in")
    scraper = Scraper(bed.exporter.port)
    before = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert before, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    scraper.close()
    outcome = Outcome()
    with Reporter(bed.exporter, DOMAIN) as reporter:
        for _ in range(plan.signals):
            time.sleep(random.uniform(0, plan.longest_life))
            send_one(bed, outcome)
    promise_counted_once(report, bed.exporter, DOMAIN, reporter)
    # A moment in which a probe fell may have looked like a peer's fault; the next probe puts it right.
    changes = Changes(before, time.monotonic())
    right = watch(scraper, 2 * plan.interval + 5, lambda scrape: is_as_before(changes, scrape))
    judge(report, outcome, reporter, changes, right, bed)
    report.figure("series compared", str(len(steady_series(before))))
    return report


def is_as_before(changes, scrape):
    changes.take(scrape)
    return not changes.lasting


def send_one(bed, outcome):
    exporter, kind = bed.exporter, random.choice((signal.SIGTERM, signal.SIGHUP, signal.SIGKILL))
    outcome.sent[kind.name] += 1
    exporter.signal(kind)
    if kind == signal.SIGHUP:
        return
    begun = time.monotonic()
    status = exporter.process.wait()
    if kind == signal.SIGTERM:
        outcome.stopping.append(time.monotonic() - begun)
    # Another status is that of an exporter that had ended by itself: SIGHUP may have done it, which nobody waits for.
    if status != (0 if kind == signal.SIGTERM else -signal.SIGKILL):
        outcome.statuses.append(f"{kind.name} number {outcome.sent[kind.name]} ended with status {status}")
    outcome.damage += database_problems(bed.lab.folder / "state.db")
    begun = time.monotonic()
    exporter.start()
    outcome.starting.append(time.monotonic() - begun)


def judge(report, outcome, reporter, changes, right, bed):
    def p50_and_max(seconds):
        if not seconds:
            return "never"
        return "{:.0f} / {:.0f} ms".format(*(percentile(seconds, share) * MILLISECONDS for share in (0.5, 1.0)))

    report.figure("signals", ", ".join(f"{count} {name}" for name, count in sorted(outcome.sent.items())))
    report.figure("SIGTERM to the end, p50 / max", p50_and_max(outcome.stopping))
    report.figure("start until ready, p50 / max", p50_and_max(outcome.starting))
    answers = ", ".join(f"{count} times {status or 'none'}" for status, count in sorted(reporter.answers.items()))
    report.figure("reports acknowledged", f"{reporter.acknowledged}; answers: {answers}")
    report.promise("it ends when it is asked to, with status 0, and when it is killed; never by itself", outcome.statuses)
    report.promise(f"within {STOP_SECONDS} s",
                   [f"{seconds:.1f} s" for seconds in outcome.stopping if seconds > STOP_SECONDS])
    report.promise("the database is sound each time", outcome.damage)
    report.promise("at the end every verdict is right within two intervals",
                   [] if right else [f"{series}: {change}" for series, change in changes.lasting.items()])
    report.promise("the exporter never complains about its store", store_complaints(bed.exporter))
