import assert from "node:assert/strict";
import { notifier } from "../gateway/systemd.ts";

const linux = Deno.build.os === "linux" && typeof Deno.listenDatagram === "function";

Deno.test({
  name: "notifier() sends states and signs of life to the socket of the service manager",
  ignore: !linux,
  async fn() {
    const directory = await Deno.makeTempDir();
    const path = `${directory}/notify.sock`;
    const manager = Deno.listenDatagram({ transport: "unixpacket", path });
    const next = async () => new TextDecoder().decode((await manager.receive())[0]);
    const env: Record<string, string> = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "4000000" };
    const line = notifier((name) => env[name]);
    try {
      line.tell("READY=1");
      assert.equal(await next(), "READY=1");
      const deadlines: number[] = [];
      let alive = () => {};
      let cancelled = 0;
      const unwatch = line.watch({
        now: () => 100,
        calendar: () => 100,
        at(deadline, run) {
          deadlines.push(deadline);
          alive = run;
          return { cancel: () => cancelled++ };
        },
      });
      alive();
      assert.equal(await next(), "WATCHDOG=1");
      assert.deepEqual(deadlines, [2100, 2100]);
      unwatch();
      assert.equal(cancelled, 1);
    } finally {
      line.close();
      manager.close();
      await Deno.remove(directory, { recursive: true });
    }
  },
});

Deno.test("notifier() is silent without a service manager", () => {
  const line = notifier(() => undefined);
  line.tell("READY=1");
  line.close();
});
