/**
 * Client libraries and programs as people have them, through every way in, against a running
 * gateway: whoever connects publishes in its own protocol and is heard in the other.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { wsconnect } from "@nats-io/nats-core";
import type { NodeConnectionOptions } from "@nats-io/transport-node";
import type { IClientOptions } from "mqtt";
import { WebSocket as WebSocketClient } from "ws";
import { testAuthority } from "../kit/certs.ts";
import { hasProgram, MqttClient, NatsClient, run } from "../kit/clients.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { within } from "../kit/wait.ts";

const authority = testAuthority();
const server = authority.server();
const device = authority.client("device-42");
const stranger = testAuthority().client("device-42");

/** Certificates in files, as most programs want them. */
async function writeFiles(): Promise<{ dir: string; tls: string; strict: string }> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const files = {
    "ca.pem": authority.ca,
    "server.pem": server.certificate,
    "server.key": server.key,
    "device.pem": device.certificate,
    "device.key": device.key,
    "stranger.pem": stranger.certificate,
    "stranger.key": stranger.key,
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
  }
  const tls =
    `ssl_options.certfile = "${dir}/server.pem"\nssl_options.keyfile = "${dir}/server.key"\n`;
  const strict = `${tls}ssl_options.cacertfile = "${dir}/ca.pem"\n` +
    `ssl_options.verify = "verify_peer"\nssl_options.fail_if_no_peer_cert = true\n`;
  return { dir, tls, strict };
}

const { dir, tls, strict } = await writeFiles();
addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

const BIND = 'bind = "127.0.0.1:0"\n';
const CONFIG = `
[gateway.nats.listeners.ssl.auto]
${BIND}${tls}
[gateway.nats.listeners.ssl.first]
${BIND}handshake = "first"\n${tls}
[gateway.nats.listeners.ssl.upgrade]
${BIND}handshake = "upgrade"\n${tls}
[gateway.nats.listeners.ssl.optional]
${BIND}handshake = "optional"\n${tls}
[gateway.nats.listeners.ssl.strict]
${BIND}${strict}
[gateway.nats.listeners.ws.plain]
${BIND}
[gateway.nats.listeners.ws.packed]
${BIND}websocket.compress = true
[gateway.nats.listeners.wss.default]
${BIND}${tls}
[listeners.ssl.default]
${BIND}${tls}
[listeners.ssl.strict]
${BIND}${strict}
[listeners.ws.plain]
${BIND}
[listeners.ws.packed]
${BIND}websocket.compress = true
[listeners.wss.default]
${BIND}${tls}
[listeners.wss.strict]
${BIND}${strict}
`;

/** A NATS client says something, an MQTT client hears it, and the other way round. */
async function talk(gateway: GatewayProcess, nats: NatsClient["nc"]): Promise<void> {
  await using mqtt = await MqttClient.open(gateway.mqtt, 5);
  await mqtt.subscribe("to/mqtt");
  const subscription = nats.subscribe("to.nats")[Symbol.asyncIterator]();
  await nats.flush();
  nats.publish("to.mqtt", "hello");
  assert.equal(Buffer.from((await mqtt.next()).payload).toString(), "hello");
  const large = new Uint8Array(200_000).fill(7);
  await mqtt.publish("to/nats", large);
  const { value } = await within(subscription.next(), "the message on to.nats");
  assert.deepEqual(value.data, large);
  nats.publish("to.mqtt", large);
  assert.deepEqual(new Uint8Array((await mqtt.next()).payload), large);
}

async function talkNats(
  gateway: GatewayProcess,
  listener: string,
  options: NodeConnectionOptions,
): Promise<void> {
  await using client = await NatsClient.open(gateway.port(listener), options);
  await talk(gateway, client.nc);
}

async function talkMqtt(
  gateway: GatewayProcess,
  listener: string,
  options: IClientOptions,
): Promise<void> {
  await using nats = await NatsClient.open(gateway.nats);
  await using mqtt = await MqttClient.open(gateway.port(listener), 5, {
    host: "localhost",
    path: "/mqtt",
    ca: authority.ca,
    ...options,
  });
  const next = await nats.subscribe("to.nats");
  await mqtt.subscribe("to/mqtt", { qos: 1 });
  const large = new Uint8Array(200_000).fill(7);
  await mqtt.publish("to/nats", large, { qos: 1 });
  assert.deepEqual((await next()).data, large);
  nats.nc.publish("to.mqtt", large);
  assert.deepEqual(new Uint8Array((await mqtt.next()).payload), large);
}

const caFile = `${dir}/ca.pem`;
const shown = { certFile: `${dir}/device.pem`, keyFile: `${dir}/device.key` };

