"""What a probe may cost: each goal, how it is measured, and whether it is met."""
# SPDX-License-Identifier: Apache-2.0
import concurrent.futures
import dataclasses
import statistics
import time

import floor
from fixture import Population
from process import wait_until
from scenarios import FIRST, FLOOR, LATER, OTHER, Cell, measure

MEGABYTE = 1_000_000
SCRAPE_MEGABYTES = 50
DOMAINS_OF_SCRAPES = 10000
DEAD_PATIENCE = 5  # seconds; what the exporter is configured to have
MOST = 0.9  # of the sessions of a pass; its end is left out, when only dead hosts are left


@dataclasses.dataclass(frozen=True)
class Goal:
    """`must` and `stretch` are upper bounds, or lower ones where more is better."""
    number: str
    what: str
    must: float
    stretch: float
    more_is_better: bool = False

    def verdict(self, value):
        def within(bound):
            return value >= bound if self.more_is_better else value <= bound

        return "stretch" if within(self.stretch) else "met" if within(self.must) else "MISSED"


def ratios(rounds, row, base, of):
    """Within each round."""
    return [of(costs[row]) / of(costs[base]) for costs in rounds]


def cpu(cost):
    return cost.cpu_ms


def rate(cost):
    return cost.rate


def peak(cost):
    return cost.peak_kib


def cpu_per_series(told):
    return told["scrape_cpu_seconds"] / told["series"]


def first_and_later(bench, log):
    """G1 and G2."""
    for chain, must, stretch in (("p256", 0.50, 0.40), ("letsencrypt", 0.40, 0.28)):
        cell = Cell(64, 0, 1000, 1000, 5, chain)
        rounds = measure(bench, cell, Population(cell.domains, cell.latency, chain), log)
        yield Goal("G1", f"first pass, {chain}: CPU of blackbox's", 0.60, 0.48), ratios(rounds, FIRST, OTHER, cpu)
        yield Goal("G1", f"first pass, {chain}: CPU of the floor's", 1.20, 0.95), ratios(rounds, FIRST, FLOOR, cpu)
        yield Goal("G2", f"later pass, {chain}: CPU of blackbox's", must, stretch), ratios(rounds, LATER, OTHER, cpu)


def first_pass(bench, fixture, domains, concurrency):
    with bench.ours(fixture, domains, concurrency) as ours:
        return ours.first_pass()


def shared_hosts(bench, log):
    """G3."""
    shared, own = (bench.fixture(Population(1500, shared_mx=hosts)) for hosts in (100, 0))
    found = []
    for _ in range(3):
        costs = [first_pass(bench, fixture, fixture.domains, 64) for fixture in (shared, own)]
        log(f"shared and own MX hosts: CPU ms {costs[0].cpu_ms:.2f}, {costs[1].cpu_ms:.2f}")
        found.append(costs[0].cpu_ms / costs[1].cpu_ms)
    yield Goal("G3", "1,500 domains on 100 MX hosts: CPU of own hosts'", 0.60, 0.55), found


def many_in_flight(bench, log):
    """G4 and G5. Memory for each probe in flight is what a run with more of them has more at its peak: what is kept of
    each domain is the same in both."""
    cell = Cell(1024, 100, 2000, 2000, 3, later=False)
    population = Population(cell.domains, cell.latency)
    rounds = measure(bench, cell, population, log)
    first = "1,024 in flight, 100 ms: domains/s of the floor's"
    yield Goal("G4", first, 0.80, 0.95, True), ratios(rounds, FIRST, FLOOR, rate)
    yield Goal("G4", "the same: domains/s of blackbox's", 1.5, 1.9, True), ratios(rounds, FIRST, OTHER, rate)
    yield Goal("G5", "the same: peak RSS of blackbox's", 0.40, 0.30), ratios(rounds, FIRST, OTHER, peak)
    fixture = bench.fixture(population)
    few = first_pass(bench, fixture, fixture.domains, 64)
    more = [(costs[FIRST].peak_kib - few.peak_kib) / (cell.concurrency - few.in_flight) for costs in rounds]
    yield Goal("G5", "the same: KB for each in flight", 75, 55), more


def expositions(bench, log):
    """G6 and G7: the same series of the same domains."""
    def run(side):
        told = floor.run_program([bench.exposition, "--side", side, "--domains", str(DOMAINS_OF_SCRAPES)],
                                 bench.program_cpu)
        log(f"exposition, {side}: {told}")
        return told

    memory, scrapes = [], []
    for _ in range(3):
        ours, verdicts, families = (run(side) for side in ("ours", "verdicts", "families"))
        memory.append((ours["rest_kib"] - verdicts["rest_kib"]) / families["rest_kib"])
        scrapes.append(cpu_per_series(ours) / cpu_per_series(families))
    yield Goal("G6", "series at rest: RSS of prometheus-cpp's", 0.25, 0.15), memory
    yield Goal("G7", "CPU for each series of a scrape: of prometheus-cpp's", 0.20, 0.12), scrapes


def dns(bench, log):
    """G9."""
    fixture = bench.fixture(Population(1500))
    domains = fixture.domains[:1000]
    found = []
    for _ in range(3):
        ours = bench.run_dns(fixture, domains, 64)
        with bench.blackbox(fixture, domains, 64) as other:
            theirs = other.probe_dns()
        log(f"DNS: CPU ms {ours.cpu_ms:.3f}, blackbox_exporter {theirs.cpu_ms:.3f}")
        found.append(ours.cpu_ms / theirs.cpu_ms)
    yield Goal("G9", "five DNS queries: CPU of three blackbox DNS probes'", 0.12, 0.06), found


