"""What is measured: the cells of the table, and one round of a cell."""
# SPDX-License-Identifier: Apache-2.0
import contextlib
import dataclasses
import pathlib

import blackbox
import floor
from fixture import Fixture, Population
from measure import ALL_CPUS, choose_cpus, pinned
from ours import Ours

FIRST, LATER = "mtasts_exporter, first pass", "mtasts_exporter, later pass"
OTHER, FLOOR = "blackbox_exporter", "floor"
OURS = (FIRST, LATER)
ROWS = (FIRST, LATER, OTHER, FLOOR)
# Each probe in flight takes a thread of the client that drives blackbox_exporter, which has no schedule.
CLIENT_LIMIT = 1024
MINTING = {"concurrency": 64, "patience": floor.PATIENCE}
MINTING_AMONG_DEAD = {"concurrency": 256, "patience": 2}  # who fails does not matter there


@dataclasses.dataclass(frozen=True)
class Cell:
    """One combination, measured in so many rounds. `others` is how many domains blackbox_exporter gets; it needs four
    modules for each and is slow."""
    concurrency: int
    latency: int
    domains: int
    others: int
    rounds: int
    chain: str = "p256"
    later: bool = True  # whether a later pass is measured too

    @property
    def title(self):
        return f"{self.concurrency} in flight, {self.latency} ms, {self.chain}"


# Concurrency 1 at 100 ms takes a second per domain. The largest cells are as large as they must be to fill.
TABLE = (Cell(1, 0, 300, 300, 3), Cell(64, 0, 1000, 1000, 3), Cell(1024, 0, 2000, 1000, 3),
         Cell(8192, 0, 10000, 1000, 1), Cell(1, 100, 12, 12, 1), Cell(64, 100, 500, 500, 3),
         Cell(1024, 100, 2000, 1000, 3), Cell(8192, 100, 10000, 1000, 1))
QUICK = (Cell(64, 0, 500, 500, 2), Cell(1024, 100, 1500, 700, 1))


class Bench:
    """The programs, the CPUs and the fixtures that run, in one folder; as a context, all is stopped at the end."""

    def __init__(self, build, folder):
        build = pathlib.Path(build).resolve()
        self.exporter = build / "exporter/mtasts_exporter"
        self.lab = build / "tests/lab/mtasts_lab"
        self.floor, self.dns, self.exposition = (
            str(build / f"tests/bench/bench_{name}") for name in ("floor", "dns", "exposition"))
        self.folder = folder
        self.fixture_cpu, self.program_cpu = choose_cpus()
        self._fixtures = {}
        self._folders = 0
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self._stack.enter_context(pinned(self.fixture_cpu))  # the client shares the fixture's
        return self

    def __exit__(self, *error):
        return self._stack.__exit__(*error)

    def new_folder(self):
        self._folders += 1
        folder = self.folder / str(self._folders)
        folder.mkdir()
        return folder

    def fixture(self, population):
        """The lab with this population. It mints a certificate when a name is first asked for; the floor asks for all
        of them, so that nobody has to wait for that."""
        if population not in self._fixtures:
            fixture = self._stack.enter_context(running(Fixture(self.new_folder(), self.lab, population),
                                                        self.fixture_cpu))
            self._fixtures[population] = fixture
            minting = MINTING_AMONG_DEAD if population.timeouts else MINTING
            self.run_floor(fixture, fixture.domains, minting["concurrency"] + 4 * population.latency,
                           minting["patience"])
        return self._fixtures[population]

    def ours(self, fixture, domains, concurrency, threads=1):
        """A new mtasts_exporter; to be used as a context. With more than one thread it gets all CPUs."""
        cpu = self.program_cpu if threads == 1 else ALL_CPUS
        return running(Ours(self.new_folder(), self.exporter, fixture, domains, concurrency, threads), cpu)

    def blackbox(self, fixture, domains, concurrency):
        return running(blackbox.Blackbox(self.new_folder(), fixture, domains, min(concurrency, CLIENT_LIMIT)),
                       self.program_cpu)

    def run_floor(self, fixture, domains, concurrency, patience=floor.PATIENCE):
        return floor.run_floor(self.floor, fixture, self.new_folder(), domains, concurrency, self.program_cpu, patience)

    def run_dns(self, fixture, domains, concurrency):
        return floor.run_dns(self.dns, fixture, self.new_folder(), domains, concurrency, self.program_cpu)


@contextlib.contextmanager
def running(program, cpu):
    """The program, started on that CPU, and stopped in any case."""
    try:
        with pinned(cpu):
            program.start()
        yield program
    finally:
        program.stop()


def one_round(bench, cell, fixture):
    """All programs in turn. Returns {row: Cost}."""
    costs = {}
    domains = fixture.domains[:cell.domains]
    with bench.ours(fixture, domains, cell.concurrency) as ours:
        costs[FIRST] = ours.first_pass()
        if cell.later:
            costs[LATER] = ours.later_pass()
    with bench.blackbox(fixture, domains[:cell.others], cell.concurrency) as other:
        costs[OTHER] = other.probe_all()
    costs[FLOOR] = bench.run_floor(fixture, domains, cell.concurrency)
    return costs


def measure(bench, cell, population, report=print):
    """Returns the rounds of a cell."""
    fixture = bench.fixture(population)
    rounds = []
    for number in range(cell.rounds):
        rounds.append(one_round(bench, cell, fixture))
        shown = ", ".join(f"{row} {cost.cpu_ms:.2f}" for row, cost in rounds[-1].items())
        report(f"{cell.title}, round {number + 1}: CPU ms {shown}")
    return rounds


def populations(cells):
    """By cell: one fixture for all cells of a latency and a chain, large enough for each."""
    def like(cell):
        return [other for other in cells if (other.latency, other.chain) == (cell.latency, cell.chain)]

    return {cell: Population(max(other.domains for other in like(cell)), cell.latency, cell.chain) for cell in cells}
