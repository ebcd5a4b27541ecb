#!/usr/bin/env python3
"""The end-to-end suite: the exporter against unbound, NSD, nginx, Postfix, Dovecot and PostgreSQL, judged by what Prometheus stored.

Alerts are judged by what Alertmanager sent. Everything runs on loopback, on free ports and in a temporary folder, and is
stopped at the end. Needs root (Postfix). Most tests wait most of the time, so two lanes of them run side by side, each
with servers of its own; what a lane prints is shown when it has ended.
Next: stack.py for the domains and servers, test_verdicts.py for what is expected.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import json
import multiprocessing
import os
import pathlib
import signal
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# unbound, nginx and postfix live in sbin
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"

from case import StackCase  # noqa: E402
from junit import write_junit  # noqa: E402
from stack import Stack  # noqa: E402

# Of about the same length. In each the disruptive ones last, and last of all what leaves reports behind.
LANES = (("test_verdicts", "test_dane", "test_rollout", "test_check_since", "test_examples", "test_alerts",
          "test_lifecycle", "test_shared_reports"),
         ("test_web", "test_web_tls", "test_service_manager", "test_start", "test_tlsrpt_http", "test_reports",
          "test_imap"))


class Result(unittest.TextTestResult):
    """Keeps the count of tests that failed: a test with failed subtests counts once."""

    @property
    def failed_tests(self):
        return {test.id().split(" ")[0] for test, _ in self.failures + self.errors}


class Lane:
    """Tests that run one after the other in a process of their own."""

    def __init__(self, modules, patterns, exporter, folder):
        loader = unittest.TestLoader()
        if patterns:
            loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns]
        self._suite = loader.loadTestsFromNames(modules)
        self.total = self._suite.countTestCases()
        self._exporter = exporter
        self._modules = modules
        self._output = folder / f"{modules[0]}.log"
        self._results = folder / f"{modules[0]}.json"
        self.process = multiprocessing.get_context("fork").Process(target=self._run)

    def _run(self):
        with self._output.open("w") as output:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(output.fileno(), stream.fileno())
            stack = Stack(self._exporter)
            try:
                begun = time.monotonic()
                stack.start()
                stack.await_probed()
                stack.await_value('count(mtasts_mx_reachable)', len(stack.mx_hosts) + 1)
                print(f"all {len(stack.domains)} domains probed after {time.monotonic() - begun:.1f} s")
                StackCase.stack = stack
                result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(self._suite)
                if not result.wasSuccessful():
                    print(f"--- the exporter's log\n{stack.exporter.tail(60)}")
                sys.stdout.flush()
                self._results.write_text(json.dumps({"good": result.wasSuccessful(), "failed": list(result.failed_tests)}))
            finally:
                stack.stop()

    def outcome(self):
        """Whether all went well, and the names of what failed: all of it, if the lane did not come to its end."""
        if self._results.exists():
            results = json.loads(self._results.read_text())
            return results["good"] and self.process.exitcode == 0, set(results["failed"])
        return False, {f"{self._modules[0]}: not run {number}" for number in range(self.total)}

    def print_output(self):
        sys.stdout.write(self._output.read_text(errors="replace") if self._output.exists() else "")
        sys.stdout.flush()


def interrupted(number, frame):
    raise KeyboardInterrupt


def run(lanes):
    """Runs them side by side. An interruption reaches each of them, so that each stops its servers."""
    for lane in lanes:
        lane.process.start()
    try:
        for lane in lanes:
            lane.process.join()
            lane.print_output()
    except KeyboardInterrupt:
        for lane in lanes:
            lane.process.terminate()
        for lane in lanes:
            lane.process.join()
        raise


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--exporter", required=True, help="the binary under test")
    options.add_argument("--junit", type=pathlib.Path, help="where to write the totals")
    options.add_argument("-k", dest="patterns", action="append", help="run only tests whose name contains this")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    with tempfile.TemporaryDirectory(prefix="mtasts-e2e-lanes-") as folder:
        lanes = [Lane(modules, chosen.patterns, chosen.exporter, pathlib.Path(folder)) for modules in LANES]
        lanes = [lane for lane in lanes if lane.total > 0]
        total = sum(lane.total for lane in lanes)
        if chosen.junit:  # stands until the suite has ended: nothing has passed
            write_junit(chosen.junit, "e2e", total, {f"not run {number}" for number in range(total)})
        run(lanes)
        outcomes = [lane.outcome() for lane in lanes]
    failed = set().union(*(names for _, names in outcomes))
    print(f"{total - len(failed)} of {total} passed")
    if chosen.junit:
        write_junit(chosen.junit, "e2e", total, failed)
    return 0 if lanes and all(good for good, _ in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
