#!/bin/sh
# Installs what tests run against, on Debian and its kin: servers, clients, a browser. The
# packages' own services are not needed: each test starts a private instance on a free port.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case $(uname -m) in
  aarch64) set -- qemu-system-arm ;;
  # All but the first run the program for arm64.
  *) set -- qemu-system-x86 qemu-user-static libc6-arm64-cross libgcc-s1-arm64-cross ;;
esac
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends \
  postgresql mariadb-server redis-server slapd ldap-utils \
  nats-server mosquitto mosquitto-clients python3-paho-mqtt \
  haproxy strace openssl curl chromium zsh fish faketime mandoc groff shellcheck git iproute2 \
  gcc libc6-dev libnats-dev \
  "$@" qemu-utils debootstrap e2fsprogs
# The disk of the virtual machine for tests/machine; without it those are skipped.
"$here/../machine/image.sh" /var/cache/natsgate-tests/machine ||
  echo "tests/machine will be skipped: its disk could not be made" >&2

# OpenRC is an init system: unpacked where a test finds it, not installed.
openrc=/opt/natsgate-tests/openrc
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get download openrc librc1 libeinfo1)
rm -rf "$openrc"
mkdir -p "$openrc"
for deb in "$work"/*.deb; do dpkg-deb --extract "$deb" "$openrc"; done
