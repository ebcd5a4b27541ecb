#!/usr/bin/env python3
"""CPU time per domain, pace and memory of mtasts_exporter, of blackbox_exporter, which does the same work, and of a
floor, which does the network part of it alone; all in the same run.

Everything runs on loopback, on free ports and in a temporary folder, and is stopped at the end.
Next: scenarios.py for what is measured, README.md for how to read the table.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import dataclasses
import http.client
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import blackbox  # noqa: E402
import goals  # noqa: E402
import scenarios  # noqa: E402
from measure import raise_descriptor_limit  # noqa: E402
from scenarios import FLOOR, OTHER, ROWS, Bench  # noqa: E402

MOST_DOMAINS_PER_PROBE = 4  # in flight


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", default="build/release", help="where the programs are; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="two cells of the table, in about two minutes")
    parser.add_argument("--goals", nargs="*", metavar="GOAL", choices=tuple(goals.SCENARIOS),
                        help="these, or all of G1 to G12, instead of the table: measured, must, stretch")
    cell = parser.add_argument_group("one cell of your own instead of the table")
    cell.add_argument("--concurrency", type=int, help="probes in flight")
    cell.add_argument("--latency", type=int, help="milliseconds before each reply")
    cell.add_argument("--domains", type=int)
    cell.add_argument("--chain", choices=("p256", "letsencrypt"))
    cell.add_argument("--rounds", type=int)
    return parser.parse_args()


def chosen_cells(chosen):
    """The cell of the table that is closest to what was asked for, changed to be that; without a wish, the table."""
    wishes = {key: value for key in ("concurrency", "latency", "domains", "chain", "rounds")
              if (value := getattr(chosen, key)) is not None}
    if not wishes:
        return scenarios.QUICK if chosen.quick else scenarios.TABLE
    concurrency, latency = wishes.get("concurrency", 64), wishes.get("latency", 0)
    closest = min(scenarios.TABLE, key=lambda cell: (abs(cell.concurrency - concurrency), abs(cell.latency - latency)))
    cell = dataclasses.replace(closest, **{"concurrency": concurrency, "latency": latency} | wishes)
    return (dataclasses.replace(cell, others=min(cell.others, cell.domains)),)


def describe(bench):
    """What was done, for the reader of the table."""
    pinning = "Not pinned: there is only one CPU."
    if bench.program_cpu is not None:
        pinning = f"Each program had CPU {bench.program_cpu} alone, fixture and client CPU {bench.fixture_cpu}."
    return f"""\
A domain: DNS, one verified HTTPS fetch of the policy, one verified STARTTLS session with an MX host of its own.
blackbox_exporter {blackbox.version()} asks three DNS questions a domain instead of five, and at most \
{scenarios.CLIENT_LIMIT} probes at a time.
{pinning}
"""


def spread(values, form):
    """Median, and the range where there are several."""
    text = format(statistics.median(values), form)
    return text if len(values) == 1 else f"{text} ({min(values):{form}}-{max(values):{form}})"


def ratio_to(base, row, rounds):
    """Within each round: machines drift."""
    if row == base:
        return "1"
    return spread([costs[row].cpu_ms / costs[base].cpu_ms for costs in rounds], ".2f")


def pace(rate):
    return format(rate, ".0f" if rate >= 10 else ".2f")


def memory_in_flight(row, costs):
    """Left out where most of it would be what is kept of domains."""
    if row == scenarios.LATER or costs[0].domains > MOST_DOMAINS_PER_PROBE * costs[0].in_flight:
        return "-"
    return f"{statistics.median(cost.kib_in_flight for cost in costs):.0f}"


def table(rounds):
    """One row per program and pass, over all rounds."""
    lines = [f"{'':28} {'CPU ms per domain':>20} {'of blackbox':>16} {'of floor':>16} {'domains/s':>9} {'CPU':>5}"
             f" {'fixture':>7} {'peak RSS':>8} {'KB/probe':>8} {'failed':>6}"]
    for row in (row for row in ROWS if row in rounds[0]):
        costs = [costs[row] for costs in rounds]

        def middle(name):
            return statistics.median(getattr(cost, name) for cost in costs)  # noqa: B023

        lines.append(f"{row:28} {spread([cost.cpu_ms for cost in costs], '.2f'):>20} {ratio_to(OTHER, row, rounds):>16}"
                     f" {ratio_to(FLOOR, row, rounds):>16} {pace(middle('rate')):>9} {middle('busy'):>5.0%}"
                     f" {middle('fixture_busy'):>7.0%} {middle('peak_kib') / 1024:>5.0f} MB"
                     f" {memory_in_flight(row, costs):>8}"
                     f" {max(cost.failures for cost in costs):>6}")
    return "\n".join(lines)


def split(rounds):
    """What the exporter itself says of where its time went."""
    lines = []
    for row in (row for row in scenarios.OURS if row in rounds[0]):
        parts = {activity: statistics.median(costs[row].split[activity] for costs in rounds)
                 for activity in rounds[0][row].split}
        rest = statistics.median(costs[row].cpu_ms for costs in rounds) - sum(parts.values())
        shown = ", ".join(f"{activity} {ms:.2f}" for activity, ms in (parts | {"the rest": rest}).items())
        lines.append(f"{row}, ms per domain: {shown}")
    return "\n".join(lines)


def log(text):
    print(text, file=sys.stderr, flush=True)


def print_table(bench, cells):
    """Returns how many probes of healthy hosts the exporter reported as failed."""
    print(describe(bench), flush=True)
    populations = scenarios.populations(cells)
    failures = 0
    for cell in cells:
        rounds = scenarios.measure(bench, cell, populations[cell], log)
        others = "" if cell.others == cell.domains else f" ({cell.others} for blackbox_exporter)"
        print(f"\n{cell.title}; {cell.domains} domains{others}, rounds: {cell.rounds}\n{table(rounds)}\n{split(rounds)}",
              flush=True)
        failures += sum(cost.failures for costs in rounds for row, cost in costs.items() if row in scenarios.OURS)
    return failures


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    chosen = options()
    signal.signal(signal.SIGTERM, interrupted)
    raise_descriptor_limit()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with Bench(chosen.build, pathlib.Path(folder)) as bench:
                if chosen.goals is not None:
                    print(describe(bench), flush=True)
                    return 1 if goals.print_goals(bench, chosen.goals or list(goals.SCENARIOS), log) else 0
                return 1 if print_table(bench, chosen_cells(chosen)) else 0
        except (AssertionError, OSError, http.client.HTTPException, subprocess.SubprocessError) as error:
            print(f"bench: no figures: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main())
