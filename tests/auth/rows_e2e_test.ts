/** Rows of the acceptance list on access, over sockets, that no other test here covers. */
import assert from "node:assert/strict";
import { startGateway as startInProcess } from "../../gateway/gateway.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { MqttClient, NatsClient } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { HttpService, json } from "../kit/http_service.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";
import { configOf } from "./config.ts";
import { KEYS, writeToken } from "./kit.ts";
import { V1, V3 } from "./vectors.ts";

const JWT_METHOD = `
[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${KEYS.operator}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${KEYS.account}", jwt = "${V1}" }]
`;
const TOKEN_METHOD = '[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "t0ken"\n';
const VIOLATION = "-ERR 'Authorization Violation'";

Deno.test("PR-34 PR-35 PR-36 PR-37 PR-38 CH-05 PR-51 turned away", async () => {
  await using gateway = await startGateway({ config: JWT_METHOD });
  const early = writeToken("account", {
    sub: KEYS.user,
    nbf: Math.floor(Date.now() / 1000) + 3600,
    nats: { type: "user", version: 2 },
  });
  for (const jwt of [undefined, V3, early, "nodots", `${V1}x`]) {
    using raw = await RawNats.connect(gateway.nats);
    await raw.send(`CONNECT ${JSON.stringify({ verbose: true, jwt, sig: "AAAA" })}\r\n`);
    await raw.expect(VIOLATION);
    assert.equal(await within(raw.line(), "the end"), null);
  }
  for (const line of ["SUB a 1", "PUB a 1\r\nx"]) {
    using raw = await RawNats.connect(gateway.nats);
    await raw.send(`${line}\r\n`);
    assert.match(await within(raw.line(), "an answer") ?? "", /^-ERR '/);
  }
});

Deno.test("PR-22 PR-23 CH-07 an HTTP service decides, and says when the connection ends", async () => {
  await using service = await HttpService.start(({ body }) => {
    const { password } = JSON.parse(body);
    const expire_at = Math.floor(Date.now() / 1000) + 4;
    return json(password === "right" ? { result: "allow", expire_at } : { result: "deny" });
  });
  await using gateway = await startGateway({
    config: `
[gateway.nats.authentication]
mechanism = "password_based"
backend = "http"
method = "post"
url = "${service.url}"
body = { password = "\${password}" }`,
  });
  using wrong = await RawNats.connect(gateway.nats);
  assert.equal(wrong.info.auth_required, true);
  await wrong.send('CONNECT {"verbose":true,"user":"u","pass":"wrong"}\r\n');
  await wrong.expect(VIOLATION);
  using right = await RawNats.connect(gateway.nats);
  await right.send('CONNECT {"verbose":true,"user":"u","pass":"right"}\r\nPING\r\n');
  await right.expect("+OK");
  await right.expect("PONG");
  await right.expect("-ERR 'User Authentication Expired'");
});

Deno.test("PR-24 a reload turns logins on and off again, and who is in stays in", async () => {
  await using gateway = await startGateway();
  const path = `${gateway.dir}/config.toml`;
  const open = Deno.readTextFileSync(path);
  const reload = async (text: string, isRequired: boolean) => {
    Deno.writeTextFileSync(path, text);
    gateway.child.kill("SIGHUP");
    await until(async () => {
      using raw = await RawNats.connect(gateway.nats);
      return Boolean(raw.info.auth_required) === isRequired;
    }, `auth_required to be ${isRequired}`);
  };
  using before = await RawNats.open(gateway.nats);
  await reload(open + TOKEN_METHOD, true);
  using refused = await RawNats.connect(gateway.nats);
  await refused.send('CONNECT {"verbose":true}\r\n');
  await refused.expect(VIOLATION);
  using accepted = await RawNats.open(gateway.nats, { auth_token: "t0ken" });
  await reload(open, false);
  using again = await RawNats.open(gateway.nats);
  for (const client of [before, accepted, again]) {
    await client.send("PING\r\n");
    await client.expect("PONG");
  }
});

Deno.test("CH-14 an authenticator sees the certificate that a client shows", async () => {
  const times = {
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
  };
  const ca = issueCertificate({ commonName: "ca", ca: true, ...times });
  const server = issueCertificate({ commonName: "s", hosts: ["127.0.0.1"], ...times }, ca);
  const client = issueCertificate({ commonName: "device-42", ...times }, ca);
  const text = (pem: string) => JSON.stringify(pem);
  await using service = await HttpService.start(() => ({ status: 204 }));
  await using gateway = await startGateway({
    config: `
[[authentication]]
mechanism = "password_based"
backend = "http"
method = "post"
url = "${service.url}"
body = { cn = "\${cert_common_name}", dn = "\${cert_subject}", pem = "\${cert_pem}" }
[listeners.ssl.default]
bind = "127.0.0.1:0"
[listeners.ssl.default.ssl_options]
certfile = ${text(server.certificate)}
keyfile = ${text(server.key)}
cacertfile = ${text(ca.certificate)}
verify = "verify_peer"
fail_if_no_peer_cert = true`,
  });
  await using mqtt = await MqttClient.open(gateway.port("mqtt:ssl:default"), 5, {
    protocol: "mqtts",
    ca: ca.certificate,
    cert: client.certificate,
    key: client.key,
  });
  await mqtt.subscribe("a");
  const { cn, dn, pem } = JSON.parse(service.asked[0]!.body);
  assert.equal(cn, "device-42");
  assert.equal(dn, "CN=device-42");
  assert.equal(atob(pem).trim(), client.certificate.trim());
});

Deno.test("CH-08 CH-09 the mountpoint is that of the proven name", async () => {
  await using gateway = await startGateway({
    config: `${TOKEN_METHOD}
[gateway.nats.listeners.tcp.open]
bind = "127.0.0.1:0"
enable_authn = false`,
    set: ['gateway.nats.mountpoint="${username}/"'],
  });
  await using mqtt = await MqttClient.open(gateway.mqtt, 5);
  await mqtt.subscribe("#");
  {
    await using client = await NatsClient.open(gateway.nats, { token: "t0ken", user: "spoofed" });
    client.nc.publish("a");
    assert.equal((await mqtt.next()).topic, "token/a");
  }
  await using anonymous = await NatsClient.open(gateway.port("nats:tcp:open"), { user: "u" });
  anonymous.nc.publish("a");
  assert.equal((await mqtt.next()).topic, "u/a");
});

Deno.test("PR-25 PR-27 hardened, with one listener that asks nobody", async () => {
  await using gateway = await startGateway({
    config: `[gateway.nats.listeners.tcp.open]\nbind = "127.0.0.1:0"\nenable_authn = false\n`,
    set: ["security_profile=hardened", "authorization.no_match=allow"],
  });
  using closed = await RawNats.connect(gateway.nats);
  assert.equal(closed.info.auth_required, true);
  await closed.send("SUB a 1\r\n");
  assert.match(await within(closed.line(), "an answer") ?? "", /^-ERR '/);
  using open = await RawNats.connect(gateway.port("nats:tcp:open"));
  assert.ok(!open.info.auth_required);
  await open.send("SUB a 1\r\nPUB a 1\r\nx\r\n");
  await until(async () => (await open.line())?.startsWith("MSG a 1 1"), "the message");
});

Deno.test("a ban closes the door at once, over both protocols", async () => {
  const config = configOf(`
store = { type = "memory" }
[gateway.nats.listeners.tcp.default]
bind = "127.0.0.1:0"
[gateway.nats.listeners.ws.default]
enable = false
[listeners.tcp.default]
bind = "127.0.0.1:0"
[listeners.ws.default]
enable = false
[dashboard.listeners.http]
bind = 0`);
  const gateway = await startInProcess(config, { log: silentLog });
  try {
    const port = (id: string) => gateway.listeners.get(id)!.port;
    const [nats, mqtt] = [port("nats:tcp:default"), port("mqtt:tcp:default")];
    (await RawNats.connect(nats))[Symbol.dispose]();
    const { bans } = gateway.access;
    const ban = { as: "peerhost", who: "127.0.0.1", by: "test", reason: "", at: 0 } as const;
    bans.add(ban);
    await assert.rejects(RawNats.connect(nats));
    await assert.rejects(MqttClient.open(mqtt, 5));
    bans.delete(ban.as, ban.who);
    bans.add({ ...ban, as: "clientid", who: "c1" });
    await assert.rejects(MqttClient.open(mqtt, 5, { clientId: "c1" }), /banned|Banned|138/i);
    await using other = await MqttClient.open(mqtt, 5, { clientId: "c2" });
    await other.subscribe("a");
  } finally {
    await gateway.stop(Date.now() + 1000);
  }
});
