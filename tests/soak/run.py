#!/usr/bin/env python3
"""Soak campaigns: the exporter watches the lab while something goes wrong for a while, and must keep its promises.

Everything runs on loopback, on free ports and in a temporary folder, and is stopped at the end.
Next: README.md for what each campaign promises, resolver.py for the first of them.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import functools
import multiprocessing
import os
import pathlib
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import blips  # noqa: E402
import clock  # noqa: E402
import dead  # noqa: E402
import descriptors  # noqa: E402
import hostile  # noqa: E402
import memory  # noqa: E402
import reloads  # noqa: E402
import resolver  # noqa: E402
import restart  # noqa: E402
import signals  # noqa: E402
import storage  # noqa: E402
from junit import write_junit  # noqa: E402

CAMPAIGNS = {"resolver": resolver.run, "upstream": resolver.run_upstream, "blips": blips.run, "dead": dead.run,
             "hostile": hostile.run, "restart": restart.run, "signals": signals.run, "storage": storage.run,
             "clock": clock.run, "descriptors": descriptors.run, "memory": memory.run, "reloads": reloads.run}
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def leave(number, frame):
    """Leaves through every context, so that what was started is stopped; a second signal must not interrupt that."""
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def leave_on_signals():
    for each in STOP_SIGNALS:
        signal.signal(each, leave)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", help=f"some of {', '.join(CAMPAIGNS)}; all of them")
    parser.add_argument("--exporter", required=True, type=pathlib.Path, help="the binary under test")
    parser.add_argument("--lab", required=True, type=pathlib.Path, help="the lab's binary")
    parser.add_argument("--short", action="store_true", help="all campaigns within two minutes, with short intervals")
    parser.add_argument("--junit", type=pathlib.Path, help="where to write the totals")
    parser.add_argument("--outage", type=float, metavar="SECONDS", help="resolver: how long it is away; 3600")
    parser.add_argument("--resolver-fault", choices=("stop", "servfail"), default="stop",
                        help="resolver, blips: what it does instead of answering; stop")
    parser.add_argument("--length", type=float, metavar="SECONDS", help="dead: how long to watch; 270")
    parser.add_argument("--blips", type=int, metavar="N", help="blips: how often; 20")
    parser.add_argument("--reloads", type=int, metavar="N", help="reloads: how often; 1000")
    parser.add_argument("--signals", type=int, metavar="N", help="signals: how many; 500")
    parser.add_argument("--restarts", type=int, metavar="N", help="restart: how often; 20")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.campaigns if name not in CAMPAIGNS]
    if unknown:
        parser.error(f"no campaign {', '.join(unknown)}; there are {', '.join(CAMPAIGNS)}")
    chosen.exporter, chosen.lab = chosen.exporter.resolve(), chosen.lab.resolve()
    return chosen


def run(chosen, name):
    """Runs one campaign. Returns what it found as text, and whether its promises were kept."""
    begun = time.monotonic()
    try:
        report = CAMPAIGNS[name](chosen, chosen)
    except (AssertionError, OSError) as error:
        return f"{name}: BROKEN off after {time.monotonic() - begun:.0f} s: {error}", False
    result = "kept" if report.kept else "BROKEN"
    return f"{report}\n  {result} after {time.monotonic() - begun:.0f} s", report.kept


def results(chosen, names):
    """The results in order. The short form runs some at a time: a resolver that is away mostly means waiting."""
    if not chosen.short:
        yield from (run(chosen, name) for name in names)
        return
    with multiprocessing.Pool(3, leave_on_signals) as pool:
        yield from pool.imap(functools.partial(run, chosen), names)
        pool.close()
        pool.join()


def main():
    chosen = options()
    leave_on_signals()
    names = chosen.campaigns or list(CAMPAIGNS)
    if chosen.junit:  # stands until all have ended: none has passed
        write_junit(chosen.junit, "soak", len(names), names)
    broken = []
    for name, (text, kept) in zip(names, results(chosen, names)):
        print(text + "\n", flush=True)
        if not kept:
            broken.append(name)
    if chosen.junit:
        write_junit(chosen.junit, "soak", len(names), broken)
    print(f"BROKEN: {', '.join(broken)}" if broken else "every promise was kept")
    return 1 if broken else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # all is stopped and told; the interpreter's own end, after a pool, has once not come in minutes
