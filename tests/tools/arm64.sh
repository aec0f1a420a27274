#!/bin/sh
# The program for arm64 Linux on a machine that is another, for NATSGATE_BIN: needs Debian's
# qemu-user-static, libc6-arm64-cross and libgcc-s1-arm64-cross.
exec qemu-aarch64-static -L /usr/aarch64-linux-gnu \
  "$(dirname "$0")/../../dist/aarch64-unknown-linux-gnu/natsgate" "$@"
