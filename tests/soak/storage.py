"""Campaign: the disk is full, then it fails and turns read-only, and later the database is rubbish. Probing goes on, and
what was acknowledged stays.

The database lies on a small file system of its own; only root can mount one. Next: clock.py.
"""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from bed import Bed
from exposition import Scraper
from report import MILLISECONDS, Report
from reporter import Reporter, await_count, promise_counted_once
from resolver import FIRST_PASS_SECONDS, all_known
from signals import DOMAIN
from watch import Changes, steady_series, watch

DISK_MIB = 48
SCRAPE_SECONDS = 0.1
NOTICED_SECONDS = 15  # the store writes once a second, and asks again for a while before it complains
REPAIRED = (0, 1)  # e2fsck(8): nothing to repair, all repaired
LOOP = pathlib.Path("/dev/loop-control")
WRITABLE = "mtasts_exporter_store_writable"


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds; `trouble` is how long each kind lasts."""
    trouble: float
    interval: float = 5


FULL = Plan(trouble=60)
SHORT = Plan(trouble=8)


class Disk:
    """A small ext4 in a file while the context lasts."""

    def __init__(self, place):
        self.image = place / "image"
        self.folder = place / "mounted"
        self.filler = self.folder / "filler"

    def __enter__(self):
        self.folder.mkdir()
        with self.image.open("wb") as image:
            image.truncate(DISK_MIB << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", self.image], check=True)
        self._mount()
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    def _mount(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.folder], check=True)

    def fail(self):
        """As if writing to the disk had failed: ext4 gives up its journal, and whatever is written from now on."""
        subprocess.run(["mount", "-o", "remount,abort", self.folder], check=True)

    def repair(self):
        """What an operator does then. Input: nobody uses it."""
        subprocess.run(["umount", self.folder], check=True)
        checked = subprocess.run(["e2fsck", "-p", self.image], stdout=subprocess.PIPE, text=True)
        assert checked.returncode in REPAIRED, checked.stdout
        self._mount()

    def fill(self):
        """Until not one octet fits; what is written meanwhile is taken again."""
        with contextlib.suppress(OSError), self.filler.open("ab", buffering=0) as filler:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)):
                        pass

    def empty(self):
        self.filler.unlink()


def run(binaries, options):
    plan = SHORT if options.short else FULL
    if os.geteuid() != 0 or not LOOP.exists():
        report = Report("storage: left out")
        report.figure("why", "only root can mount a disk of its own, and it takes a loop device")
        return report
    with tempfile.TemporaryDirectory(prefix="mtasts-disk-") as place, Disk(pathlib.Path(place)) as disk:
        changes = {"probe": {"interval": f"{plan.interval:g}s", "retry_interval": f"{plan.interval:g}s"},
                   "policy": {"timeout": "1s"}, "smtp": {"timeout": "1s"}, "storage": {"path": f"{disk.folder}/state.db"}}
        with Bed(binaries, changes=changes) as bed:
            return bed.close_report(campaign(bed, plan, disk))


def campaign(bed, plan, disk):
    report = Report(f"storage: {len(bed.domains)} domains, every {plan.interval:g} s; a disk that is full for "
                    f"{plan.trouble:g} s, and read-only as long; a database that is rubbish")
    scraper = Scraper(bed.exporter.port)
    before = watch(scraper, FIRST_PASS_SECONDS, all_known)
    assert before, f"some domains still have no verdict after {FIRST_PASS_SECONDS} s"
    with Reporter(bed.exporter, DOMAIN) as reporter:
        full_disk(report, scraper, before, plan, disk)
        read_only(report, bed, scraper, before, plan, disk)
    counted = promise_counted_once(report, bed.exporter, DOMAIN, reporter)
    answers = ", ".join(f"{count} times {status or 'none'}" for status, count in sorted(reporter.answers.items()))
    report.figure("reports acknowledged", f"{reporter.acknowledged}; answers: {answers}")
    bed.exporter.signal(signal.SIGKILL)
    bed.exporter.process.wait()
    bed.exporter.start()
    again = await_count(bed.exporter, DOMAIN, reporter.sessions)
    report.promise("and still after a restart", [] if again == counted else [f"{again} counted"])
    rubbish(report, bed, plan, before, disk)
    report.figure("series compared", str(len(steady_series(before))))
    report.scrapes(scraper)
    slow = [f"{seconds * MILLISECONDS:.1f} ms" for seconds in scraper.seconds if seconds > SCRAPE_SECONDS]
    report.promise(f"every scrape is answered within {SCRAPE_SECONDS * MILLISECONDS:.0f} ms", slow)
    return report


def writable(scrape):
    """By what is stored."""
    return {labels["store"]: value for labels, value in scrape.family(WRITABLE)}


def full_disk(report, scraper, before, plan, disk):
    disk.fill()
    begun = time.monotonic()
    changes = Changes(before, begun)

    def noticed(scrape):
        disk.fill()
        changes.take(scrape)
        return 0 in writable(scrape).values()

    found = watch(scraper, NOTICED_SECONDS + plan.interval, noticed)
    report.figure("full disk noticed", f"after {found.at - begun:.1f} s" if found else "never")
    report.promise(f"{WRITABLE} says so", [] if found else ["it never was 0"])
    watch(scraper, plan.trouble, lambda scrape: (disk.fill(), changes.take(scrape)) and False)
    disk.empty()
    freed = time.monotonic()
    good = watch(scraper, NOTICED_SECONDS + plan.interval, lambda scrape: set(writable(scrape).values()) == {1})
    report.figure("room noticed", f"{good.at - freed:.1f} s after it is there" if good else "never")
    report.promise("and when there is room again", [] if good else ["it stays 0"])
    report.promise("no verdict changes meanwhile", changes.evidence())


def read_only(report, bed, scraper, before, plan, disk):
    """The file system protects itself from a disk that fails, until somebody stops the exporter and repairs it."""
    begun = time.monotonic()
    disk.fail()
    changes = Changes(before, begun)

    def noticed(scrape):
        changes.take(scrape)
        return 0 in writable(scrape).values()

    found = watch(scraper, NOTICED_SECONDS + plan.interval, noticed)
    report.figure("read-only disk noticed", f"after {found.at - begun:.1f} s" if found else "never")
    report.promise(f"{WRITABLE} says so of a disk that is read-only", [] if found else ["it never was 0"])
    watch(scraper, plan.trouble, lambda scrape: changes.take(scrape))
    report.promise("no verdict changes meanwhile, either", changes.evidence())
    bed.exporter.stop()
    disk.repair()
    bed.exporter.start()
    changes = Changes(before, time.monotonic())
    with contextlib.closing(Scraper(bed.exporter.port)) as after:
        right = watch(after, FIRST_PASS_SECONDS, lambda scrape: changes.take(scrape) or not changes.lasting)
    report.promise("once it is repaired, all is as it was", [] if right else changes.evidence())


def rubbish(report, bed, plan, before, disk):
    """What a broken disk makes of a database while nobody looks."""
    bed.exporter.stop()
    database = disk.folder / "state.db"
    for file in disk.folder.glob("state.db-*"):
        file.unlink()
    with database.open("r+b") as broken:
        for _ in range(200):
            broken.seek(random.randrange(database.stat().st_size))
            broken.write(random.randbytes(64))
    bed.exporter.start()
    scraper = Scraper(bed.exporter.port)
    changes = Changes(before, time.monotonic())
    right = watch(scraper, FIRST_PASS_SECONDS, lambda scrape: all_known(scrape) and is_right(changes, scrape))
    aside = [file.name for file in disk.folder.iterdir() if "corrupt" in file.name]
    report.figure("rubbish for a database", f"set aside as {', '.join(aside) or 'nothing'}")
    report.promise("the exporter starts on a database that is rubbish, and every verdict is right again",
                   [] if right else [f"{series}: {change}" for series, change in changes.lasting.items()] or ["it never was"])
    scraper.close()


def is_right(changes, scrape):
    changes.take(scrape)
    return not {series for series in changes.lasting if not series.startswith(("mtasts_policy_last", "mtasts_mx_set_last",
                                                                               "mtasts_tlsrpt", "mtasts_last_failure"))}
