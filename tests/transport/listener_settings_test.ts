/**
 * Settings that every kind of listener has, on every kind of listener.
 */
import assert from "node:assert/strict";
import { WebSocket } from "ws";
import { testAuthority } from "../kit/certs.ts";
import { MqttClient } from "../kit/clients.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { within } from "../kit/wait.ts";

const { certificate, key } = testAuthority().server();
const BIND = 'bind = "127.0.0.1:0"\n';
const OWN = `ssl_options.certfile = '''${certificate}'''\n` +
  `ssl_options.keyfile = '''${key}'''\n`;
const TYPES = ["tcp", "ssl", "ws", "wss"] as const;

/** MQTT listeners of all types, called `it`. */
function everyType(settings: string): string {
  return TYPES.map((type) =>
    `[listeners.${type}.it]\n${BIND}${type === "ssl" || type === "wss" ? OWN : ""}${settings}\n`
  ).join("");
}

function options(gateway: GatewayProcess, type: typeof TYPES[number]) {
  const protocols = { tcp: "mqtt", ssl: "mqtts", ws: "ws", wss: "wss" } as const;
  return [gateway.port(`mqtt:${type}:it`), 5, {
    protocol: protocols[type],
    path: "/mqtt",
    rejectUnauthorized: false,
    connectTimeout: 5000,
  }] as const;
}

Deno.test("listener settings: a mountpoint of its own", async () => {
  await using gateway = await startGateway({
    config: everyType('mountpoint = "here/"') +
      `[gateway.nats.listeners.tcp.it]\n${BIND}mountpoint = "here/"\n`,
  });
  using everything = await RawNats.open(gateway.nats);
  using inside = await RawNats.open(gateway.port("nats:tcp:it"));
  await everything.subscribe("here.>");
  await inside.subscribe(">");
  for (const type of TYPES) {
    await using client = await MqttClient.open(...options(gateway, type));
    await client.publish(`by/${type}`, "x", { qos: 1 });
    assert.equal((await everything.message()).subject, `here.by.${type}`);
    assert.equal((await inside.message()).subject, `by.${type}`);
  }
});

Deno.test("listener settings: enable_authn = false lets everyone in, there only", async () => {
  await using gateway = await startGateway({
    config: everyType("enable_authn = false") +
      '[[authentication]]\nmechanism = "password_based"\nbackend = "built_in_database"\n',
  });
  for (const type of TYPES) {
    await using client = await MqttClient.open(...options(gateway, type));
    await client.publish("x", "y", { qos: 1 });
  }
  await assert.rejects(MqttClient.open(gateway.mqtt, 5));
});

Deno.test("listener settings: access_rules decide about the address", async () => {
  await using gateway = await startGateway({
    config: everyType('access_rules = ["allow 192.0.2.0/24", "deny 127.0.0.0/8"]'),
  });
  for (const type of TYPES) {
    await assert.rejects(MqttClient.open(...options(gateway, type)), type);
  }
  await using _client = await MqttClient.open(gateway.mqtt, 5);
});

Deno.test("listener settings: one that is not enabled is not there", async () => {
  await using gateway = await startGateway({ config: everyType("enable = false") });
  for (const type of TYPES) assert.throws(() => gateway.port(`mqtt:${type}:it`), type);
});

Deno.test("listener settings: max_conn_rate makes new connections wait, none is lost", async () => {
  await using gateway = await startGateway({ config: everyType('max_conn_rate = "5/s"') });
  for (const type of TYPES) {
    const begin = performance.now();
    // Six are let in at once, each of the others a fifth of a second later.
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => MqttClient.open(...options(gateway, type))),
    );
    assert(performance.now() - begin >= 500, `${type}: the tenth had to wait`);
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
});

