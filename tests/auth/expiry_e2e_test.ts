/** What the end of an ordinary JWT means on the wire, and what the rules in it permit until then. */
import assert from "node:assert/strict";
import { SignJWT } from "jose";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";
import { Buffer } from "node:buffer";

const SECRET = "a-secret-of-no-less-than-32-bytes";

function token(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT({ sub: "alice", ...claims }).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(SECRET));
}

const fields = (more: string) =>
  `mechanism = "jwt"
use_jwks = false
algorithm = "hmac-based"
secret = "${SECRET}"
verify_claims = { sub = "\${username}" }
${more}`;

/** Two listeners for each protocol: on one the connection ends with the token, on the other not. */
const CONFIG = `
[gateway.nats.authentication]
${fields("")}
[gateway.nats.listeners.tcp.lasting]
bind = "127.0.0.1:0"
[gateway.nats.listeners.tcp.lasting.authentication]
${fields("disconnect_after_expire = false")}
[[authentication]]
${fields("")}
[listeners.tcp.lasting]
bind = "127.0.0.1:0"
[[listeners.tcp.lasting.authentication]]
${fields("disconnect_after_expire = false")}
[authorization]
no_match = "allow"
[[authorization.sources]]
type = "file"
rules_list = [{ permission = "deny", action = "all", topic = "closed/#" }]
`;

const nats = (port: number, pass: string) =>
  RawNats.open(port, { verbose: true, user: "alice", pass });
const mqtt = (port: number, pass: string) =>
  RawMqtt.open(port, { username: "alice", password: Buffer.from(pass) });
const soon_s = () => Math.floor(Date.now() / 1000) + 3;
const NOT_AUTHORIZED = 0x87;

async function mayPublish(client: RawNats, subject: string): Promise<boolean> {
  await client.send(`PUB ${subject} 1\r\nx\r\n`);
  const line = await client.line();
  if (line === "+OK") return true;
  assert.equal(line, `-ERR 'Permissions Violation for Publish to "${subject}"'`);
  return false;
}

async function start(): Promise<GatewayProcess> {
  return await startGateway({ config: CONFIG });
}

Deno.test("the connection ends with the token, over both protocols", async () => {
  await using gateway = await start();
  const pass = await token({ exp: soon_s() });
  using overNats = await nats(gateway.nats, pass);
  using overMqtt = await mqtt(gateway.mqtt, pass);
  using unending = await nats(gateway.nats, await token({}));
  await overNats.expect("-ERR 'User Authentication Expired'");
  assert.equal(await overNats.line(), null);
  const [goodbye] = await overMqtt.rest();
  assert.equal(goodbye?.cmd, "disconnect");
  assert.equal(await mayPublish(unending, "a"), true, "a token without an end");
  await assert.rejects(nats(gateway.nats, pass));
  await assert.rejects(mqtt(gateway.mqtt, pass));
});

Deno.test("without disconnect_after_expire the rules of the token end, and with them all rights", async () => {
  await using gateway = await start();
  const exp = soon_s();
  const pass = await token({ exp, acl: { pub: ["a/#"], sub: ["b"] } });
  using overNats = await nats(gateway.port("nats:tcp:lasting"), pass);
  using overMqtt = await mqtt(gateway.port("mqtt:tcp:lasting"), pass);
  assert.equal(await mayPublish(overNats, "a.b"), true);
  assert.equal(await overMqtt.publish("a/b", "x", { qos: 1 }), 0x10, "nobody subscribes");
  await until(async () => !await mayPublish(overNats, "a.b"), "the rights over NATS to end");
  assert.ok(Date.now() >= exp * 1000);
  assert.equal(await overMqtt.publish("a/b", "x", { qos: 1 }), NOT_AUTHORIZED);
  await overMqtt.nothing();
});

Deno.test("an object of lists is final, a list of rules goes on to the sources", async () => {
  await using gateway = await start();
  const lists = await token({ acl: { pub: ["a/#", "closed/mine"], sub: ["eq b/+"], all: [] } });
  using final = await nats(gateway.nats, lists);
  assert.equal(await mayPublish(final, "a.b"), true);
  assert.equal(await mayPublish(final, "closed.mine"), true, "asked before the sources");
  assert.equal(await mayPublish(final, "other"), false, "though no_match allows it");
  const rule = (permission: string, action: string, topic: string) => ({
    permission,
    action,
    topic,
  });
  const list = await token({
    acl: [
      rule("allow", "publish", "closed/${username}"),
      rule("deny", "publish", "other/secret"),
    ],
  });
  using open = await nats(gateway.nats, list);
  assert.equal(await mayPublish(open, "closed.alice"), true);
  assert.equal(await mayPublish(open, "closed.bob"), false, "by the source behind it");
  assert.equal(await mayPublish(open, "other.secret"), false);
  assert.equal(await mayPublish(open, "other.thing"), true, "by no_match");
  using overMqtt = await mqtt(gateway.mqtt, lists);
  assert.equal(await overMqtt.subscribe("b/+"), 0);
  assert.equal(await overMqtt.subscribe("b/c"), NOT_AUTHORIZED, "eq names b/+ and nothing else");
  for (
    const acl of ["all", 7, { pub: "a" }, [{ permission: "allow" }], [rule("permit", "all", "a")]]
  ) {
    await assert.rejects(nats(gateway.nats, await token({ acl })), `${JSON.stringify(acl)}`);
  }
});
