/** The README's ways in that need more than a started gateway: TLS, and HAProxy in front. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { hasProgram } from "./kit/clients.ts";
import { freePort } from "./kit/conn.ts";
import { startGateway } from "./kit/gateway.ts";
import { readPage, ROOT, runCommands } from "./kit/manual.ts";
import { until } from "./kit/wait.ts";

const { blocks } = readPage("README.md");

/** The only block of a kind. */
function block(kind: string): string {
  const found = blocks.filter((each) => each.kind === kind);
  assert.equal(found.length, 1, kind);
  return found[0]!.text;
}

Deno.test("README, TLS: certificates, listeners and clients fit together", async () => {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-readme-" });
  try {
    const make = blocks.find(({ text }) => text.startsWith("natsgate cert self-signed"))!.text;
    const words = make.split(" ").slice(1);
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `${ROOT}main.ts`, ...words],
      cwd: dir,
      stdout: "null",
    }).output();
    assert.equal(code, 0, make);
    const config = block("toml tls").replaceAll('"certs/', `"${dir}/certs/`)
      .replaceAll(/^bind = \d+$/gm, 'bind = "127.0.0.1:0"');
    await using gateway = await startGateway({ dir, config });
    const commands = block("sh tls")
      .replaceAll("127.0.0.1:8883", `127.0.0.1:${gateway.port("mqtt:ssl:default")}`)
      .replaceAll("127.0.0.1:4223", `127.0.0.1:${gateway.port("nats:ssl:default")}`);
    await runCommands(commands, gateway);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

const HAS_HAPROXY = hasProgram("haproxy", "-v");

Deno.test({
  name: "README, HAProxy: clients come through and are known by their own address" +
    (HAS_HAPROXY ? "" : " (skipped: no haproxy)"),
  ignore: !HAS_HAPROXY,
  async fn() {
    const settings = blocks.find(({ text }) => text.includes("proxy_protocol = true"))!.text;
    const trusted = /proxy_protocol_trusted = .*/.exec(settings)![0].replace(
      "10.0.0.2",
      "127.0.0.1",
    );
    await using gateway = await startGateway({
      config: `[listeners.tcp.proxied]\nbind = "127.0.0.1:0"\nproxy_protocol = true\n${trusted}\n`,
    });
    const port = freePort();
    const file = `${gateway.dir}/haproxy.cfg`;
    const text = block("haproxy")
      .replace("bind :1883", `bind 127.0.0.1:${port}`)
      .replace("10.0.0.7:1883", `127.0.0.1:${gateway.port("mqtt:tcp:proxied")}`);
    await Deno.writeTextFile(file, `${text}\n`);
    // Also what it only warns of would be a mistake of the page.
    const check = new Deno.Command("haproxy", { args: ["-c", "-f", file] });
    const { code, stderr } = await check.output();
    assert.deepEqual([code, new TextDecoder().decode(stderr)], [0, ""]);
    const haproxy = new Deno.Command("haproxy", { args: ["-q", "-db", "-f", file] }).spawn();
    try {
      await until(() => connectThrough(port), "a client to come through HAProxy");

      const list = await runCommands("natsgate clients --json", gateway);
      assert.match(list, /"clientid":"behind"/);
      assert.match(list, /"ip_address":"127\.0\.0\.9"/);
    } finally {
      opened?.destroy();
      haproxy.kill("SIGTERM");
      await haproxy.status;
    }
  },
});

let opened: ReturnType<typeof connect> | undefined;

/** Connects from an address of its own; true once CONNACK has come. */
async function connectThrough(port: number): Promise<boolean> {
  opened?.destroy();
  const socket = connect({ port, host: "127.0.0.1", localAddress: "127.0.0.9" });
  opened = socket;
  // CONNECT of MQTT 3.1.1 with the client id "behind".
  socket.write(new Uint8Array([16, 18, 0, 4, 77, 81, 84, 84, 4, 2, 0, 60, 0, 6]));
  socket.write("behind");
  return await new Promise((resolve) => {
    socket.once("data", (data: Uint8Array) => resolve(data[0] === 0x20 && data[3] === 0));
    socket.once("close", () => resolve(false));
    socket.once("error", () => resolve(false));
  });
}
