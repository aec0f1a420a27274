/**
 * The image as its Dockerfile says, without a container engine: its environment, user and
 * commands, in a root that holds what the base image has of it, read-only and with a network of
 * its own.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { EmptyRoot, NO_ROOT } from "../kit/empty_root.ts";

/** User and group `nonroot` of the base image. */
const NONROOT = "65532:65532";
const DATA = "/var/lib/natsgate";

interface Image {
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly health: readonly string[];
}

/** What the Dockerfile sets for the process. */
async function readDockerfile(): Promise<Image> {
  const io = fakeIo();
  assert.equal(await main(["service", "docker"], io), 0);
  const text = io.output.replaceAll("\\\n", "");
  assert.match(text, /^FROM \S+:nonroot$/m);
  assert.match(text, RegExp(`^COPY --from=data --chown=nonroot:nonroot /data ${DATA}$`, "m"));
  const list = (name: string): string[] =>
    JSON.parse(RegExp(`^${name}.*?(\\[.*\\])$`, "m").exec(text)![1]!);
  return {
    env: /^ENV (.*)$/m.exec(text)![1]!.trim().split(/\s+/),
    entrypoint: list("ENTRYPOINT"),
    health: list("HEALTHCHECK"),
  };
}

Deno.test({
  name: "the image runs without root, in a read-only root, and is healthy" +
    (NO_ROOT === undefined ? "" : ` (skipped: ${NO_ROOT})`),
  ignore: NO_ROOT !== undefined,
  async fn() {
    const image = await readDockerfile();
    using root = EmptyRoot.make();
    await Deno.chmod(root.dir, 0o755);
    root.copy(`${root.dir}/natsgate`, "/usr/bin/natsgate");
    await Deno.mkdir(`${root.dir}${DATA}`, { recursive: true });
    const script = `
      set -e
      root=$1
      mount --bind "$root" "$root"
      mount -o remount,bind,ro "$root"
      mount -t tmpfs -o size=32m,mode=0700,uid=65532,gid=65532 tmpfs "$root${DATA}"
      mount --rbind /proc "$root/proc"
      ip link set lo up
      run() { /usr/bin/env -i HOME=/home/nonroot ${image.env.join(" ")} \\
        /usr/sbin/chroot --userspec=${NONROOT} "$root" "$@"; }
      # Not by way of run: the signal is for natsgate, not for a shell around it.
      /usr/bin/env -i HOME=/home/nonroot ${image.env.join(" ")} \\
        /usr/sbin/chroot --userspec=${NONROOT} "$root" ${image.entrypoint.join(" ")} 2>&1 &
      pid=$!
      tries=0
      until run ${image.health.join(" ")}; do
        tries=$((tries + 1)); test $tries -lt 100; sleep 0.1
      done
      echo "health: $?"
      # The listeners are on all interfaces, or publishing the ports would be of no use.
      ip addr add 192.0.2.1/32 dev lo
      run /usr/bin/natsgate pub --retain --qos 1 mqtt://192.0.2.1:1883 hello/there "by name"
      run /usr/bin/natsgate sub --count 1 nats://192.0.2.1:4222 hello.there
      run /usr/bin/natsgate status
      stat -c 'owner %u %a %n' "$root${DATA}"/*
      grep ^Uid: /proc/$pid/status
      kill -TERM $pid
      wait $pid
      echo "ended: $?"`;
    const { stdout, stderr, code } = await new Deno.Command("timeout", {
      args: ["60", "unshare", "--mount", "--net", "sh", "-c", script, "sh", root.dir],
    }).output();
    const output = new TextDecoder().decode(stdout);
    assert.equal(code, 0, output + new TextDecoder().decode(stderr));
    assert.match(output, /natsgate ready/);
    assert.match(output, /^health: 0$/m);
    assert.match(output, /^\[hello\.there, .*\] by name$/m);
    assert.match(output, /^owner 65532 600 .*\/admin\.key$/m);
    assert.match(output, /^owner 65532 \d+ .*\/natsgate\.db$/m);
    assert.match(output, /^Uid:\s65532\s65532\s65532\s65532$/m);
    assert.match(output, /^ended: 0$/m);
  },
});
