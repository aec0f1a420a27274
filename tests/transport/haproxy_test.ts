/**
 * HAProxy in front, saying who is behind it: versions 1 and 2, also before TLS.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { testAuthority } from "../kit/certs.ts";
import { hasProgram, MqttClient, NatsClient } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { until, within } from "../kit/wait.ts";

const HAS_HAPROXY = hasProgram("haproxy", "-v");

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test({
  name: "haproxy: clients behind it are known by their own address" +
    (HAS_HAPROXY ? "" : " (skipped: no haproxy)"),
  ignore: !HAS_HAPROXY,
  async fn(t) {
    const authority = testAuthority();
    const server = authority.server();
    const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
    await Deno.writeTextFile(`${dir}/ca.pem`, authority.ca);
    const tls = `ssl_options.certfile = '''${server.certificate}'''\n` +
      `ssl_options.keyfile = '''${server.key}'''\n`;
    const proxied = `bind = "127.0.0.1:0"\nproxy_protocol = true\n` +
      `proxy_protocol_trusted = ["127.0.0.1"]\n`;
    await using gateway = await startGateway({
      // The client's own address is told by INFO, and the rules are about that address.
      config: `
[gateway.nats.listeners.tcp.proxied]
${proxied}access_rules = ["allow 127.0.0.9", "deny all"]
[gateway.nats.listeners.ssl.proxied]
${proxied}${tls}
[gateway.nats.listeners.tcp.distrustful]
bind = "127.0.0.1:0"
proxy_protocol = true
proxy_protocol_trusted = ["192.0.2.1"]
[listeners.ssl.proxied]
${proxied}${tls}
[listeners.ws.proxied]
${proxied}
[listeners.wss.proxied]
${proxied}${tls}`,
    });
    const doors = [
      { listener: "nats:tcp:proxied", send: "send-proxy" },
      { listener: "nats:tcp:proxied", send: "send-proxy-v2" },
      { listener: "nats:ssl:proxied", send: "send-proxy" },
      { listener: "nats:ssl:proxied", send: "send-proxy-v2" },
      { listener: "mqtt:ssl:proxied", send: "send-proxy-v2" },
      { listener: "mqtt:ws:proxied", send: "send-proxy-v2" },
      { listener: "mqtt:wss:proxied", send: "send-proxy" },
      { listener: "mqtt:wss:proxied", send: "send-proxy-v2" },
      { listener: "nats:tcp:distrustful", send: "send-proxy-v2" },
    ].map((door) => ({ ...door, port: freePort() }));
    const config = "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n" +
      " timeout server 60s\n" + doors.map(({ listener, send, port }, index) =>
        `listen door${index}\n bind 127.0.0.1:${port}\n` +
        ` server gateway 127.0.0.1:${gateway.port(listener)} ${send}\n`
      ).join("");
    await Deno.writeTextFile(`${dir}/haproxy.cfg`, config);
    const haproxy = new Deno.Command("haproxy", {
      args: ["-q", "-f", `${dir}/haproxy.cfg`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      for (const { port } of doors) {
        await until(() => {
          return Deno.connect({ hostname: "127.0.0.1", port }).then((conn) => {
            conn.close();
            return true;
          }, () =>
            false);
        }, "haproxy to listen");
      }
      for (const { listener, send, port } of doors) {
        await t.step(`${listener}, ${send}`, async () => {
          if (listener === "nats:tcp:distrustful") {
            await assert.rejects(NatsClient.open(port, { timeout: 2000 }));
            assert.match(gateway.log(), /PROXY header from an address that is not in/);
          } else if (listener === "nats:tcp:proxied") {
            // From another loopback address, so that it is not the proxy's own.
            assert.equal((await infoFrom("127.0.0.9", port)).client_ip, "127.0.0.9");
            const outsider = await Deno.connect({ hostname: "127.0.0.1", port });
            const count = await outsider.read(new Uint8Array(10)).catch(() => null);
            assert.equal(count, null, "the rules are about the client, not about the proxy");
            outsider.close();
          } else if (listener === "nats:ssl:proxied") {
            await using client = await NatsClient.open(port, { tls: { caFile: `${dir}/ca.pem` } });
            assert.equal(client.nc.info?.client_ip, "127.0.0.1");
          } else {
            const type = listener.split(":")[1];
            const protocol = type === "ssl" ? "mqtts" : type === "wss" ? "wss" : "ws";
            const more = { protocol, host: "localhost", path: "/mqtt", ca: authority.ca } as const;
            await using client = await MqttClient.open(port, 5, more);
            await client.publish("x", "y", { qos: 1 });
          }
        });
      }
    } finally {
      haproxy.kill("SIGTERM");
      await haproxy.status;
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/** INFO as a client gets it that connects from an address of its own. */
async function infoFrom(localAddress: string, port: number): Promise<{ client_ip: string }> {
  const socket = connect({ port, host: "127.0.0.1", localAddress });
  const [data] = await within(once(socket, "data"), "INFO");
  socket.destroy();
  const text = String(data);
  return JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1));
}
