/** Real clients on both sides: nats.js, MQTT.js 3.1.1 and 5.0, Mosquitto's tools, Paho for Python. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { headers, NoRespondersError, RequestError } from "@nats-io/transport-node";
import { hasProgram, MqttClient, NatsClient, Program, run } from "../kit/clients.ts";
import { sharedGateway } from "../kit/gateway.ts";

const gateway = sharedGateway();
const VERSIONS = [4, 5] as const;
const NAMES = { 4: "MQTT.js 3.1.1", 5: "MQTT.js 5.0" } as const;

/** These libraries keep timers and sockets of their own a little longer than a test. */
function test(name: string, fn: () => Promise<void>, missing = false): void {
  Deno.test({ name, fn, ignore: missing, sanitizeOps: false, sanitizeResources: false });
}

for (const version of VERSIONS) {
  const name = NAMES[version];

  test(`nats.js and ${name}: publish and subscribe, both directions`, async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await using mqtt = await MqttClient.open(gateway.process.mqtt, version);
    const next = await nats.subscribe("from.mqtt.>");
    await mqtt.subscribe("from/nats/#");
    for (const qos of [0, 1, 2] as const) {
      await mqtt.publish(`from/mqtt/${qos}`, `hello ${qos}`, { qos });
      const message = await next();
      assert.deepEqual([message.subject, message.string()], [`from.mqtt.${qos}`, `hello ${qos}`]);
    }
    nats.nc.publish("from.nats.a", "hello");
    const message = await mqtt.next();
    assert.deepEqual([message.topic, String(message.payload)], ["from/nats/a", "hello"]);
  });

  test(`nats.js and ${name}: wildcards mean the same`, async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await using mqtt = await MqttClient.open(gateway.process.mqtt, version);
    const next = await nats.subscribe("w.*.c.>");
    await mqtt.subscribe("w/+/c/#");
    const topics = ["w/a/c", "w/b/d/e", "w/a/c/d", "w/x/c/d/e"];
    for (const topic of topics) await mqtt.publish(topic, topic, { qos: 1 });
    assert.equal((await next()).subject, "w.a.c.d");
    assert.equal((await next()).subject, "w.x.c.d.e");
    for (const topic of ["w/a/c", "w/a/c/d", "w/x/c/d/e"]) {
      assert.equal((await mqtt.next()).topic, topic);
    }
  });

  test(`nats.js and ${name}: a queue group with members on both sides`, async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await using a = await MqttClient.open(gateway.process.mqtt, version);
    const queue = `workers${version}`;
    const done = Promise.withResolvers<void>();
    const got: ("nats" | "mqtt")[] = [];
    const note = (side: "nats" | "mqtt") => {
      if (got.push(side) === 30) done.resolve();
    };
    nats.nc.subscribe(queue, { queue, callback: () => note("nats") });
    await nats.nc.flush();
    a.client.on("message", () => note("mqtt"));
    await a.subscribe(`$share/${queue}/${queue}`);
    for (let i = 0; i < 30; i++) nats.nc.publish(queue, String(i));
    await done.promise;
    await nats.nc.flush();
    assert.equal(got.length, 30);
    assert.ok(got.includes("nats") && got.includes("mqtt"), got.join());
  });

  test(`nats.js and ${name}: retained messages reach both`, async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await using mqtt = await MqttClient.open(gateway.process.mqtt, version);
    const id = crypto.randomUUID();
    await mqtt.publish(`kept/${id}/m`, "from mqtt", { qos: 1, retain: true });
    const h = headers();
    h.set("Mqtt-Retain", "1");
    nats.nc.publish(`kept.${id}.n`, "from nats", { headers: h });
    await nats.nc.flush();
    const next = await nats.subscribe(`kept.${id}.*`);
    const onNats = [await next(), await next()];
    assert.deepEqual(onNats.map((m) => m.string()).sort(), ["from mqtt", "from nats"]);
    assert.deepEqual(onNats.map((m) => m.headers?.get("Mqtt-Retain")), ["1", "1"]);
    await mqtt.subscribe(`kept/${id}/#`);
    const onMqtt = [await mqtt.next(), await mqtt.next()];
    assert.deepEqual(onMqtt.map((m) => String(m.payload)).sort(), ["from mqtt", "from nats"]);
    assert.ok(onMqtt.every((m) => m.packet.retain));
  });

  test(`nats.js and ${name}: 1 MiB payloads`, async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await using mqtt = await MqttClient.open(gateway.process.mqtt, version);
    const payload = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(1_048_576);
    for (let at = 0; at < large.length; at += payload.length) large.set(payload, at);
    const next = await nats.subscribe("large.mqtt");
    await mqtt.subscribe("large/nats", { qos: 1 });
    for (let i = 0; i < 5; i++) {
      nats.nc.publish("large.nats", large);
      await mqtt.publish("large/mqtt", large, { qos: 1 });
      assert.ok(Buffer.from(large).equals((await mqtt.next()).payload));
      assert.ok(Buffer.from(large).equals((await next()).data));
    }
  });

  test(`${name}: messages to itself come back, will and all`, async () => {
    await using mqtt = await MqttClient.open(gateway.process.mqtt, version);
    await using nats = await NatsClient.open(gateway.process.nats);
    const next = await nats.subscribe(`will.${version}`);
    const dying = await MqttClient.open(gateway.process.mqtt, version, {
      will: { topic: `will/${version}`, payload: Buffer.from("gone"), qos: 1, retain: false },
    });
    await mqtt.subscribe(`self/${version}`);
    await mqtt.publish(`self/${version}`, "me", { qos: 2 });
    assert.equal(String((await mqtt.next()).payload), "me");
    dying.client.stream.destroy();
    assert.equal((await next()).string(), "gone");
    await dying.client.endAsync(true);
  });
}

