/**
 * `tcp_options` of a listener, seen from outside.
 */
import assert from "node:assert/strict";
import { testAuthority } from "../kit/certs.ts";
import { NatsClient } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";

/** Timer 2 in the system's table of connections is the one for keep-alive. */
const KEEPALIVE_TIMER = "02";
const HZ = 100;

/** Seconds until the keep-alive probe of connections to a local port; none without such a timer. */
function probesDue_s(port: number): number[] {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = Deno.readTextFileSync("/proc/net/tcp").split("\n").slice(1)
    .map((row) => row.trim().split(/\s+/));
  return rows.filter(([, address, , state]) => address?.endsWith(local) && state === "01")
    .map((row) => row[5]!.split(":"))
    .filter(([timer]) => timer === KEEPALIVE_TIMER)
    .map(([, jiffies]) => parseInt(jiffies!, 16) / HZ);
}

const { certificate, key } = testAuthority().server();

Deno.test({
  name: "tcp_options.keepalive: its first number is when the first probe is due" +
    (Deno.build.os === "linux" ? "" : " (skipped: not Linux)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using gateway = await startGateway({
      config: `
[gateway.nats.listeners.tcp.probed]
bind = "127.0.0.1:0"
tcp_options.keepalive = "240,30,5"
[gateway.nats.listeners.ssl.probed]
bind = "127.0.0.1:0"
tcp_options.keepalive = "120,30,5"
ssl_options.certfile = '''${certificate}'''
ssl_options.keyfile = '''${key}'''
`,
    });
    for (const [listener, idle_s] of [["tcp", 240], ["ssl", 120]] as const) {
      const port = gateway.port(`nats:${listener}:probed`);
      const tls = listener === "ssl" ? { tls: { rejectUnauthorized: false } } : {};
      await using client = await NatsClient.open(port, tls);
      await client.nc.flush();
      // Another timer runs while something is unacknowledged.
      await until(() => probesDue_s(port).length > 0, "a timer for probes");
      const [due_s] = probesDue_s(port);
      assert(due_s! > idle_s - 20 && due_s! <= idle_s, `${due_s} s, not up to ${idle_s} s`);
    }
    const raw = await RawNats.open(gateway.nats);
    assert.deepEqual(probesDue_s(gateway.nats), []);
    raw.close();
  },
});

Deno.test("tcp_options.send_timeout: who does not read for that long is cut off", async () => {
  await using gateway = await startGateway({
    config: `
[gateway.nats.listeners.tcp.hasty]
bind = "127.0.0.1:0"
tcp_options.send_timeout = "1s"
`,
    set: ["log.console.level=debug"],
  });
  // It asks for the messages and reads none.
  const silent = await Deno.connect({
    hostname: "127.0.0.1",
    port: gateway.port("nats:tcp:hasty"),
  });
  await silent.write(new TextEncoder().encode("SUB big 1\r\nPING\r\n"));
  await silent.read(new Uint8Array(65_536));
  await using client = await NatsClient.open(gateway.nats);
  await until(async () => {
    client.nc.publish("big", new Uint8Array(1_000_000));
    await client.nc.flush();
    return /slow-consumer/.test(gateway.log());
  }, "the cut");
  silent.close();
});