def as_many_as_possible(bench, log):
    """G10, and G8 on the exporter that then has many domains."""
    failures = 0
    for latency in (0, 100):
        fixture = bench.fixture(Population(DOMAINS_OF_SCRAPES, latency))
        with bench.ours(fixture, fixture.domains, 8192) as ours:
            cost = ours.first_pass()
            log(f"8192 in flight, {latency} ms: CPU ms {cost.cpu_ms:.2f}, failures {cost.failures}")
            failures += cost.failures
            if not latency:
                yield from scrapes_of(ours, log)
    yield Goal("G10", "8,192 in flight, 0 and 100 ms: false failures", 0, 0), [failures]


def scrapes_of(ours, log):
    """G8, scaled to the size in the goal. What is sent compressed is kept for the next scrape, as far as no probe changes
    it: a scrape after another has all ready, one after a pass over every domain the least that there can be."""
    octets = ours.scrape(gzip=False)[0]
    scale = SCRAPE_MEGABYTES * MEGABYTE / octets
    log(f"a scrape of {octets / MEGABYTE:.1f} MB")
    plain = [ours.scrape(gzip=False) for _ in range(5)]
    first, *packed = [ours.scrape(gzip=True) for _ in range(6)]
    probed = []
    for _ in range(3):
        ours.later_pass()
        ours.await_idle()
        probed.append(ours.scrape(gzip=True))
    log(f"the first scrape with gzip: {1000 * first[2]:.0f} ms")
    size = f"scrape of {SCRAPE_MEGABYTES} MB"
    yield Goal("G8", f"{size}: ms to the first octet", 50, 10), [1000 * scale * waited for _, waited, _ in plain]
    yield Goal("G8", f"{size}: CPU ms", 60, 20), [1000 * scale * spent for _, _, spent in plain]
    yield Goal("G8", f"{size}, gzip: CPU ms", 15, 5), [1000 * scale * spent for _, _, spent in packed]
    yield Goal("G8", "the same, every domain probed since the last one", 15, 5), [1000 * scale * spent for _, _, spent in probed]


def dead_hosts(bench, log):
    """G11: a fifth of the MX hosts and a fifth of the policy hosts."""
    def most_of_first_pass(fixture):
        with bench.ours(fixture, fixture.domains, 1024) as ours:
            return ours.most_of_first_pass(MOST)

    alive, dead = (bench.fixture(Population(6000, dead_percent=percent)) for percent in (0, 20))
    paces, costs = [], []
    for _ in range(2):
        without, ours = most_of_first_pass(alive), most_of_first_pass(dead)
        bare = most_of_floor(bench, dead)
        log(f"20% dead: {ours.rate:.0f} domains/s, floor {bare:.0f}; CPU ms {ours.cpu_ms:.2f}, all alive "
            f"{without.cpu_ms:.2f}")
        paces.append(ours.rate / bare)
        costs.append(ours.cpu_ms / without.cpu_ms)
    yield Goal("G11", "20% dead, 1,024 in flight: domains/s of the floor's", 0.85, 1.2, True), paces
    yield Goal("G11", "the same: CPU of all alive", 1.0, 1.0), costs


def most_of_floor(bench, fixture):
    """Domains per second of the floor, over as much of its pass."""
    domains = fixture.domains
    had, begun = fixture.sessions(), time.monotonic()
    wanted = had + MOST * fixture.population.sessions
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(bench.run_floor, fixture, domains, 1024, DEAD_PATIENCE)
        wait_until(lambda: running.done() or fixture.sessions() >= wanted, floor.RUN_SECONDS, "the floor's pass", 0.02)
        pace = MOST * len(domains) / (time.monotonic() - begun)
        running.result()
    return pace


def threads(bench, log):
    """G12. On a machine with two CPUs fixture and client need some of them, so that pace says little: what counts is
    the CPU time of the busiest thread, which bounds the pace where every thread has a CPU to itself."""
    fixture = bench.fixture(Population(1500))

    def busiest(count):
        with bench.ours(fixture, fixture.domains, 64, count) as ours:
            cost = ours.first_pass()
        log(f"threads: {count}: CPU ms {cost.cpu_ms:.2f}, of the busiest {1000 * cost.busiest_thread / cost.domains:.2f}")
        return cost.busiest_thread / cost.domains

    found = []
    for _ in range(3):
        one, two = busiest(1), busiest(2)
        found.append(one / two)
    yield Goal("G12", "CPU of the busiest thread: one's, of two's", 1.6, 1.8, True), found


SCENARIOS = {"G1": first_and_later, "G2": first_and_later, "G3": shared_hosts, "G4": many_in_flight,
             "G5": many_in_flight, "G6": expositions, "G7": expositions, "G8": as_many_as_possible, "G9": dns,
             "G10": as_many_as_possible, "G11": dead_hosts, "G12": threads}


def line(goal, values):
    value = statistics.median(values)
    form = ".3f" if value < 20 else ".0f"
    spread = f"({min(values):{form}}-{max(values):{form}})" if len(values) > 1 else ""
    return (f"{goal.number:4} {goal.what:52} {value:>8{form}} {spread:14} {goal.must:>5g} {goal.stretch:>7g}  "
            f"{goal.verdict(value)}")


def print_goals(bench, wanted, log):
    """Returns how many of the wanted goals are missed."""
    lines, missed = [], 0
    for scenario in dict.fromkeys(SCENARIOS[number] for number in wanted):
        for goal, values in scenario(bench, log):
            if goal.number not in wanted:
                continue
            lines.append(line(goal, values))
            missed += goal.verdict(statistics.median(values)) == "MISSED"
    lines.sort(key=lambda text: int(text[1:3]))
    print(f"\n{'':57} {'measured':>8} {'':14} {'must':>5} {'stretch':>7}\n" + "\n".join(lines))
    return missed