Deno.test("real clients: every way in", async (t) => {
  await using gateway = await startGateway({ config: CONFIG });

  for (const listener of ["auto", "upgrade", "optional"]) {
    await t.step(
      `nats.js with its defaults for TLS, listener ${listener}`,
      () => talkNats(gateway, `nats:ssl:${listener}`, { tls: { caFile } }),
    );
  }
  for (const listener of ["auto", "first"]) {
    await t.step(
      `nats.js with TLS first, listener ${listener}`,
      () => talkNats(gateway, `nats:ssl:${listener}`, { tls: { caFile, handshakeFirst: true } }),
    );
  }
  await t.step(
    "nats.js without TLS where it is optional",
    () => talkNats(gateway, "nats:ssl:optional", { tls: null }),
  );
  for (const handshakeFirst of [false, true]) {
    await t.step(
      `nats.js with a certificate${handshakeFirst ? ", TLS first" : ""}`,
      () => talkNats(gateway, "nats:ssl:strict", { tls: { caFile, ...shown, handshakeFirst } }),
    );
  }
  for (const listener of ["plain", "packed"]) {
    await t.step(`nats.js over WebSocket, listener ${listener}`, async () => {
      const port = gateway.port(`nats:ws:${listener}`);
      const nc = await wsconnect({ servers: `ws://127.0.0.1:${port}`, reconnect: false });
      await talk(gateway, nc);
      await nc.close();
    });
  }
  await t.step("nats.js over secure WebSocket", async () => {
    const nc = await wsconnect({
      servers: `wss://localhost:${gateway.port("nats:wss:default")}`,
      reconnect: false,
      // The runtime's own WebSocket takes no authority of ours.
      wsFactory: (url) => {
        const socket = new WebSocketClient(url, { ca: authority.ca }) as unknown as WebSocket;
        return Promise.resolve({ socket, encrypted: true });
      },
    });
    await talk(gateway, nc);
    await nc.close();
  });
  await t.step(
    "MQTT.js over TLS",
    () => talkMqtt(gateway, "mqtt:ssl:default", { protocol: "mqtts" }),
  );
  await t.step("MQTT.js over TLS with a certificate", () =>
    talkMqtt(gateway, "mqtt:ssl:strict", {
      protocol: "mqtts",
      cert: device.certificate,
      key: device.key,
    }));
  await t.step(
    "MQTT.js over WebSocket",
    () => talkMqtt(gateway, "mqtt:ws:plain", { protocol: "ws" }),
  );
  await t.step(
    "MQTT.js over WebSocket with compression",
    () =>
      talkMqtt(gateway, "mqtt:ws:packed", {
        protocol: "ws",
        wsOptions: { perMessageDeflate: true },
      }),
  );
  await t.step(
    "MQTT.js over secure WebSocket",
    () => talkMqtt(gateway, "mqtt:wss:default", { protocol: "wss" }),
  );
  await t.step(
    "MQTT.js over secure WebSocket with a certificate",
    () =>
      talkMqtt(gateway, "mqtt:wss:strict", {
        protocol: "wss",
        cert: device.certificate,
        key: device.key,
      }),
  );
  for (const shows of ["nothing", "a stranger's certificate"]) {
    await t.step(`a client that shows ${shows} is refused`, async () => {
      const mine = shows === "nothing" ? {} : { cert: stranger.certificate, key: stranger.key };
      await assert.rejects(MqttClient.open(gateway.port("mqtt:ssl:strict"), 5, {
        host: "localhost",
        protocol: "mqtts",
        ca: authority.ca,
        ...mine,
      }));
    });
  }
  await t.step("the log says why", () => {
    assert.match(gateway.log(), /refused a connection: the client showed no certificate/);
  });
});

const HAS_MOSQUITTO = hasProgram("mosquitto_pub", "--version");

Deno.test({
  name: "real clients: mosquitto_pub over TLS, with and without a certificate" +
    (HAS_MOSQUITTO ? "" : " (skipped: no mosquitto_pub)"),
  ignore: !HAS_MOSQUITTO,
  async fn() {
    await using gateway = await startGateway({ config: CONFIG });
    await using nats = await NatsClient.open(gateway.nats);
    const next = await nats.subscribe("from.mosquitto");
    const publish = (listener: string, ...more: string[]) =>
      run(
        "mosquitto_pub",
        ...["-h", "localhost", "-p", String(gateway.port(listener)), "-t", "from/mosquitto"],
        ...["-m", listener, "-q", "1", "--cafile", caFile, ...more],
      );
    await publish("mqtt:ssl:default");
    assert.equal((await next()).string(), "mqtt:ssl:default");
    await publish("mqtt:ssl:strict", "--cert", shown.certFile, "--key", shown.keyFile);
    assert.equal((await next()).string(), "mqtt:ssl:strict");
    await assert.rejects(publish("mqtt:ssl:strict"));
    const [cert, key] = [`${dir}/stranger.pem`, `${dir}/stranger.key`];
    await assert.rejects(publish("mqtt:ssl:strict", "--cert", cert, "--key", key));
  },
});
