#!/bin/sh
# Shows how the exporter carries a fleet: builds a release, starts the lab with many made-up domains, the exporter and a
# Prometheus that scrapes it, watches for hours, and prints figures, each with its bar. What is missing comes with apt.
# Usage: scripts/fleet.sh [--domains 100000] [--interval 15m] [--hours 1] [--latency MILLISECONDS] [--dead PERCENT]
#                         [--shared-mx N] [--concurrency N] [--keep SECONDS]
#        scripts/fleet.sh --sizes 1000 10000 100000 1000000 [--rate DOMAINS_PER_SECOND] [--minutes N]
#        tests/bench/README.md says how to read what it prints; tests/bench/fleet.py --help knows all options
# SPDX-License-Identifier: Apache-2.0
set -eu

case ${1:-} in
  -h | --help)
    sed -n '2,7s/^# //p' "$0"
    exit 0
    ;;
esac

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build fleet

cmake --preset release -DMTASTS_LAB=ON
cmake --build --preset release --target mtasts_exporter mtasts_lab

echo
exec python3 tests/bench/fleet.py --build build/release "$@"
