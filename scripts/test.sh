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

unit_total=$(count tests "$build/unit.xml" 2>/dev/null)
unit_failed=$(count failures "$build/unit.xml" 2>/dev/null)
if [ -z "$unit_total" ]; then # it ended before it could write its results
  unit_total=1 unit_failed=1
fi
# For ctest all unit tests are one.
other_total=$(($(count tests "$build/ctest.xml") - 1))
other_failed=$(($(count failures "$build/ctest.xml") - (unit_failed > 0)))
e2e_total=$(count tests "$build/e2e.xml")
e2e_failed=$(count failures "$build/e2e.xml")
soak_total=$(count tests "$build/soak.xml")
soak_failed=$(count failures "$build/soak.xml")
browser_total=$(count tests "$build/browser.xml" 2>/dev/null)
browser_failed=$(count failures "$build/browser.xml" 2>/dev/null)
if [ -z "$browser_total" ]; then
  browser_total=1 browser_failed=1
fi
kubernetes_total=$(count tests "$build/kubernetes.xml" 2>/dev/null)
kubernetes_failed=$(count failures "$build/kubernetes.xml" 2>/dev/null)
if [ -z "$kubernetes_total" ]; then
  kubernetes_total=1 kubernetes_failed=1
fi

# Prints a line of the summary: name, tests, failures.
line() {
  echo "$1: $(($2 - $3)) of $2 passed"
}

echo
line "unit" "$unit_total" "$unit_failed"
line "integration, rules, fuzz replay" "$other_total" "$other_failed"
line "end to end" "$e2e_total" "$e2e_failed"
line "soak" "$soak_total" "$soak_failed"
line "browser" "$browser_total" "$browser_failed"
line "kubernetes" "$kubernetes_total" "$kubernetes_failed"
total=$((unit_total + other_total + e2e_total + soak_total + browser_total + kubernetes_total))
total_failed=$((unit_failed + other_failed + e2e_failed + soak_failed + browser_failed + kubernetes_failed))
echo "$((total - total_failed)) passed, $total_failed failed"
exit $failed
