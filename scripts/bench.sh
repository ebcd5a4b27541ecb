#!/bin/sh
# Measures the CPU time that a domain costs, beside blackbox_exporter doing the same work in the same run, on loopback.
# Installs what is missing with apt, builds a release, and prints a table; see tests/bench/README.md for how to read it.
# Usage: scripts/bench.sh [--domains N] [--rounds N] [--concurrency N] [--latency MILLISECONDS]
# SPDX-License-Identifier: Apache-2.0
set -eu

case ${1:-} in
  -h | --help)
    sed -n '2,4s/^# //p' "$0"
    exit 0
    ;;
esac

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build bench

cmake --preset release -DMTASTS_LAB=ON
cmake --build --preset release --target mtasts_exporter mtasts_lab

echo
exec python3 tests/bench/run.py --exporter build/release/exporter/mtasts_exporter \
  --lab build/release/tests/lab/mtasts_lab "$@"
