#!/bin/sh
# Which lines and branches the tests reach: builds with gcov, runs the unit, integration, replay and end-to-end tests and
# the short soak campaigns, and prints coverage by file. Branches that only an exception takes are left out: each call
# has one. Installs what is missing with apt.
# Usage: scripts/coverage.sh     then open build/coverage/html/index.html
# SPDX-License-Identifier: Apache-2.0
set -eu

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build test soak coverage

build=build/coverage
configure coverage
cmake --build --preset coverage
find "$build" -name '*.gcda' -delete

as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo # Postfix's master starts as root only
exporter=$build/exporter/mtasts_exporter
ctest --test-dir "$build" -j "$(nproc)" -LE 'bench|rules' || echo "some tests failed; what they reached counts" >&2
$as_root python3 tests/e2e/run.py --exporter "$exporter" || echo "some tests failed; what they reached counts" >&2
$as_root python3 tests/soak/run.py --short --exporter "$exporter" --lab "$build/tests/lab/mtasts_lab" ||
  echo "some campaigns failed; what they reached counts" >&2

mkdir -p "$build/html"
gcovr --root . --object-directory "$build" --filter 'probes/' --filter 'exporter/' --exclude-throw-branches \
  --exclude-unreachable-branches -j "$(nproc)" --json "$build/coverage.json"
gcovr --root . --add-tracefile "$build/coverage.json" --txt "$build/lines.txt"
gcovr --root . --add-tracefile "$build/coverage.json" --branches --txt "$build/branches.txt"
gcovr --root . --add-tracefile "$build/coverage.json" --html-details "$build/html/index.html"
cat "$build/lines.txt"
gcovr --root . --add-tracefile "$build/coverage.json" --print-summary --txt "$build/lines.txt"