test("nats.js: echo, drain, unsubscribe after a number of messages", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using silent = await NatsClient.open(gateway.process.nats, { noEcho: true });
  const own = await silent.subscribe("echo");
  const other = await nats.subscribe("echo");
  silent.nc.publish("echo", "silent");
  assert.equal((await other()).string(), "silent");
  nats.nc.publish("echo", "loud");
  assert.equal((await own()).string(), "loud");
  const few = nats.nc.subscribe("few", { max: 2 });
  for (let i = 0; i < 5; i++) nats.nc.publish("few", String(i));
  const seen = [];
  for await (const message of few) seen.push(message.string());
  assert.deepEqual(seen, ["0", "1"]);
  await nats.nc.drain();
});

test("nats.js: request and reply, one answer and many", async () => {
  await using asker = await NatsClient.open(gateway.process.nats);
  await using answerer = await NatsClient.open(gateway.process.nats);
  await answerer.answer("upper", (text) => text.toUpperCase());
  assert.equal((await asker.nc.request("upper", "abc", { timeout: 5000 })).string(), "ABC");
  const old = { timeout: 5000, noMux: true };
  assert.equal((await asker.nc.request("upper", "def", old)).string(), "DEF");
});

test("nats.js: a request that nobody listens to fails at once", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await assert.rejects(nats.nc.request("nobody.there", "?", { timeout: 10_000 }), (error) => {
    assert.ok(error instanceof RequestError && error.cause instanceof NoRespondersError);
    return true;
  });
});

test("nats.js asks, MQTT.js 5.0 answers", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using mqtt = await MqttClient.open(gateway.process.mqtt, 5);
  await mqtt.subscribe("service/upper");
  mqtt.client.on("message", (_topic, payload, packet) => {
    mqtt.client.publish(packet.properties!.responseTopic!, String(payload).toUpperCase());
  });
  for (const text of ["abc", "def"]) {
    const reply = await nats.nc.request("service.upper", text, { timeout: 5000 });
    assert.equal(reply.string(), text.toUpperCase());
  }
});

