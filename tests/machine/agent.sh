#!/bin/bash
# Runs in the machine under test: each line from the test is a script in base64; the answer is its
# exit code and, in base64, what it printed.
exec 3<>/dev/virtio-ports/test
echo up >&3
while read -r line <&3; do
  bash -c "$(base64 -d <<<"$line")" </dev/null >/run/test-output 2>&1 3>&-
  printf '%s %s\n' $? "$(base64 -w 0 /run/test-output)" >&3
done
