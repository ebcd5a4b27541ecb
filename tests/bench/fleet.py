#!/usr/bin/env python3
"""How the exporter carries a fleet: many domains on the lab, for hours, with a Prometheus that scrapes it; or, with
--sizes, what start-up, memory, CPU time and a scrape become as fleets grow.

Everything runs on loopback, on free ports and in a temporary folder, and is stopped at the end. Exit status 1 when
something is broken: a process ended, or a healthy domain was called faulty. A bar that is missed is only said.
Next: README.md for how to read the report, fleet_watch.py for how the exporter is looked at.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import contextlib
import dataclasses
import http.client
import pathlib
import re
import select
import shutil
import signal
import statistics
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import fleet_sizes  # noqa: E402
from fixture import Fixture, Population  # noqa: E402
from fleet_bed import MIB, FleetExporter, FleetPrometheus  # noqa: E402
from fleet_report import Report  # noqa: E402
from fleet_watch import Watch  # noqa: E402
from measure import raise_descriptor_limit  # noqa: E402

SECONDS = {"s": 1, "m": 60, "h": 3600}
HOUR = 3600
SCRAPES = 3
DASHBOARD = "grafana/dashboards/mtasts-exporter.json"


def duration(text):
    """Seconds of 90s, 15m or 6h."""
    match = re.fullmatch(r"(\d+)([smh])", text)
    if not match:
        raise argparse.ArgumentTypeError(f"'{text}' is not like 90s, 15m or 6h")
    return int(match[1]) * SECONDS[match[2]]


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build/release", type=pathlib.Path,
                        help="where the programs are; default: %(default)s")
    lab = parser.add_argument_group("the fleet")
    lab.add_argument("--latency", type=int, default=0, help="milliseconds before each reply of the lab; %(default)s")
    lab.add_argument("--dead", type=int, default=0, metavar="PERCENT",
                     help="of the policy hosts and of the MX hosts answer no SYN; %(default)s")
    lab.add_argument("--shared-mx", type=int, default=0, metavar="N",
                     help="MX hosts for all domains; without it each domain has its own")
    lab.add_argument("--concurrency", type=int, help="probes in flight; the exporter's default")
    run = parser.add_argument_group("the campaign")
    run.add_argument("--domains", type=int, default=100_000, help="%(default)s")
    run.add_argument("--interval", type=duration, default="15m", help="between two probes of a domain; %(default)s")
    run.add_argument("--hours", type=float, default=1, help="to watch after the first pass; %(default)g")
    run.add_argument("--scrape-interval", type=duration, default="30s", help="of Prometheus; %(default)s")
    run.add_argument("--store-all", action="store_true",
                     help="Prometheus keeps every series, and takes several KiB of memory for each")
    run.add_argument("--keep", type=int, metavar="SECONDS",
                     help="let Prometheus run at the end, to draw a picture; on a terminal it waits for Enter")
    growth = parser.add_argument_group("growth")
    growth.add_argument("--sizes", type=int, nargs="+", metavar="N", help="fleets of so many domains, one by one")
    growth.add_argument("--rate", type=int, default=100, help="domains due in a second; %(default)s")
    growth.add_argument("--minutes", type=float, default=20,
                        help="most to wait for a pass over a fleet, which is left incomplete then; %(default)g")
    return parser.parse_args()


def log(text):
    print(text, file=sys.stderr, flush=True)


class Bed:
    """A folder and what runs in it; as a context, all is stopped at the end. The folder stays when something broke."""

    def __init__(self, build):
        self.exporter_binary = build / "exporter/mtasts_exporter"
        self.lab_binary = build / "tests/lab/mtasts_lab"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mtasts-fleet-"))
        self.keep = False
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._stack.close()
        if self.keep or isinstance(error[1], Exception):
            log(f"logs and databases are kept in {self.folder}")
        else:
            shutil.rmtree(self.folder)

    def start(self, child):
        self._stack.callback(child.stop)
        child.start()
        return child

    def lab(self, population):
        return self.start(Fixture(self.folder / "lab", self.lab_binary, population))

    def exporter(self, name, fixture, domains, interval, concurrency=None):
        """Not started yet."""
        return FleetExporter(self.folder / name, self.exporter_binary, fixture, domains, interval, concurrency)

    def prometheus(self, exporter, scrape_interval, keep_all):
        return self.start(FleetPrometheus(self.folder / "prometheus", exporter, scrape_interval, keep_all))


@dataclasses.dataclass
class Run:
    """What the campaign found."""
    empty: int  # KiB resident without a domain
    begun: float  # Unix time of the first probe
    ended: float
    first: object  # looks: at the end of the first pass,
    settled: object  # an interval later, or in the middle if that is sooner,
    last: object  # and at the end
    while_probing: list  # scrapes
    plain: list
    packed: list
    series: object
    of_a_look: float  # CPU seconds
    failed_scrapes: int
    slowest_scrape: float


def watch_fleet(bed, chosen):
    """Returns (Watch, FleetPrometheus, Run)."""
    population = Population(chosen.domains, chosen.latency, shared_mx=chosen.shared_mx, dead_percent=chosen.dead)
    log(f"starting a lab of {chosen.domains} domains")
    fixture = bed.lab(population)
    empty = bed.start(bed.exporter("empty", fixture, [], "15m"))
    empty_kib = empty.resident
    empty.stop()
    exporter = bed.start(bed.exporter("exporter", fixture, fixture.domains, f"{chosen.interval}s", chosen.concurrency))
    begun = time.time()
    prometheus = bed.prometheus(exporter, chosen.scrape_interval, chosen.store_all)
    watch = Watch(exporter, (exporter, fixture, prometheus), log)
    first = watch.first_pass()
    log(f"the first pass is over; {chosen.hours * HOUR:.0f} s to watch")
    settle = min(chosen.interval, chosen.hours * HOUR / 2)
    settled = watch.for_seconds(settle, chosen.interval)
    last = watch.for_seconds(chosen.hours * HOUR - settle, chosen.interval)
    ended = time.time()
    failed, slowest = scrapes_of(prometheus, ended - begun)
    prometheus.pause()
    while_probing = [exporter.scrape(gzip=False) for _ in range(SCRAPES)]
    exporter.scrape(gzip=True)
    time.sleep(chosen.scrape_interval)
    exporter.rest()
    exporter.await_idle()
    packed, plain = ([exporter.scrape(gzip) for _ in range(SCRAPES)] for gzip in (True, False))
    of_a_look, series = watch.weigh_look(), exporter.count_series()
    prometheus.resume()
    watch.read_log()
    return watch, prometheus, Run(empty_kib, begun, ended, first, settled, last, while_probing, plain, packed, series,
                                  of_a_look, failed, slowest)


def scrapes_of(prometheus, seconds):
    """Prometheus' own scrapes: how many failed, and how long the slowest took."""
    span = f"{{job='mtasts'}}[{int(seconds) + 1}s]"
    failed = prometheus.value(f"count_over_time(up{span}) - sum_over_time(up{span})")
    slowest = prometheus.value(f"max_over_time(scrape_duration_seconds{span})")
    return int(failed or 0), slowest or 0.0


