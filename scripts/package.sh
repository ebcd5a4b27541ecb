#!/bin/sh
# Builds the Debian package for the Debian that this runs on, installs what that needs, and prints where the package is.
# Usage: scripts/package.sh
# SPDX-License-Identifier: Apache-2.0
set -eu

cd "$(dirname "$0")/.."
. scripts/packages.sh
install_packages build package

cmake --preset package
cmake --build --preset package --target mtasts_exporter
cpack --preset package
echo
ls build/package/*.deb
