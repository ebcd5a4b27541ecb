#!/bin/sh
# Makes the file system of a container that holds the exporter and what it needs, and nothing else: no shell, no package
# manager. Usage: packaging/container/rootfs.sh PROGRAM FOLDER
# SPDX-License-Identifier: Apache-2.0
set -eu

if [ $# -ne 2 ]; then
  sed -n '2,3s/^# //p' "$0" >&2
  exit 1
fi
program=$1
root=$2
source=$(dirname "$0")/../..

mkdir -p "$root/usr/bin" "$root/etc/ssl/certs" "$root/etc/mtasts_exporter" "$root/tmp"
chmod 1777 "$root/tmp"
# What Debian keeps below /usr is found by both names.
for folder in bin lib lib64; do
  mkdir -p "$root/usr/$folder"
  ln -sfn "usr/$folder" "$root/$folder"
done

# Copies a file to where it lies, and what it links to instead of the link.
copy() {
  mkdir -p "$root$(dirname "$1")"
  cp -L "$1" "$root$1"
}

install -m 755 "$program" "$root/usr/bin/mtasts_exporter"
ldd "$program" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u | while read -r library; do
  copy "$library"
done
# SOCI loads its databases at run time, glibc its character sets.
for library in /usr/lib/*/libsoci_sqlite3.so.* /usr/lib/*/libsoci_postgresql.so.*; do
  copy "$library"
done
cp -R --parents /usr/lib/*/gconv "$root"
copy /etc/ssl/certs/ca-certificates.crt
mkdir -p "$root/usr/lib/ssl"
ln -sfn /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem" # where OpenSSL looks
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"
install -d -m 700 "$root/var/lib/mtasts_exporter"
chown 65532:65532 "$root/var/lib/mtasts_exporter"
install -m 644 "$source/config.example.yaml" "$root/etc/mtasts_exporter/config.yaml"
