#!/bin/sh
# Builds the exporter and the lab as people run them, and lets the one watch the other for a long time while something
# goes wrong: the resolver goes away, peers are dead or hostile, the exporter is killed, its disk is full, its clock is
# wrong. Prints figures and whether each promise was kept; about four hours. Installs what is missing with apt.
# Usage: scripts/soak.sh [--short] [--outage SECONDS] [CAMPAIGN...]     tests/soak/README.md explains the campaigns
# SPDX-License-Identifier: Apache-2.0
set -eu

case ${1:-} in
  -h | --help)
    sed -n '2,5s/^# //p' "$0"
    exit 0
    ;;
esac

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build soak

cmake --preset release -DMTASTS_LAB=ON
cmake --build --preset release --target mtasts_exporter mtasts_lab wrong_clock
exec python3 tests/soak/run.py --exporter build/release/exporter/mtasts_exporter \
  --lab build/release/tests/lab/mtasts_lab "$@"