test("MQTT.js 5.0 asks with correlation data, nats.js answers", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using mqtt = await MqttClient.open(gateway.process.mqtt, 5);
  await nats.answer("service.lower", (text) => text.toLowerCase());
  await mqtt.subscribe("answers/me");
  for (const [index, text] of ["ABC", "DEF"].entries()) {
    const properties = { responseTopic: "answers/me", correlationData: Buffer.from([255, index]) };
    await mqtt.publish("service/lower", text, { properties });
  }
  for (const [index, text] of ["abc", "def"].entries()) {
    const answer = await mqtt.next();
    assert.equal(String(answer.payload), text);
    assert.deepEqual([...answer.packet.properties!.correlationData!], [255, index]);
  }
});

test("nats.js headers and MQTT.js 5.0 user properties, both directions", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using mqtt = await MqttClient.open(gateway.process.mqtt, 5);
  const next = await nats.subscribe("h.m");
  await mqtt.subscribe("h/n");
  const h = headers();
  h.append("unit", "°C");
  h.append("url", "http://x:80/");
  h.append("tag", "a");
  h.append("tag", "b");
  nats.nc.publish("h.n", "21.5", { headers: h });
  const onMqtt = await mqtt.next();
  assert.deepEqual(
    { ...onMqtt.packet.properties?.userProperties },
    { unit: "°C", url: "http://x:80/", tag: ["a", "b"] },
  );
  await mqtt.publish("h/m", "21.5", {
    properties: { userProperties: { unit: "°C", tag: ["a", "b"] } },
  });
  const onNats = await next();
  assert.equal(onNats.headers?.get("unit"), "°C");
  assert.deepEqual(onNats.headers?.values("tag"), ["a", "b"]);
});

test("nats.js: 10 000 subscriptions on one connection", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using mqtt = await MqttClient.open(gateway.process.mqtt, 4);
  let count = 0;
  const seen = new Set<string>();
  const done = Promise.withResolvers<void>();
  for (let i = 0; i < 10_000; i++) {
    nats.nc.subscribe(`many.${i}`, {
      callback: (_, m) => {
        seen.add(m.subject);
        if (++count === 10_000) done.resolve();
      },
    });
  }
  await nats.nc.flush();
  for (let i = 0; i < 10_000; i++) mqtt.client.publish(`many/${i}`, "x");
  await done.promise;
  await nats.nc.flush();
  assert.deepEqual([count, seen.size], [10_000, 10_000]);
});

test("MQTT.js 5.0: 10 000 subscriptions on one connection", async () => {
  await using nats = await NatsClient.open(gateway.process.nats);
  await using mqtt = await MqttClient.open(gateway.process.mqtt, 5);
  for (let at = 0; at < 10_000; at += 500) {
    await mqtt.subscribe(Array.from({ length: 500 }, (_, i) => `lots/${at + i}`));
  }
  for (let i = 0; i < 10_000; i++) nats.nc.publish(`lots.${i}`, "x");
  const seen = new Set<string>();
  for (let i = 0; i < 10_000; i++) seen.add((await mqtt.next()).topic);
  assert.equal(seen.size, 10_000);
});

const noMosquitto = !hasProgram("mosquitto_pub", "--help");
const mosquitto = (name: string) => `${name}${noMosquitto ? " (mosquitto_pub not installed)" : ""}`;

