#!/usr/bin/env python3
"""The end-to-end suite: the exporter against unbound, NSD, nginx, Postfix, Dovecot and PostgreSQL, judged by what Prometheus stored.

Alerts are judged by what Alertmanager sent. Everything runs on loopback, on free ports and in a temporary folder, and is
stopped at the end. Needs root (Postfix).
Next: stack.py for the domains and servers, test_verdicts.py for what is expected.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import os
import pathlib
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
# unbound, nginx and postfix live in sbin
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"

from case import StackCase  # noqa: E402
from junit import write_junit  # noqa: E402
from stack import Stack  # noqa: E402

MODULES = ("test_verdicts", "test_dane", "test_rollout", "test_check_since", "test_web", "test_web_tls",
           "test_service_manager", "test_start", "test_examples", "test_alerts", "test_lifecycle",
           "test_tlsrpt_http", "test_shared_reports", "test_reports", "test_imap")  # the disruptive ones last, and last of all what leaves reports behind


class Result(unittest.TextTestResult):
    """Keeps the count of tests that failed: a test with failed subtests counts once."""

    @property
    def failed_tests(self):
        return {test.id().split(" ")[0] for test, _ in self.failures + self.errors}


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--exporter", required=True, help="the binary under test")
    options.add_argument("--junit", type=pathlib.Path, help="where to write the totals")
    options.add_argument("-k", dest="patterns", action="append", help="run only tests whose name contains this")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    loader = unittest.TestLoader()
    if chosen.patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in chosen.patterns]
    suite = loader.loadTestsFromNames(MODULES)
    total = suite.countTestCases()
    if chosen.junit:  # stands until the suite has ended: nothing has passed
        write_junit(chosen.junit, "e2e", total, {f"not run {number}" for number in range(total)})
    stack = Stack(chosen.exporter)
    try:
        begun = time.monotonic()
        stack.start()
        stack.await_probed()
        stack.await_value('count(mtasts_mx_reachable)', len(stack.mx_hosts) + 1)
        print(f"all {len(stack.domains)} domains probed after {time.monotonic() - begun:.1f} s")
        StackCase.stack = stack
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite)
        if not result.wasSuccessful():
            print(f"--- the exporter's log\n{stack.exporter.tail(60)}")
    finally:
        stack.stop()
    if chosen.junit:
        write_junit(chosen.junit, "e2e", total, result.failed_tests)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
