# shellcheck shell=sh
# Debian packages the build, the tests and the checks need, per release, and functions that install what is missing and
# configure a build.
# Sourced by run.sh, test.sh, bench.sh, fleet.sh, soak.sh, fuzz.sh, coverage.sh and .ci/run; plain sh.
# SPDX-License-Identifier: Apache-2.0

# Prints the Debian release number, or fails with a message on anything that is not Debian 12 or later.
debian_release() {
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "${ID:-}:${VERSION_ID:-}")
  case $release in
    debian:1[2-9]) echo "${release#debian:}" ;;
    debian:) echo 13 ;;  # testing and unstable carry no number
    *)
      echo "This script knows Debian 12 and later, not '$release'. Install the packages listed in scripts/packages.sh" >&2
      echo "under your system's names, then build with: cmake --preset release && cmake --build --preset release" >&2
      return 1
      ;;
  esac
}

# Prints the packages of a purpose: build (compile and link), run (ask the exporter whether it is ready), test (unit
# tests, real servers), browser (the pages in Chromium, and npm, whose packages have the schemas of Kubernetes too), bench
# (what to compare with), fleet (many domains and a Prometheus), soak (campaigns against the lab), package (the Debian
# package), fuzz, coverage, check (style, a second Debian, that package).
packages_for() {
  case $1 in
    build)
      echo "g++ cmake ninja-build pkg-config libssl-dev libldns-dev libunbound-dev libyaml-cpp-dev libcpp-httplib-dev"
      echo "prometheus-cpp-dev libsoci-dev libpq-dev libcli11-dev libspdlog-dev libsqlite3-dev zlib1g-dev libcrypt-dev"
      echo "libgmime-3.0-dev libcurl4-openssl-dev libkainjow-mustache-dev libpsl-dev libidn2-dev libjemalloc-dev ca-certificates"
      # Only there; elsewhere zlib compresses.
      case $(dpkg --print-architecture) in amd64 | arm64) echo "libisal-dev" ;; esac
      # Debian 12's default Boost is 1.74; its libboost-* names are 1.83 from Debian 13 on.
      if [ "$(debian_release)" = 12 ]; then
        echo "libboost1.81-dev libboost-json1.81-dev"
      else
        echo "libboost-dev libboost-json-dev"
      fi
      ;;
    test)
      echo "libgtest-dev libgmock-dev python3 python3-yaml openssl curl"
      echo "unbound nsd ldnsutils nginx postfix opendkim opendkim-tools dovecot-imapd postgresql prometheus prometheus-alertmanager"
      echo "mandoc zsh"
      ;;
    browser)
      echo "chromium"
      # Node.js from elsewhere brings an npm of its own, which conflicts with Debian's.
      command -v npm >/dev/null || echo "nodejs npm"
      ;;
    run) echo "curl" ;;
    bench) echo "python3 python3-yaml prometheus-blackbox-exporter" ;;
    fleet) echo "python3 python3-yaml prometheus" ;;
    soak) echo "python3 python3-yaml mount e2fsprogs" ;;
    package) echo "dpkg-dev file gzip" ;;
    fuzz) echo "clang libclang-rt-dev python3" ;;
    coverage) echo "gcovr" ;;
    check) echo "lintian clang-format clang-tidy shellcheck pyflakes3 ccache debootstrap systemd" ;;
  esac
}

# Prints those of its arguments that dpkg does not have installed.
missing_packages() {
  for package in "$@"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

# apt-get as root, directly or through sudo. The servers among the packages must not start: the tests run their own
# instances on ports of their own. Where no policy decides that yet, one that says "don't" is there for the while, and
# the same for the database that PostgreSQL's package would make.
apt_install() {
  if [ "$(id -u)" -eq 0 ]; then
    as_root=
  elif command -v sudo >/dev/null; then
    as_root=sudo
  else
    echo "Missing packages: $*" >&2
    echo "Installing them needs root, and there is no sudo. Run this as root, or install them first:" >&2
    echo "  apt-get install --no-install-recommends $*" >&2
    return 1
  fi
  echo "installing: $*"
  # shellcheck disable=SC2016,SC2086  # the inner shell expands; an empty $as_root must vanish
  $as_root env DEBIAN_FRONTEND=noninteractive sh -eu -c '
    policy=/usr/sbin/policy-rc.d clusters=/etc/postgresql-common/createcluster.conf ours=
    trap "[ -z \"\$ours\" ] || rm -f \$ours" EXIT
    trap "exit 1" HUP INT TERM
    if [ ! -e "$policy" ]; then
      ours="$policy"
      printf "#!/bin/sh\nexit 101\n" >"$policy"
      chmod 755 "$policy"
    fi
    case " $* " in
      *" postgresql "*)
        if [ ! -e "$clusters" ]; then
          ours="$ours $clusters"
          mkdir -p "${clusters%/*}"
          echo "create_main_cluster = off" >"$clusters"
        fi
        ;;
    esac
    apt-get -q -o APT::Update::Error-Mode=any update
    apt-get -q -y --no-install-recommends install "$@"
  ' apt_install "$@"
}

# Installs what is missing for the given purposes; silent when nothing is.
install_packages() {
  wanted=
  for purpose in "$@"; do
    wanted="$wanted $(packages_for "$purpose")" || return 1
  done
  # shellcheck disable=SC2086  # lists of words
  lacking=$(missing_packages $wanted)
  # shellcheck disable=SC2086
  [ -z "$lacking" ] || apt_install $lacking
}

# Configures a preset, with the compiler's cache where there is one.
configure() {
  if command -v ccache >/dev/null; then
    cmake --preset "$1" -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  else
    cmake --preset "$1"
  fi
}
