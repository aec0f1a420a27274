/**
 * What comes to the wrong door: one clear line in the log for each connection, and the same for
 * everyone else as before.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { firstWord, wrongProtocol } from "../../gateway/transport/wrong_protocol.ts";
import { testAuthority } from "../kit/certs.ts";
import { MqttClient, NatsClient } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { until, within } from "../kit/wait.ts";

const TLS = Buffer.from("16030100c8010000c40303" + "00".repeat(192), "hex");
const HTTP = Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
const MQTT = Buffer.from("101000044d5154540402003c000461626364", "hex");
const NATS = Buffer.from("CONNECT {}\r\nPING\r\n");
const PROXY = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n");

const { certificate, key } = testAuthority().server();
const BIND = 'bind = "127.0.0.1:0"\n';
const OWN = `${BIND}ssl_options.certfile = '''${certificate}'''\n` +
  `ssl_options.keyfile = '''${key}'''\n`;
const CONFIG = ["gateway.nats.listeners", "listeners"].map((at) =>
  `[${at}.ws.other]\n${BIND}[${at}.ssl.other]\n${OWN}[${at}.wss.other]\n${OWN}` +
  `[${at}.tcp.proxied]\n${BIND}proxy_protocol = true\nproxy_protocol_timeout = "200ms"\n`
).join("");

const PLAIN = "plain text where TLS should have begun";
const NO_HEADER = "the connection does not begin with a PROXY header";
const CASES: readonly (readonly [listener: string, bytes: Uint8Array, line: string])[] = [
  ["nats:tcp:default", TLS, "TLS on a NATS listener without TLS"],
  ["nats:tcp:default", HTTP, "HTTP on a NATS listener that is no WebSocket"],
  ["nats:tcp:default", MQTT, "MQTT on a NATS listener"],
  ["nats:tcp:default", PROXY, "a PROXY header, but proxy_protocol is off"],
  ["mqtt:tcp:default", TLS, "TLS on an MQTT listener without TLS"],
  ["mqtt:tcp:default", HTTP, "HTTP on an MQTT listener that is no WebSocket"],
  ["mqtt:tcp:default", NATS, "NATS on an MQTT listener"],
  ["mqtt:tcp:default", PROXY, "a PROXY header, but proxy_protocol is off"],
  ["nats:ws:other", TLS, "TLS on a plain WebSocket port"],
  ["nats:ws:other", HTTP, "HTTP request that is no upgrade"],
  ["mqtt:ws:other", MQTT, "not an HTTP request"],
  ["mqtt:ws:other", HTTP, "other path"],
  ["nats:ssl:other", HTTP, PLAIN],
  ["nats:ssl:other", NATS, PLAIN],
  ["mqtt:ssl:other", MQTT, PLAIN],
  ["mqtt:wss:other", HTTP, PLAIN],
  ["nats:wss:other", NATS, PLAIN],
  ["nats:tcp:proxied", NATS, NO_HEADER],
  ["mqtt:tcp:proxied", MQTT, NO_HEADER],
  ["mqtt:tcp:proxied", PROXY.subarray(0, 9), "no PROXY header within 200 ms"],
];

Deno.test("wrong_protocol: each is refused with one line that says what it was", async (t) => {
  await using gateway = await startGateway({ config: CONFIG });
  await using nats = await NatsClient.open(gateway.nats);
  await using _mqtt = await MqttClient.open(gateway.mqtt, 5);
  const lines = () => gateway.log().split("\n").filter((line) => line.includes("refused"));
  for (const [listener, bytes, expected] of CASES) {
    await t.step(`${listener}: ${expected}`, async () => {
      const before = lines().length;
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: gateway.port(listener) });
      await conn.write(bytes);
      if (bytes === TLS) await conn.closeWrite();
      await within(drain(conn), "the end of the connection");
      conn.close();
      await until(() => lines().length > before, "the line in the log");
      assert.equal(lines().length, before + 1);
      assert(lines().at(-1)!.includes(`refused a connection: ${expected} listener=${listener} `));
    });
  }
  await t.step("who only looks whether the port is open is not worth a line", async () => {
    const before = lines().length;
    for (const port of gateway.ports.values()) {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    }
    await nats.nc.flush();
    // The line of the next one comes after theirs would have.
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: gateway.nats });
    await conn.write(MQTT);
    await within(drain(conn), "the end of the connection");
    conn.close();
    await until(() => lines().length > before, "the line in the log");
    assert.equal(lines().length, before + 1);
  });
});

/** Reads to the end, or until the connection is reset. */
async function drain(conn: Deno.Conn): Promise<void> {
  const into = new Uint8Array(4096);
  while (await conn.read(into).catch(() => null) !== null);
}

Deno.test("wrong_protocol: what is right, or nothing that is known, is not named", () => {
  const word = (text: string) => firstWord(new TextEncoder().encode(text));
  for (const text of ["CONNECT {", "PING\r\n", "pub a 1", "SUB", ""]) {
    assert.equal(wrongProtocol("nats", word(text)), undefined, text);
  }
  assert.equal(wrongProtocol("mqtt", firstWord(MQTT)), undefined);
  assert.equal(wrongProtocol("mqtt", firstWord(Uint8Array.of(0xff, 0xff, 0xff, 0xff))), undefined);
  assert.equal(
    wrongProtocol("nats", firstWord(Uint8Array.of(13, 10, 13, 10, 0)))?.slice(0, 7),
    "a PROXY",
  );
});
