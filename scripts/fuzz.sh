#!/bin/sh
# Builds the fuzz targets with Clang, libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, runs each for a while
# from its corpus, prints what came of it, and puts the smallest inputs that reach everything back into tests/fuzz/corpus.
# Exit status 1 on a finding, whose input is kept. Installs what is missing with apt.
# Usage: scripts/fuzz.sh [--seconds N] [--jobs N] [--short] [TARGET...]     tests/fuzz/README.md says how to read it
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
install_packages build fuzz

configure fuzz
cmake --build --preset fuzz
exec python3 tests/fuzz/run.py --build build/fuzz "$@"