for (const version of ["mqttv31", "mqttv311", "mqttv5"]) {
  const at = () => ["-h", "127.0.0.1", "-p", String(gateway.process.mqtt), "-V", version];

  test(
    mosquitto(`mosquitto_pub ${version} to nats.js`),
    async () => {
      await using nats = await NatsClient.open(gateway.process.nats);
      const next = await nats.subscribe("mosquitto.>");
      for (const qos of ["0", "1", "2"]) {
        await run("mosquitto_pub", ...at(), "-t", `mosquitto/${version}`, "-m", "hi", "-q", qos);
        const message = await next();
        assert.deepEqual([message.subject, message.string()], [`mosquitto.${version}`, "hi"]);
      }
    },
    noMosquitto,
  );

  test(
    mosquitto(`nats.js to mosquitto_sub ${version}`),
    async () => {
      await using nats = await NatsClient.open(gateway.process.nats);
      // A retained message is the sign that the subscription is in place.
      const h = headers();
      h.set("Mqtt-Retain", "1");
      nats.nc.publish(`for.${version}.0`, "retained", { headers: h });
      await nats.nc.flush();
      const args = ["-t", `for/${version}/#`, "-q", "2", "-C", "3", "-v"];
      await using sub = Program.start("mosquitto_sub", ...at(), ...args);
      assert.equal(await sub.line(), `for/${version}/0 retained`);
      for (const i of [1, 2]) nats.nc.publish(`for.${version}.${i}`, `hi ${i}`);
      for (const i of [1, 2]) assert.equal(await sub.line(), `for/${version}/${i} hi ${i}`);
      assert.equal((await sub.child.status).code, 0);
    },
    noMosquitto,
  );
}

test(
  mosquitto("mosquitto_rr asks, nats.js answers"),
  async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    await nats.answer("rr.service", (text) => `re: ${text}`);
    const at = ["-h", "127.0.0.1", "-p", String(gateway.process.mqtt), "-V", "mqttv5"];
    const args = ["-t", "rr/service", "-e", "rr/answer", "-m", "hello", "-W", "10"];
    assert.equal((await run("mosquitto_rr", ...at, ...args)).trim(), "re: hello");
  },
  noMosquitto,
);

const PYTHON = ["/usr/bin/python3", "python3"].find(hasPaho);
const paho = (name: string) => `${name}${PYTHON ? "" : " (python3-paho-mqtt not installed)"}`;
const script = new URL("../kit/paho_client.py", import.meta.url).pathname;

for (const version of ["3.1", "3.1.1", "5"]) {
  test(
    paho(`Paho ${version} to nats.js`),
    async () => {
      await using nats = await NatsClient.open(gateway.process.nats);
      const next = await nats.subscribe("paho.*");
      const port = String(gateway.process.mqtt);
      for (const qos of ["0", "1", "2"]) {
        await run(PYTHON!, script, "pub", port, version, `paho/${qos}`, "hi", qos);
        assert.equal((await next()).subject, `paho.${qos}`);
      }
    },
    PYTHON === undefined,
  );

  test(
    paho(`nats.js to Paho ${version}`),
    async () => {
      await using nats = await NatsClient.open(gateway.process.nats);
      const port = String(gateway.process.mqtt);
      await using sub = Program.start(PYTHON!, script, "sub", port, version, "to/paho/+", "2");
      assert.equal(await sub.line(), "ready");
      nats.nc.publish("to.paho.a", "1");
      const h = headers();
      h.set("Mqtt-QoS", "2");
      nats.nc.publish("to.paho.b", "2", { headers: h });
      assert.equal(await sub.line(), "to/paho/a 1 0");
      assert.equal(await sub.line(), "to/paho/b 2 2");
    },
    PYTHON === undefined,
  );
}

test(
  paho("nats.js asks, Paho 5 answers"),
  async () => {
    await using nats = await NatsClient.open(gateway.process.nats);
    const port = String(gateway.process.mqtt);
    await using answerer = Program.start(PYTHON!, script, "answer", port, "paho/service");
    assert.equal(await answerer.line(), "ready");
    const reply = await nats.nc.request("paho.service", "abc", { timeout: 10_000 });
    assert.equal(reply.string(), "ABC");
  },
  PYTHON === undefined,
);

function hasPaho(python: string): boolean {
  if (!hasProgram(python, "--version")) return false;
  const args = ["-c", "import paho.mqtt.client"];
  const options = { args, stdout: "null", stderr: "null" } as const;
  return new Deno.Command(python, options).outputSync().success;
}
