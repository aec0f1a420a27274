/**
 * The C client library: a small program is compiled and talks to the gateway.
 */
import assert from "node:assert/strict";
import { testAuthority } from "../kit/certs.ts";
import { MqttClient, run } from "../kit/clients.ts";
import { NO_TLS, startGateway } from "../kit/gateway.ts";

const SOURCE = new URL("libnats_client.c", import.meta.url).pathname;
const DIR = await Deno.makeTempDir({ prefix: "natsgate-test-" });
addEventListener("unload", () => Deno.removeSync(DIR, { recursive: true }));

/** Undefined when it can be compiled, else why not. */
function problem(): string | undefined {
  try {
    const { success } = new Deno.Command("cc", {
      args: ["-Wall", "-Werror", "-o", `${DIR}/client`, SOURCE, "-lnats"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return success ? undefined : "no libnats-dev";
  } catch {
    return "no cc";
  }
}

const MISSING = problem();

const EVERYTHING = [
  "message c.plain.x hello",
  "headers 2 one two",
  "reply answer",
  "nobody no responders",
  "queue 10",
];

Deno.test({
  name: "libnats: messages, headers, requests, queue groups, and an MQTT client" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined,
  async fn() {
    await using gateway = await startGateway();
    await using mqtt = await MqttClient.open(gateway.mqtt, 5);
    await mqtt.subscribe("c/to/mqtt");
    const output = await run(`${DIR}/client`, `nats://127.0.0.1:${gateway.nats}`);
    assert.deepEqual(output.trim().split("\n"), EVERYTHING);
    assert.equal(new TextDecoder().decode((await mqtt.next()).payload), "from C");
  },
});

const NO_TLS_HERE = MISSING ?? NO_TLS;
Deno.test({
  name: "libnats: TLS after INFO, with and without a certificate" +
    (NO_TLS_HERE === undefined ? "" : ` (skipped: ${NO_TLS_HERE})`),
  ignore: NO_TLS_HERE !== undefined,
  async fn() {
    const authority = testAuthority();
    const [server, device] = [authority.server(), authority.client("device")];
    const tls = (name: string, more: string) =>
      `[gateway.nats.listeners.ssl.${name}]\nbind = "127.0.0.1:0"\n` +
      `ssl_options.certfile = '''${server.certificate}'''\n` +
      `ssl_options.keyfile = '''${server.key}'''\n${more}\n`;
    await using gateway = await startGateway({
      config: ["auto", "upgrade", "optional", "first"]
        .map((mode) => tls(mode, `handshake = "${mode}"`)).join("") +
        tls(
          "strict",
          `ssl_options.cacertfile = '''${authority.ca}'''\nssl_options.verify = "verify_peer"\n` +
            "ssl_options.fail_if_no_peer_cert = true",
        ),
    });
    const files = { ca: authority.ca, cert: device.certificate, key: device.key };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${DIR}/${name}.pem`, text);
    }
    const [ca, ...own] = ["ca", "cert", "key"].map((name) => `${DIR}/${name}.pem`);
    const talk = async (listener: string, ...files: string[]) => {
      const url = `nats://localhost:${gateway.port(`nats:ssl:${listener}`)}`;
      return (await run(`${DIR}/client`, url, ...files)).trim().split("\n");
    };
    for (const mode of ["auto", "upgrade"]) {
      assert.deepEqual(await talk(mode, ca!), EVERYTHING, mode);
    }
    // Releases before 3.8 do not know that a server can leave it to them.
    assert.deepEqual(await talk("optional"), EVERYTHING, "without TLS");
    assert.deepEqual(await talk("strict", ca!, ...own), EVERYTHING, "with a certificate");
    await assert.rejects(talk("strict", ca!), /connect:/);
    // This library cannot begin with TLS, and waits for INFO where it must.
    await assert.rejects(talk("first", ca!), /connect:/);
    await assert.rejects(talk("auto"), /connect: .*/);
  },
});
