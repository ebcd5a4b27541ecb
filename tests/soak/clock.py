"""Campaign: the wall clock is set forward and back by a day. Probes keep their pace, and nobody is blamed for it.

The exporter is started with a library that shifts its clock (tests/support/wrong_clock.cpp); the lab keeps the right time.
Next: hostile.py.
"""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import pathlib
import struct
import time

from bed import Bed
from company import Company
from descriptors import BLAME_IF_SET, BLAME_IF_ZERO
from exposition import Scraper
from report import Report
from servers import Exporter
from watch import by_family, watch

DAY = 24 * 3600
FIRST_PASS_SECONDS = 60
KNOWN = {"ok", "unknown"}  # every domain of the lab is healthy


@dataclasses.dataclass(frozen=True)
class Plan:
    """Durations in seconds; `wrong` is how long the clock stays where it was set."""
    domains: int
    wrong: float
    interval: float


FULL = Plan(domains=500, wrong=60, interval=10)
SHORT = Plan(domains=50, wrong=6, interval=3)
STEPS = (DAY, 0, -DAY, 0, DAY, -DAY, 0)  # beside the right time


class Shifted(Exporter):
    """An exporter whose clock is set while it runs."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.offset = self.folder / "clock"
        self.set_clock(0)

    def spawn(self, command, ready, environment=None):
        library = pathlib.Path(self.binary).parents[1] / "tests/support/libwrong_clock.so"
        assert library.exists(), f"{library} is not built"
        super().spawn(command, ready, {"LD_PRELOAD": str(library), "WRONG_CLOCK_FILE": str(self.offset)})

    def set_clock(self, seconds):
        with self.offset.open("r+b" if self.offset.exists() else "wb") as file:  # it is mapped: never another file
            file.write(struct.pack("<q", seconds))


def run(binaries, options):
    plan = SHORT if options.short else FULL
    changes = {"probe": {"interval": f"{plan.interval:g}s", "retry_interval": f"{plan.interval:g}s"}}
    with Bed(binaries, ["--bulk", plan.domains], changes, Shifted) as bed:
        return bed.close_report(campaign(bed, plan))


class Watched:
    """What was seen over all scrapes."""

    def __init__(self):
        self.begun = time.monotonic()
        self.blamed, self.states, self.delay = {}, {}, 0.0

    def take(self, scrape):
        self.delay = max(self.delay, scrape.value("mtasts_exporter_probe_delay_seconds"))
        for state in set(scrape.states().values()) - KNOWN:
            self.states.setdefault(state, f"after {scrape.at - self.begun:.1f} s")
        for series, value in scrape.series.items():
            blames = series.startswith(BLAME_IF_SET) if value else series.startswith(BLAME_IF_ZERO)
            if blames:
                self.blamed.setdefault(series, f"{value:g} after {scrape.at - self.begun:.1f} s")


def probes(scrape):
    return sum(value for _, value in scrape.family("mtasts_exporter_probes_total"))


def campaign(bed, plan):
    report = Report(f"clock: {plan.domains} domains, every {plan.interval:g} s; set to "
                    + ", ".join(f"{step / DAY:+g}" for step in STEPS) + f" days, for {plan.wrong:g} s each")
    scraper = Scraper(bed.exporter.port)
    first = watch(scraper, FIRST_PASS_SECONDS, lambda scrape: set(scrape.states().values()) == {"ok"})
    assert first, f"not every domain is ok after {FIRST_PASS_SECONDS} s"
    watched, paces, last, recovered = Watched(), [], first, []
    with Company(bed, report, scraper, swift=plan is FULL):
        for step in STEPS:
            bed.exporter.set_clock(step)
            watch(scraper, plan.wrong, watched.take)
            now = scraper.scrape()
            paces.append((probes(now) - probes(last)) / (now.at - last.at))
            if step == 0:
                recovered.append(set(now.states().values()) == {"ok"})
            last = now
    report.figure("probes a second, each step", ", ".join(f"{pace:.0f}" for pace in paces))
    report.figure("most overdue probe", f"{watched.delay:.1f} s")
    wanted = 2 * plan.domains / plan.interval  # domains and MX hosts
    report.promise("probes keep their pace", [f"{pace:.0f} a second" for pace in paces if pace < 0.8 * wanted])
    report.promise("nobody is blamed", by_family(watched.blamed))
    report.promise("domains are ok, or unknown while the clock is wrong", [f"{state} {when}" for state, when in watched.states.items()])
    report.promise("with the right time every domain is ok again", [] if all(recovered) else [f"{recovered}"])
    report.process(first, last)
    report.scrapes(scraper)
    return report
