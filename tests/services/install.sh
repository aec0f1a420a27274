#!/bin/sh
# Installs the servers that tests/auth/*_service_test.ts run against, on Debian and its kin. The
# packages' own services are not needed: each test starts a private instance on a free port.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends \
  postgresql mariadb-server redis-server slapd ldap-utils
