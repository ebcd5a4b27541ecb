"""Campaign: the exporter is killed at random moments. What it knew is there with the first answer that it gives."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import http.client
import random
import shutil
import signal
import sqlite3
import tempfile
import time

from bed import Bed
from exposition import Scraper, percentile
from report import MILLISECONDS, Report
from resolver import FIRST_PASS_SECONDS, all_known, milliseconds
from servers import Exporter
from watch import Changes, steady_series, watch

WRITTEN_SECONDS = 2  # a verdict is on disk by then: the store writes once a second
RETRY_SECONDS = 0.002  # between two attempts to be the first to scrape
COMPLETE_SECONDS = 2


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds. Probes run all the time, so that a kill falls into probing and writing."""
    restarts: int
    interval: float
    peer_timeout: float
    longest_life: float


FULL = Plan(restarts=20, interval=10, peer_timeout=3, longest_life=5)
SHORT = Plan(restarts=5, interval=5, peer_timeout=1, longest_life=0.8)


class Mortal(Exporter):
    """An exporter that is killed, and whose first answer to a scrape is kept."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.first = None
        self.begun = None

    def start(self):
        self.first = None
        self.begun = time.monotonic()
        self.spawn(self.command(), self._first_scrape)

    def _first_scrape(self):
        """Asks as fast as it can, without a pause that the exporter could use."""
        scraper = Scraper(self.port)
        while self.running and self.first is None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.first = scraper.scrape()
            time.sleep(RETRY_SECONDS)
        scraper.close()
        return self.first

    def kill(self):
        self.signal(signal.SIGKILL)
        status = self.process.wait()
        assert status == -signal.SIGKILL, f"the exporter had ended by itself, with status {status}"


def run(binaries, options):
    plan = SHORT if options.short else FULL
    if options.restarts:
        plan = dataclasses.replace(plan, restarts=options.restarts)
    changes = {"probe": {"interval": f"{plan.interval}s", "retry_interval": f"{plan.interval}s"},
               "policy": {"timeout": milliseconds(plan.peer_timeout)},
               "smtp": {"timeout": milliseconds(plan.peer_timeout)}}
    with Bed(binaries, changes=changes, exporter_class=Mortal) as bed:
        return bed.close_report(campaign(bed, plan))


def campaign(bed, plan):
    report = Report(f"restart: {len(bed.domains)} domains, every {plan.interval:g} s; killed {plan.restarts} times")
    scraper = Scraper(bed.exporter.port)
    known = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert known, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    watch(scraper, WRITTEN_SECONDS, lambda scrape: False)
    scraper.close()
    trials = [trial(bed, known, random.uniform(0, plan.longest_life)) for _ in range(plan.restarts)]
    judge(trials, bed, known, report)
    return report


@dataclasses.dataclass
class Trial:
    """One kill and restart; durations in seconds since the start."""
    damage: list  # what is wrong with the database
    first: float = 0.0  # first answer
    complete: float | None = None  # first answer in which nothing is missing
    missing: int = 0  # domains without a verdict in the first answer
    changed: list = dataclasses.field(default_factory=list)


def trial(bed, known, life):
    """Lets the exporter live a while, kills it, looks at its database and starts it again."""
    exporter = bed.exporter
    time.sleep(life)
    exporter.kill()
    result = Trial(database_problems(bed.lab.folder / "state.db"))
    exporter.start()
    result.first = exporter.first.at - exporter.begun
    result.missing = without_verdict(bed, exporter.first)
    scraper = Scraper(exporter.port)
    complete = watch(scraper, COMPLETE_SECONDS, lambda scrape: not without_verdict(bed, scrape), RETRY_SECONDS)
    scraper.close()
    if complete:
        changes = Changes(known, exporter.begun)
        changes.take(exporter.first if not result.missing else complete)
        result.complete = complete.at - exporter.begun
        result.changed = changes.evidence()
    return result


def without_verdict(bed, scrape):
    states = scrape.states()
    return sum(states.get(domain, "pending") == "pending" for domain in bed.domains)


def judge(trials, bed, known, report):
    def numbered(text_of):
        return [f"kill {number}: {text}" for number, each in enumerate(trials, 1) for text in text_of(each)]

    def p50_and_max(seconds):
        return "{:.0f} / {:.0f} ms".format(*(percentile(seconds, share) * MILLISECONDS for share in (0.5, 1.0)))

    report.figure("verdicts", f"{len(bed.domains)} domains, {len(steady_series(known))} series compared")
    report.figure("start to first answer, p50 / max", p50_and_max([each.first for each in trials]))
    complete = [each.complete for each in trials if each.complete is not None]
    report.figure("start to all verdicts, p50 / max", p50_and_max(complete) if complete else "never")
    total = len(bed.domains)
    report.promise("the first answer has the verdict of every domain",
                   numbered(lambda each: [f"{each.missing} of {total} domains without one"] if each.missing else []))
    report.promise(f"every verdict is there within {COMPLETE_SECONDS} s, and none differs from before",
                   numbered(lambda each: ["some are missing"] if each.complete is None else each.changed))
    report.promise("the database is sound after every kill", numbered(lambda each: each.damage))
    report.promise("the exporter never complains about its store", store_complaints(bed.exporter))


def database_problems(path):
    """Looks at a copy: opening the database itself would repair it before the exporter has to."""
    with tempfile.TemporaryDirectory(prefix="mtasts-soak-") as folder:
        for file in path.parent.glob(path.name + "*"):
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(f"{folder}/{path.name}")) as database:
            try:
                rows = [row for row, in database.execute("PRAGMA integrity_check")]
            except sqlite3.DatabaseError as error:
                rows = [str(error)]
    aside = [f"{file.name} was moved aside" for file in path.parent.glob("*.corrupt*")]
    return [row for row in rows if row != "ok"] + aside


def store_complaints(exporter):
    words = ("store cannot be written", "msg=store", "was skipped")
    lines = exporter.log.read_text(errors="replace").splitlines()
    return [line for line in lines if any(word in line for word in words)]
