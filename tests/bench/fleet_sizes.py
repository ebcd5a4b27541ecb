"""What becomes of start-up, memory, CPU time and a scrape as fleets grow. Next: fleet_bed.py."""
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import math
import statistics
import time

from fixture import Population
from fleet_bed import MIB, NEVER
from fleet_watch import Watch

ALIKE = 1.10  # the most may be so many times the least
LATER_SECONDS = 10, 120  # of later passes, at least, so that a small fleet has enough of them, and at most
ONE_PASS_SECONDS = 60
IDLE_SECONDS = 5
SCRAPES = 3


@dataclasses.dataclass
class Fleet:
    """One size. None: there was no time for it."""
    domains: int
    startup: float  # seconds, with no state
    waiting: float  # KiB for a domain that has not been probed
    probed: float = 0.0
    first_ms: float = 0.0  # CPU of a domain
    later_ms: float = None
    first_ratio: float = None  # the same, of what the smallest fleet took just before and after
    later_ratio: float = None
    kept: float = None  # KiB for a domain that has been probed
    resident: int = 0  # KiB then
    more: float = None  # KiB for each domain that the fleet before does not have
    restart: float = 0.0  # seconds, with the state of the run before
    restart_mib: float = 0.0
    series: int = 0
    megabytes: float = 0.0
    plain: float = 0.0  # CPU seconds for a million series
    packed: float = 0.0
    packed_again: float = 0.0
    first_octet: float = 0.0  # ms
    growth: float = 0.0  # MiB
    ill: int = 0


def print_growth(bed, chosen, log):
    """Returns whether nothing is broken."""
    sizes = sorted(chosen.sizes)
    log(f"starting a lab of {sizes[-1]} domains")
    fixture = bed.lab(Population(sizes[-1], chosen.latency, shared_mx=chosen.shared_mx, dead_percent=chosen.dead))
    one = fixed_part(bed, fixture, log)
    fleets, smallest = [], []
    for size in sizes:
        fleets.append(measure(bed, chosen, fixture, size, one, log))
        compare(fleets)
        smallest.append(measure(bed, chosen, fixture, sizes[0], one, log) if smallest else fleets[0])
        if len(smallest) > 1:
            relate(fleets[-1], *smallest[-2:])
    print(f"{chosen.rate} domains due in a second, {chosen.latency} ms before each reply, {chosen.dead}% of the hosts "
          f"dead; {chosen.minutes:g} minutes at most for a pass\n"
          f"an exporter with one domain has {one / MIB:.1f} MiB resident; memory for a domain is what is beyond\n\n"
          f"{table(fleets)}\n")
    fleets[0].first_ratio = fleets[0].later_ratio = 1.0
    for name, what in (("first_ratio", "CPU for a domain, first pass, of the smallest fleet's"),
                       ("later_ratio", "CPU for a domain, later passes, of the smallest fleet's"),
                       ("waiting", "memory for a domain, not yet probed"), ("kept", "memory for a domain, probed"),
                       ("more", "memory for a domain, probed, beyond the fleet before")):
        print(alike([getattr(fleet, name) for fleet in fleets], what))
    bed.keep = any(fleet.ill for fleet in fleets)
    return not bed.keep


def fixed_part(bed, fixture, log):
    """KiB resident of an exporter that has probed one domain."""
    exporter = bed.start(bed.exporter("one", fixture, healthy_first(fixture)[:1], NEVER))
    if not Watch(exporter, (exporter, fixture), log).first_pass(ONE_PASS_SECONDS):
        raise AssertionError(f"one domain takes longer than {ONE_PASS_SECONDS} s\n{exporter.tail()}")
    resident = exporter.resident
    exporter.stop()
    return resident


def healthy_first(fixture):
    return sorted(fixture.domains, key=lambda domain: not fixture.is_healthy(domain))


def measure(bed, chosen, fixture, size, one, log):
    log(f"{size} domains")
    interval = math.ceil(size / chosen.rate)
    exporter = bed.start(bed.exporter(f"fleet-{size}-{time.monotonic_ns()}", fixture, fixture.domains[:size], f"{interval}s",
                                      chosen.concurrency))
    watch = Watch(exporter, (exporter, fixture), log)
    begun = watch.look()
    half = watch.until(lambda look: look.at >= begun.at + interval / 2, 60 * chosen.minutes) or watch.looks[-1]
    first = watch.first_pass(begun.at + 60 * chosen.minutes - half.at)
    ended = first or watch.looks[-1]
    least, most = LATER_SECONDS
    last = watch.for_seconds(min(max(interval, least), most), interval) if first else None
    fleet = Fleet(size, exporter.startup, (begun.resident - one) / size)
    if last:
        fleet.kept, fleet.resident = (last.resident - one) / size, last.resident
    else:  # as if the others took as much as those that had their turn
        share = ended.ended / (len(exporter.domains) + len(exporter.hosts))
        fleet.kept = fleet.waiting + (ended.resident - begun.resident) / size / share
    exporter.rest()
    if first:
        exporter.await_idle()
    fleet.probed = size * ended.ended / (len(exporter.domains) + len(exporter.hosts))
    count_cpu(watch, fleet, (begun, half), (ended, last))
    scrape(exporter, fleet)
    restart(exporter, fleet)
    watch.read_log()
    fleet.ill = len(watch.ill)
    return fleet


