/** What a service manager hears from the process (sd_notify), on a socket of the test's own. */
import assert from "node:assert/strict";
import { startGateway } from "../kit/gateway.ts";
import { until, within } from "../kit/wait.ts";

const linux = Deno.build.os === "linux" && typeof Deno.listenDatagram === "function";

for (const kind of ["a file", "an abstract address"]) {
  Deno.test({
    name: `the service manager hears ready, reload, signs of life and stop, at ${kind}`,
    // Runtimes that a binary may have been made with know files only; systemd uses one.
    ignore: !linux || (kind !== "a file" && Deno.env.has("NATSGATE_BIN")),
    async fn() {
      const dir = await Deno.makeTempDir({ prefix: "natsgate-notify-" });
      const name = kind === "a file" ? `${dir}/notify` : `@natsgate-test-${crypto.randomUUID()}`;
      const manager = Deno.listenDatagram({
        transport: "unixpacket",
        path: name.replace(/^@/, "\0"),
      });
      const heard: string[] = [];
      const listening = (async () => {
        for await (const [bytes] of manager) heard.push(new TextDecoder().decode(bytes));
      })();
      try {
        await using gateway = await startGateway({
          // Asked to be heard of every 0.4 seconds, it speaks every 0.2.
          env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: "400000" },
        });
        await until(() => heard.includes("READY=1"), "READY");
        assert.equal(heard[0], "READY=1", "nothing before it is");
        const signs = () => heard.filter((state) => state === "WATCHDOG=1").length;
        await until(() => signs() >= 3, "three signs of life");
        heard.length = 0;
        gateway.child.kill("SIGHUP");
        await until(() => heard.includes("READY=1"), "the end of the reload");
        const [begin, end] = heard.filter((state) => state !== "WATCHDOG=1");
        assert.match(begin!, /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
        assert.equal(end, "READY=1");
        gateway.child.kill("SIGTERM");
        assert.equal((await within(gateway.child.status, "the end")).code, 0);
        await until(() => heard.includes("STOPPING=1"), "STOPPING");
      } finally {
        manager.close();
        await listening;
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}
