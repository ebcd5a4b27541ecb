#!/bin/sh
# Measures what a domain costs, beside blackbox_exporter doing the same work and a floor that only does the network part
# of it, on loopback. Installs what is missing with apt, builds a release, and prints a table, in about twenty minutes;
# see tests/bench/README.md for how to read it.
# Usage: scripts/bench.sh [--quick | --goals [GOAL...] | --concurrency N --latency MILLISECONDS --domains N --rounds N
#                          --chain p256|letsencrypt]
# SPDX-License-Identifier: Apache-2.0
set -eu

case ${1:-} in
  -h | --help)
    sed -n '2,6s/^# //p' "$0"
    exit 0
    ;;
esac

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build bench

cmake --preset release -DMTASTS_LAB=ON
cmake --build --preset release --target mtasts_exporter mtasts_lab bench_floor bench_dns bench_exposition

echo
exec python3 tests/bench/run.py --build build/release "$@"
