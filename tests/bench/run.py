#!/usr/bin/env python3
"""CPU time per domain of mtasts_exporter and of blackbox_exporter, which does the same work in the same run.

Everything runs on loopback, on free ports and in a temporary folder, and is stopped at the end.
Next: ours.py and blackbox.py for what is measured, README.md for how to read the table.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import contextlib
import http.client
import pathlib
import resource
import signal
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import blackbox  # noqa: E402
from fixture import Fixture  # noqa: E402
from measure import choose_cpus, pinned  # noqa: E402
from ours import Ours  # noqa: E402

FIRST, LATER, OTHER = "mtasts_exporter, first pass", "mtasts_exporter, later pass", "blackbox_exporter"


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exporter", required=True, help="the binary to measure")
    parser.add_argument("--lab", required=True, help="the binary of mtasts_lab")
    parser.add_argument("--domains", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=7, help="both programs in turn; default: %(default)s")
    parser.add_argument("--concurrency", type=int, default=64, help="probes in flight; default: %(default)s")
    parser.add_argument("--latency", type=int, default=0, help="milliseconds before each reply; default: %(default)s")
    return parser.parse_args()


def raise_descriptor_limit():
    """For our connections and for the programs that inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@contextlib.contextmanager
def running(program, cpu):
    """The program, started on that CPU, and stopped in any case."""
    try:
        with pinned(cpu):
            program.start()
        yield program
    finally:
        program.stop()


def warm_up(folder, chosen, fixture):
    """The lab mints a certificate when a name is first asked for; nobody is to wait for that."""
    with running(Ours(folder, chosen.exporter, fixture, chosen.concurrency), None) as ours:
        ours.first_pass()


def one_round(folder, chosen, fixture, cpu):
    """Returns {row: Cost} and {row: peak MiB}."""
    costs, peaks = {}, {}
    with running(Ours(folder / "ours", chosen.exporter, fixture, chosen.concurrency), cpu) as ours:
        costs[FIRST] = ours.first_pass()
        peaks[FIRST] = ours.peak_mib()
        costs[LATER] = ours.later_pass()
        peaks[LATER] = ours.peak_mib()
    with running(blackbox.Blackbox(folder / "blackbox", fixture, chosen.concurrency), cpu) as other:
        costs[OTHER] = other.probe_all()
        peaks[OTHER] = other.peak_mib()
    return costs, peaks


def describe(chosen, cpus):
    """What was done, for the reader of the table."""
    fixture_cpu, program_cpu = cpus
    pinning = "Not pinned: there is only one CPU."
    if program_cpu is not None:
        pinning = f"Each program had CPU {program_cpu} alone, lab and client CPU {fixture_cpu}."
    return f"""\
{chosen.domains} domains on loopback, {chosen.concurrency} probes in flight, {chosen.latency} ms before each reply, \
rounds: {chosen.rounds}.
A domain: DNS, one verified HTTPS fetch of the policy, one verified STARTTLS session with an MX host of its own.
DNS queries per domain: 5 by mtasts_exporter (TXT, TXT, MX, A, A), 3 by blackbox_exporter, which is told the addresses.
Every server sends a P-256 leaf and a P-256 intermediate; the root is P-256 too. blackbox_exporter {blackbox.version()}.
{pinning}
"""


def spread(values, form):
    """Median, and the range where there are several."""
    text = format(statistics.median(values), form)
    return text if len(values) == 1 else f"{text} ({min(values):{form}}-{max(values):{form}})"


def table(rounds):
    """One row per program and pass, over all rounds. The ratio is taken within each round: machines drift."""
    lines = [f"{'':28} {'CPU ms per domain':>20} {'of blackbox':>18} {'domains/s':>10} {'CPU busy':>9} {'peak RSS':>9}"]
    for row in (FIRST, LATER, OTHER):
        costs = [costs[row] for costs, _ in rounds]
        ratios = [costs[row].cpu_ms / costs[OTHER].cpu_ms for costs, _ in rounds]
        ratio = "1" if row == OTHER else spread(ratios, ".2f")
        lines.append(f"{row:28} {spread([cost.cpu_ms for cost in costs], '.2f'):>20} {ratio:>18}"
                     f" {statistics.median(cost.rate for cost in costs):>10.0f}"
                     f" {statistics.median(cost.busy for cost in costs):>9.0%}"
                     f" {max(peaks[row] for _, peaks in rounds):>5.0f} MiB")
    return "\n".join(lines)


def bench(chosen, folder):
    cpus = choose_cpus()
    fixture = Fixture(folder / "lab", chosen.lab, chosen.domains, chosen.latency)
    rounds = []
    with pinned(cpus[0]), running(fixture, cpus[0]):
        print(describe(chosen, cpus), flush=True)
        warm_up(folder / "warm-up", chosen, fixture)
        for number in range(chosen.rounds):
            rounds.append(one_round(folder / str(number), chosen, fixture, cpus[1]))
            shown = ", ".join(f"{row} {cost.cpu_ms:.2f} ms" for row, cost in rounds[-1][0].items())
            print(f"round {number + 1}: {shown}", flush=True)
    print("\n" + table(rounds))


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, interrupted)
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory() as folder:
        try:
            bench(chosen, pathlib.Path(folder))
        except (AssertionError, OSError, http.client.HTTPException) as error:
            print(f"bench: no figures: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