def median(costs, name):
    return statistics.median(getattr(cost, name) for cost in costs)


def report_of(chosen, watch, run):
    domains, exporter = chosen.domains, watch.exporter
    report = Report()
    report.add("start until ready", exporter.startup, "s", form=".2f")
    report.add("first pass", run.first.at - watch.begun, "s", form=".0f")
    add_schedule(report, watch, run)
    add_memory(report, run, domains)
    add_cpu(report, watch, run, chosen)
    add_scrape(report, run)
    report.add("series of a domain, at most", run.series.most_of_domain, "", 45, ".0f")
    report.add("series of an MX host, at most", run.series.most_of_host, "", 10, ".0f")
    outcomes = run.last.outcomes
    report.add("probes", run.last.ended, "", form=".0f")
    report.add("  that ended in trouble of our own", outcomes.get("unknown", 0), "", 0, ".0f")
    report.add("healthy domains that were called faulty", len(watch.ill), "", 0, ".0f")
    return report


def add_schedule(report, watch, run):
    delays = watch.delays(since=run.first.at)
    in_first = max(look.delay for look in watch.looks if look.at <= run.first.at)
    report.add("most behind schedule, first pass", in_first, "s", 60, ".1f")
    report.add("  afterwards", max(delays), "s", 60, ".1f")
    report.add("  oldest verdict of a healthy domain, beyond the interval", watch.most_late, "s", 60, ".1f")


def add_memory(report, run, domains):
    hours = (run.last.at - run.settled.at) / HOUR
    growth = run.last.resident - run.settled.resident
    report.add("resident, no domain", run.empty / MIB, "MiB", form=".1f")
    report.add("  after the first pass", run.first.resident / MIB, "MiB", form=".1f")
    report.add("  a pass later", run.settled.resident / MIB, "MiB", form=".1f")
    report.add("  at the end", run.last.resident / MIB, "MiB", form=".1f")
    report.add("  growth from then to the end", growth / run.settled.resident * 100, "%", 2, "+.2f")
    report.add("  the same for an hour", growth / MIB / hours, "MiB", form="+.1f")
    for name, look in (("resident for a domain, after the first pass", run.first), ("  at the end", run.last)):
        report.add(name, (look.resident - run.empty) / domains, "KiB", 4, ".2f")


