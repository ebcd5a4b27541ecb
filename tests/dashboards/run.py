#!/usr/bin/env python3
"""Checks the Grafana dashboards on paper and, given the URL of a Prometheus, every query against it.

Usage: tests/dashboards/run.py [PROMETHEUS_URL] [-v]. Exit status 1 when there is any problem. Next: dashboard_checks.py.
"""
# SPDX-License-Identifier: Apache-2.0
import argparse
import sys

import dashboard_checks


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("prometheus_url", nargs="?", help="such as http://127.0.0.1:9090; without it only the files")
    options.add_argument("-v", "--verbose", action="store_true", help="also name the queries that may be empty and are")
    chosen = options.parse_args()
    if chosen.prometheus_url:
        found = dashboard_checks.problems(chosen.prometheus_url, chosen.verbose)
    else:
        found = dashboard_checks.static_problems()
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
