#!/bin/sh
# Installs what is missing, builds as CI does and runs every test: unit, integration, rules and fuzz replay through ctest,
# then the end-to-end suite against unbound, nginx, Postfix, Dovecot, Prometheus and Alertmanager, then the soak campaigns
# in their short form, then the pages in Chromium, then the manifests for Kubernetes against its schemas.
# SPDX-License-Identifier: Apache-2.0
set -eu

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build test soak browser

build=build/ci
configure ci
cmake --build --preset ci

# Prints one number of a JUnit file: tests or failures.
count() {
  sed -n "s/.*[[:space:]]$1=\"\([0-9]*\)\".*/\1/p; s/^$1=\"\([0-9]*\)\".*/\1/p" "$2" | head -n 1
}

total=0
total_failed=0
# Adds to the totals and prints a line of the summary. Input: name, tests, failures.
line() {
  echo "$1: $(($2 - $3)) of $2 passed"
  total=$((total + $2))
  total_failed=$((total_failed + $3))
}

# A line from the file of one suite. One that ended before it could write its results has failed as a whole.
line_of() {
  if [ -s "$build/$2.xml" ]; then
    line "$1" "$(count tests "$build/$2.xml")" "$(count failures "$build/$2.xml")"
  else
    line "$1" 1 1
  fi
}

failed=0
rm -f "$build/unit.xml"
ctest --preset ci -j "$(nproc)" --output-junit ctest.xml || failed=1

echo
echo "end to end:"
as_root=
if [ "$(id -u)" -ne 0 ]; then
  as_root=sudo # Postfix's master starts as root only, and a disk is mounted to be full
fi
rm -f "$build/e2e.xml"
# shellcheck disable=SC2086
$as_root python3 tests/e2e/run.py --exporter "$build/exporter/mtasts_exporter" --junit "$build/e2e.xml" || failed=1

echo
echo "soak:"
rm -f "$build/soak.xml"
# shellcheck disable=SC2086
$as_root python3 tests/soak/run.py --short --exporter "$build/exporter/mtasts_exporter" \
  --lab "$build/tests/lab/mtasts_lab" --junit "$build/soak.xml" || failed=1

echo
echo "browser:"
rm -f "$build/browser.xml"
npm ci --prefix tests/browser --silent && node tests/browser/run.mjs --exporter "$build/exporter/mtasts_exporter" \
  --lab "$build/tests/lab/mtasts_lab" --junit "$build/browser.xml" || failed=1

echo
echo "kubernetes:"
rm -f "$build/kubernetes.xml"
npm ci --prefix tests/kubernetes --silent && node tests/kubernetes/run.mjs --junit "$build/kubernetes.xml" || failed=1

echo
line_of "unit" unit
# For ctest all unit tests are one.
line "integration, rules, fuzz replay" "$(($(count tests "$build/ctest.xml") - 1))" \
  "$(($(count failures "$build/ctest.xml") - (total_failed > 0)))"
line_of "end to end" e2e
line_of "soak" soak
line_of "browser" browser
line_of "kubernetes" kubernetes
echo "$((total - total_failed)) passed, $total_failed failed"
exit $failed
