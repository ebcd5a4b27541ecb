#!/bin/sh
# Builds the exporter and runs it: against real domains with a configuration file, or, without one, against the lab,
# a set of made-up mail domains on loopback with one fault each. Installs what is missing with apt.
# Usage: scripts/run.sh [CONFIG.yaml]
# SPDX-License-Identifier: Apache-2.0
set -eu

case ${1:-} in
  -h | --help)
    sed -n '2,4s/^# //p' "$0"
    exit 0
    ;;
  "") config= ;;
  *)
    [ -r "$1" ] || { echo "cannot read the configuration file $1" >&2; exit 1; }
    config=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
    ;;
esac

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build run

if [ -n "$config" ]; then
  cmake --preset release
  cmake --build --preset release --target mtasts_exporter
  exec build/release/exporter/mtasts_exporter --config.file="$config"
fi

cmake --preset release -DMTASTS_LAB=ON
cmake --build --preset release --target mtasts_exporter mtasts_lab

listen=${MTASTS_LISTEN:-127.0.0.1:9974}
work=$(mktemp -d)
lab_pid=
exporter_pid=

# Stops what was started, in reverse order, by process id.
stop() {
  trap '' EXIT HUP INT TERM
  for pid in $exporter_pid $lab_pid; do
    kill "$pid" 2>/dev/null || continue
    wait "$pid" || true
  done
  rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

# Waits until the command given succeeds; fails when the process ends before, or after a minute.
wait_for() {
  pid=$1
  shift
  tries=0
  until "$@" >/dev/null 2>&1; do
    tries=$((tries + 1))
    if [ $tries -gt 300 ] || ! kill -0 "$pid" 2>/dev/null; then
      return 1
    fi
    sleep 0.2
  done
}

lab=$(find build/release -type f -name mtasts_lab)
"$lab" --dns-port 25353 --https-port 28443 --smtp-port 22525 --dir "$work" >"$work/lab.log" 2>&1 &
lab_pid=$!
if ! wait_for "$lab_pid" grep -q '^lab: ready' "$work/lab.log"; then
  echo "the lab did not start:" >&2
  cat "$work/lab.log" >&2
  exit 1
fi

build/release/exporter/mtasts_exporter --config.file="$work/config.yaml" --web.listen-address="$listen" \
  --log.level=warn & # a line per verdict would push the message below off the screen
exporter_pid=$!
if ! wait_for "$exporter_pid" curl -fsS "http://$listen/-/ready"; then
  echo "the exporter did not start; is $listen in use? (MTASTS_LISTEN=127.0.0.1:9975 scripts/run.sh chooses another)" >&2
  exit 1
fi

cat <<MESSAGE

  The exporter watches the lab: made-up domains, each with one fault. Within a minute all of them have been probed.

    http://$listen/           the domains, their state and what is wrong with them
    http://$listen/metrics    what Prometheus scrapes

  Worth a look:
    curl -s http://$listen/metrics | grep '^mtasts_failure_info'     every fault, by its TLS-RPT result type
    curl -s http://$listen/metrics | grep '^mtasts_domain_deliverable'  whether mail would bounce
    build/release/exporter/mtasts_exporter check --config.file=$work/config.yaml DOMAIN

  Ctrl-C stops both.

MESSAGE
wait "$exporter_pid"
