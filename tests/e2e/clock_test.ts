/**
 * A board without a battery starts in 1970 and is told the time later. Played by libfaketime,
 * which hands a process the time that stands in a file.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";

const LIBRARY = findLibrary();
const SECRET = "a secret of the right length, 32";

function findLibrary(): string | undefined {
  for (const cpu of ["x86_64", "aarch64"]) {
    const path = `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`;
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/** A test with a clock that it can set, skipped where there is no libfaketime. */
function clockTest(name: string, run: (clock: FalseClock) => Promise<void>): void {
  Deno.test({
    name: LIBRARY === undefined ? `${name} (skipped: faketime is not installed)` : name,
    ignore: LIBRARY === undefined,
    async fn() {
      const dir = await Deno.makeTempDir({ prefix: "natsgate-clock-" });
      try {
        await run(new FalseClock(dir));
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

/** The calendar of a gateway. */
class FalseClock {
  constructor(readonly dir: string) {}

  /** Years before the true time, for gateways that run and those that are started from now on. */
  set(years: number): void {
    Deno.writeTextFileSync(`${this.dir}/time`, years === 0 ? "+0" : `-${years}y`);
  }

  start(config = "") {
    return startGateway({
      dir: this.dir,
      config,
      env: {
        LD_PRELOAD: LIBRARY!,
        FAKETIME_TIMESTAMP_FILE: `${this.dir}/time`,
        FAKETIME_NO_CACHE: "1",
        // The time since the start of the machine goes on as it does.
        FAKETIME_DONT_FAKE_MONOTONIC: "1",
      },
    });
  }
}

const SESSION = { clean: false, properties: { sessionExpiryInterval: 600 } };

/** Leaves a session that waits for messages, and one of them. */
async function leaveSession(port: number, clientId: string): Promise<void> {
  using client = await RawMqtt.open(port, { ...SESSION, clientId });
  await client.subscribe(`for/${clientId}`, { qos: 1 });
  client.close();
  using publisher = await RawMqtt.open(port);
  await publisher.publish(`for/${clientId}`, clientId, { qos: 1, retain: true });
}

async function findSession(port: number, clientId: string): Promise<void> {
  using client = await RawMqtt.open(port, { ...SESSION, clientId });
  const { payload } = await client.expect("publish");
  assert.equal(new TextDecoder().decode(payload as Uint8Array), clientId);
}

clockTest("the time is set while clients are there: nobody and nothing is lost", async (clock) => {
  clock.set(55);
  const config = '[retainer]\nmsg_expiry_interval = "1h"\n';
  {
    await using gateway = await clock.start(config);
    assert.match(gateway.log(), /^19[67]\d-/m, "the calendar is false");
    using nats = await RawNats.open(gateway.nats);
    using mqtt = await RawMqtt.open(gateway.mqtt, { keepalive: 5 });
    await leaveSession(gateway.mqtt, "before");
    clock.set(0);
    await nats.flush();
    await mqtt.subscribe("a");
    await leaveSession(gateway.mqtt, "after");
    // Two looks for what has expired.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await nats.flush();
    await mqtt.publish("a", "still here");
    await mqtt.expect("publish");
    await gateway.stop("SIGKILL");
  }
  await using gateway = await clock.start(config);
  await findSession(gateway.mqtt, "before");
  await findSession(gateway.mqtt, "after");
  using nats = await RawNats.open(gateway.nats);
  await nats.send("SUB for.after 1\r\n");
  assert.equal(new TextDecoder().decode((await nats.message()).payload), "after");
});

clockTest("a start in the past keeps what was stored in its future", async (clock) => {
  clock.set(0);
  {
    await using gateway = await clock.start();
    await leaveSession(gateway.mqtt, "device");
    await gateway.stop("SIGKILL");
  }
  clock.set(55);
  await using gateway = await clock.start();
  clock.set(0);
  await findSession(gateway.mqtt, "device");
});

clockTest("tokens are judged by the time as it is set", async (clock) => {
  clock.set(55);
  await using gateway = await clock.start(`
[[authentication]]
mechanism = "jwt"
use_jwks = false
algorithm = "hmac-based"
secret = "${SECRET}"
`);
  const now = Math.floor(Date.now() / 1000);
  const good = token({ nbf: now - 60, exp: now + 600 });
  const expired = token({ exp: now - 60 });
  const login = (password: string) =>
    RawMqtt.open(gateway.mqtt, { username: "u", password: Buffer.from(password) });
  await assert.rejects(login(good));
  clock.set(0);
  using client = await login(good);
  await client.subscribe("a");
  await assert.rejects(login(expired));
});

function token(claims: Record<string, unknown>): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