Deno.test("listener settings: IPv6, all addresses, and a Unix socket of a process that died", async () => {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const path = `${dir}/nats.sock`;
  const onPath = `[gateway.nats.listeners.tcp.path]\nbind = "unix:${path}"\n`;
  {
    // Nobody cleans up after this one.
    await using killed = await startGateway({ config: onPath });
    await killed.stop("SIGKILL");
  }
  assert((await Deno.stat(path)).isSocket);
  {
    await using gateway = await startGateway({
      config: `[gateway.nats.listeners.tcp.six]\nbind = "[::1]:0"\n` +
        `[gateway.nats.listeners.tcp.all]\nbind = 0\n` +
        onPath,
    });
    const greets = async (conn: Deno.Conn) => {
      const into = new Uint8Array(1000);
      const count = await within(conn.read(into), "INFO") ?? 0;
      conn.close();
      return new TextDecoder().decode(into.subarray(0, count)).startsWith("INFO {");
    };
    const six = { hostname: "::1", port: gateway.port("nats:tcp:six") };
    assert(await greets(await Deno.connect(six)));
    const all = { hostname: "127.0.0.1", port: gateway.port("nats:tcp:all") };
    assert(await greets(await Deno.connect(all)));
    assert(await greets(await Deno.connect({ transport: "unix", path })));
    assert.match(gateway.log(), /unix:\S*nats\.sock \(nats:tcp:path\)/);
    // One that is in use is left to whom it belongs.
    await assert.rejects(
      startGateway({ config: `[listeners.tcp.path]\nbind = "unix:${path}"\n` }),
      /ended with 69[^]*Cannot listen on unix:.* for mqtt:tcp:path: Address already in use/,
    );
    assert(await greets(await Deno.connect({ transport: "unix", path })));
  }
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await Deno.remove(dir, { recursive: true });
});

/** 60 messages, 40 of them at once, 40 a second; a little less, as timers may be early. */
const PAID_MS_MIN = 450;

for (const limit of ["messages_rate", "total_messages_rate", "bytes_rate", "total_bytes_rate"]) {
  Deno.test(`listener settings: ${limit} slows clients down and loses nothing`, async () => {
    const count = 60;
    const rate = limit.includes("bytes") ? "4KB/s" : "40/s";
    await using gateway = await startGateway({
      config: `[listeners.tcp.slow]\n${BIND}${limit} = "${rate}"\n` +
        `[gateway.nats.listeners.tcp.slow]\n${BIND}${limit} = "${rate}"\n`,
    });
    using reader = await RawNats.open(gateway.nats);
    await reader.subscribe("rate.>");
    const payload = "x".repeat(100);
    using mqtt = await RawMqtt.open(gateway.port("mqtt:tcp:slow"));
    using nats = await RawNats.open(gateway.port("nats:tcp:slow"), { verbose: true });
    /** Sends numbers from `first` on and waits for their acknowledgements. */
    const acknowledged = async (first: number) => {
      for (let i = first; i < first + count; i++) {
        const fields = { qos: 1, dup: false, retain: false, messageId: i + 1 } as const;
        await mqtt.send({
          cmd: "publish",
          topic: "rate/mqtt",
          payload: `${i} ${payload}`,
          ...fields,
        });
      }
      for (let i = first; i < first + count; i++) {
        assert.equal((await mqtt.expect("puback")).messageId, i + 1);
      }
    };
    const confirmed = async (first: number) => {
      for (let i = first; i < first + count; i++) {
        await nats.publish("rate.nats", `${i} ${payload}`);
      }
      for (let i = 0; i < count; i++) await nats.expect("+OK");
    };
    for (const send of [acknowledged, confirmed]) {
      const begin = performance.now();
      await send(0);
      await send(count);
      // A second's worth passes at once and one read may bring more than is left, but before the
      // second lot is read the first is paid for: no machine is so fast that it takes less.
      assert(performance.now() - begin >= PAID_MS_MIN, "it was not slowed down");
    }
    const next = { "rate.mqtt": 0, "rate.nats": 0 };
    for (let i = 0; i < 4 * count; i++) {
      const { subject, payload } = await reader.message();
      const number = parseInt(new TextDecoder().decode(payload), 10);
      assert.equal(number, next[subject as keyof typeof next]++, subject);
    }
  });
}

Deno.test("listener settings: a proxy that is trusted says who its WebSocket client is", async () => {
  const trusted = (addresses: string) =>
    `${BIND}proxy_protocol_trusted = ${addresses}\naccess_rules = []\n`;
  await using gateway = await startGateway({
    config: `[gateway.nats.listeners.ws.trusted]\n${trusted('["127.0.0.1"]')}` +
      `[gateway.nats.listeners.ws.nobody]\n${trusted("[]")}`,
  });
  const seen = async (listener: string, headers: Record<string, string>) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port(listener)}`, { headers });
    const info = await within(
      new Promise<string>((resolve, reject) => {
        socket.once("message", (data) => resolve(String(data)));
        socket.once("error", reject);
      }),
      "INFO",
    );
    socket.terminate();
    return JSON.parse(info.slice(5)).client_ip;
  };
  const forwarded = { "X-Forwarded-For": "203.0.113.9, 198.51.100.7" };
  assert.equal(await seen("nats:ws:trusted", forwarded), "198.51.100.7");
  assert.equal(await seen("nats:ws:nobody", forwarded), "127.0.0.1");
});