def add_cpu(report, watch, run, chosen):
    """Of whole intervals: dead hosts are tried several times in one, and that belongs to what a domain costs."""
    probes = len(watch.exporter.domains) + len(watch.exporter.hosts)
    scrape = run.packed[0].cpu / chosen.scrape_interval  # seconds in a second
    busy = watch.cpu_between(run.first, run.last, run.of_a_look) / (run.last.at - run.first.at)

    def for_a_domain(share):
        return 1000 * share * chosen.interval / chosen.domains

    report.add("CPU seconds in a second, after the first pass", busy, "", form=".3f")
    report.add("  of them for Prometheus' scrapes, about", scrape, "", form=".3f")
    report.add("CPU for a domain and interval", for_a_domain(busy), "ms", form=".2f")
    report.add("  without the scrapes", for_a_domain(busy - scrape), "ms", form=".2f")
    report.add("probes after the first pass, of one for each domain and host and interval",
               (run.last.ended - run.first.ended) / probes * chosen.interval / (run.last.at - run.first.at), "", form=".2f")


def add_scrape(report, run):
    millions = run.series.total / 1e6
    every = run.while_probing + run.plain + run.packed
    report.add("scrape: series", run.series.total, "", form=".0f")
    report.add("  size", median(run.plain, "octets") / 1e6, "MB", form=".1f")
    report.add("  size, gzip", median(run.packed, "octets") / 1e6, "MB", form=".1f")
    report.add("  CPU for a million series", median(run.plain, "cpu") / millions, "s", 0.25, ".3f")
    report.add("  the same, gzip, as Prometheus has it", run.packed[0].cpu / millions, "s", 0.6, ".3f")
    report.add("  the same, gzip, nothing probed since", median(run.packed[1:], "cpu") / millions, "s", form=".3f")
    report.add("  first octet, at rest", 1000 * max(cost.first for cost in run.plain), "ms", 50, ".1f")
    report.add("  first octet, while probing", 1000 * max(cost.first for cost in run.while_probing), "ms", 50, ".1f")
    report.add("  memory that comes with it, at most", max(cost.growth_kib for cost in every) / MIB, "MiB", 32, ".1f")
    report.add("  slowest of Prometheus'", run.slowest_scrape, "s", form=".2f")
    report.add("  Prometheus' that failed", run.failed_scrapes, "", 0, ".0f")


def title(chosen, watch):
    hosts = f"on {chosen.shared_mx} MX hosts" if chosen.shared_mx else "each with an MX host of its own"
    return (f"{chosen.domains} domains, {hosts}, interval {chosen.interval} s; {chosen.latency} ms before each reply, "
            f"{chosen.dead}% of the hosts dead; {chosen.hours:g} h after the first pass")


def minutes_of(values, per_line=15):
    rows = [values[start:start + per_line] for start in range(0, len(values), per_line)]
    return "\n".join("  " + " ".join(f"{value:6.1f}" for value in row) for row in rows)


def print_campaign(bed, chosen):
    """Returns whether nothing is broken."""
    watch, prometheus, run = watch_fleet(bed, chosen)
    print(f"{title(chosen, watch)}\n\n{report_of(chosen, watch, run)}\n\n"
          f"most behind schedule in each minute since the start, in seconds:\n{minutes_of(watch.delays())}\n")
    late = max(max(watch.delays()), watch.most_late)
    print(f"no domain late by more than one minute: {'yes' if late <= 60 else 'no'}", flush=True)
    keep_prometheus(prometheus, chosen, run)
    bed.keep = bool(watch.ill)
    return not watch.ill


def utc(clock):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock))


def keep_prometheus(prometheus, chosen, run):
    """Until Enter, a signal, or the time is over."""
    if chosen.keep == 0 or (chosen.keep is None and not sys.stdin.isatty()):
        return
    limit = "" if chosen.keep is None else f" for {chosen.keep} s"
    how = "Enter or Ctrl-C ends it" if sys.stdin.isatty() else "SIGTERM ends it"
    print(f"\nPrometheus runs on{limit} at {prometheus.url} ({how}).\n{DASHBOARD} shows the run from "
          f"{utc(run.begun)} to {utc(run.ended)}, scrape interval {chosen.scrape_interval} s.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        select.select([sys.stdin] if sys.stdin.isatty() else [], [], [], chosen.keep)


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, interrupted)
    raise_descriptor_limit()
    try:
        with Bed(chosen.build.resolve()) as bed:
            sound = fleet_sizes.print_growth(bed, chosen, log) if chosen.sizes else print_campaign(bed, chosen)
        return 0 if sound else 1
    except (AssertionError, OSError, http.client.HTTPException) as error:
        print(f"fleet: broken: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