def count_cpu(watch, fleet, first, later):
    """Input: looks at the start, and before anything is probed again; at the end of the first pass or of our patience,
    and after later passes, None where there was no time for them."""
    of_a_look = watch.weigh_look()
    probes = len(watch.exporter.domains) + len(watch.exporter.hosts)

    def for_a_domain(since, until):
        domains = max(1, fleet.domains * (until.ended - since.ended) / probes)
        return 1000 * watch.cpu_between(since, until, of_a_look) / domains

    fleet.first_ms = for_a_domain(*first)
    if later[1]:
        fleet.later_ms = for_a_domain(*later)


def restart(exporter, fleet):
    exporter.stop()
    exporter.start()
    fleet.restart, fleet.restart_mib = exporter.startup, exporter.resident / MIB
    exporter.stop()


def relate(fleet, before, after):
    """Machines that others use, too, are fast now and slow then: the smallest fleet says how fast."""
    def ratio(value, *beside):
        return value * len(beside) / sum(beside) if value and all(beside) else None

    fleet.first_ratio = ratio(fleet.first_ms, before.first_ms, after.first_ms)
    fleet.later_ratio = ratio(fleet.later_ms, before.later_ms, after.later_ms)


def compare(fleets):
    """Memory once more, without what a fleet of any size needs to probe at all."""
    *_, before, last = [None, *fleets]
    if before and before.resident and last.resident:
        last.more = (last.resident - before.resident) / (last.domains - before.domains)


def scrape(exporter, fleet):
    """Domains that had no turn yet are still probed: what that costs meanwhile is taken off."""
    idle = background(exporter)
    plain, packed = ([exporter.scrape(gzip) for _ in range(SCRAPES)] for gzip in (False, True))
    fleet.series = exporter.count_series().total
    fleet.megabytes = plain[0].octets / 1e6

    def for_a_million(costs):
        return statistics.median(cost.cpu - idle * cost.seconds for cost in costs) * 1e6 / fleet.series

    fleet.plain, fleet.packed, fleet.packed_again = map(for_a_million, (plain, packed[:1], packed[1:]))
    fleet.first_octet = 1000 * max(cost.first for cost in plain + packed)
    fleet.growth = max(cost.growth_kib for cost in plain + packed) / MIB


def background(exporter):
    """CPU seconds in a second, without a scrape."""
    cpu, begun = exporter.cpu, time.monotonic()
    time.sleep(IDLE_SECONDS)
    return (exporter.cpu - cpu) / (time.monotonic() - begun)


def table(fleets):
    """A line for each figure, a column for each fleet."""
    rows = (("start until ready, s", "startup", ".2f"), ("  with the state of the run before, s", "restart", ".2f"),
            ("domains probed until the first pass was over", "probed", ".0f"),
            ("CPU for a domain, first pass, ms", "first_ms", ".2f"), ("  later passes, ms", "later_ms", ".2f"),
            ("  first pass, of the smallest fleet's just before and after", "first_ratio", ".2f"),
            ("  later passes, the same", "later_ratio", ".2f"),
            ("memory for a domain, not yet probed, KiB", "waiting", ".2f"), ("  probed, KiB", "kept", ".2f"),
            ("  probed, beyond the fleet before, KiB", "more", ".2f"),
            ("resident after the restart, MiB", "restart_mib", ".0f"),
            ("scrape: series", "series", ".0f"), ("  MB", "megabytes", ".1f"),
            ("  CPU for a million series, s (at most 0.25)", "plain", ".3f"),
            ("  the same, gzip, the first, s (at most 0.6)", "packed", ".3f"),
            ("  the same, gzip, nothing probed since, s", "packed_again", ".3f"),
            ("  first octet, ms (at most 50)", "first_octet", ".1f"),
            ("  memory that comes with it, MiB (at most 32)", "growth", ".1f"),
            ("healthy domains that were called faulty", "ill", ".0f"))
    width = max(len(name) for name, _, _ in rows)
    lines = [f"{'domains':{width}}" + "".join(f"  {fleet.domains:>10}" for fleet in fleets)]
    for name, attribute, form in rows:
        values = (getattr(fleet, attribute) for fleet in fleets)
        cells = ("-" if value is None else format(value, form) for value in values)
        lines.append(f"{name:{width}}" + "".join(f"  {cell:>10}" for cell in cells))
    return "\n".join(lines)


def alike(values, what):
    values = [value for value in values if value is not None]
    if len(values) < 2:
        return f"{what}: nothing to compare"
    ratio = max(values) / min(values) if min(values) > 0 else math.inf
    verdict = "agree within 10%" if ratio <= ALIKE else "do NOT agree within 10%"
    return f"{what}: the fleets {verdict}, {min(values):.2f} to {max(values):.2f}"
