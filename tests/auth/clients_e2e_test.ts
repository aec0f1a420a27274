import { WebSocket as WebSocketClient } from "ws";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { encodeAccount, encodeUser, fmtCreds } from "@nats-io/jwt";
import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import {
  credsAuthenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { wsconnect } from "@nats-io/nats-core";
import { SignJWT } from "jose";
import { MqttClient, NatsClient } from "../kit/clients.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { within } from "../kit/wait.ts";

const SECRETS = {
  token: "t0ken-s3cret",
  password: "pa55word-alice",
  hmac: "hmac-s3cret-of-more-than-32-bytes!!",
};

/** An operator with an account and a user; tokens by NATS's own library. */
async function natsWorld() {
  const [operator, account, pair] = [createOperator(), createAccount(), createUser()];
  const accountJwt = await encodeAccount("a", account, {}, { signer: operator });
  const jwt = await encodeUser("u", pair, account);
  const config = `
[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${operator.getPublicKey()}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${account.getPublicKey()}", jwt = "${accountJwt}" }]
`;
  return { config, jwt, pair, account };
}

async function refused(gateway: GatewayProcess, options: NodeConnectionOptions): Promise<void> {
  await assert.rejects(NatsClient.open(gateway.nats, options), /[Aa]uthorization/);
}

async function accepted(gateway: GatewayProcess, options: NodeConnectionOptions): Promise<void> {
  await using client = await NatsClient.open(gateway.nats, options);
  const next = await client.subscribe("x");
  client.nc.publish("x", "hello");
  assert.equal((await next()).string(), "hello");
}

Deno.test("nats.js logs in with token, user and password, nkey, jwt and creds file", async () => {
  const world = await natsWorld();
  const key = createUser();
  const seed = new TextDecoder().decode(key.getSeed());
  const dir = Deno.makeTempDirSync();
  const bootstrap = `${dir}/users.csv`;
  Deno.writeTextFileSync(bootstrap, `user_id,password\nalice,${SECRETS.password}\n`);
  const certificate = issueCertificate({
    commonName: "localhost",
    hosts: ["127.0.0.1"],
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 3_600_000),
  });
  Deno.writeTextFileSync(`${dir}/server.pem`, certificate.certificate);
  Deno.writeTextFileSync(`${dir}/server.key`, certificate.key);
  try {
    await using gateway = await startGateway({
      config: `
[[gateway.nats.internal_authn]]
type = "token"
token = "${SECRETS.token}"
[[gateway.nats.internal_authn]]
type = "nkey"
nkeys = ["${key.getPublicKey()}"]
${world.config}
[gateway.nats.authentication]
mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${bootstrap}"
[gateway.nats.listeners.ssl.default]
bind = "127.0.0.1:0"
ssl_options = { certfile = "${dir}/server.pem", keyfile = "${dir}/server.key" }
[gateway.nats.listeners.wss.default]
bind = "127.0.0.1:0"
ssl_options = { certfile = "${dir}/server.pem", keyfile = "${dir}/server.key" }
`,
      set: ["gateway.nats.listeners.ws.default.enable=true"],
    });
    await accepted(gateway, { token: SECRETS.token });
    await accepted(gateway, { user: "alice", pass: SECRETS.password });
    await accepted(gateway, { authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) });
    await accepted(gateway, { authenticator: jwtAuthenticator(world.jwt, world.pair.getSeed()) });
    const creds = fmtCreds(world.jwt, world.pair);
    await accepted(gateway, { authenticator: credsAuthenticator(creds) });

    await refused(gateway, {});
    await refused(gateway, { token: "wrong-t0ken" });
    await refused(gateway, { user: "alice", pass: "wrong-pa55" });
    await refused(gateway, { user: "nobody", pass: SECRETS.password });
    await refused(gateway, { token: "wrong-t0ken", user: "alice", pass: SECRETS.password });
    await refused(gateway, { authenticator: nkeyAuthenticator(createUser().getSeed()) });
    await refused(gateway, {
      authenticator: jwtAuthenticator(world.jwt, createUser().getSeed()),
    });

    // The same over TLS, and over WebSocket.
    const tls = { ca: certificate.certificate };
    const ssl = `127.0.0.1:${gateway.port("nats:ssl:default")}`;
    await accepted(gateway, { servers: ssl, tls, token: SECRETS.token });
    await refused(gateway, { servers: ssl, tls, token: "wrong-t0ken" });
    const ws = `ws://127.0.0.1:${gateway.port("nats:ws:default")}`;
    const overWs = await wsconnect({ servers: ws, token: SECRETS.token, reconnect: false });
    await overWs.close();
    await assert.rejects(wsconnect({ servers: ws, token: "wrong-t0ken", reconnect: false }));
    const wss = {
      servers: `wss://127.0.0.1:${gateway.port("nats:wss:default")}`,
      reconnect: false,
      // The runtime's own WebSocket takes no authority of ours.
      wsFactory: (url: string) => {
        const socket = new WebSocketClient(url, { ca: certificate.certificate });
        return Promise.resolve({ socket: socket as unknown as WebSocket, encrypted: true });
      },
    };
    const overWss = await wsconnect({ ...wss, token: SECRETS.token });
    await overWss.close();
    await assert.rejects(wsconnect({ ...wss, token: "wrong-t0ken" }));

    const log = gateway.log();
    assert.match(log, /login refused/);
    for (
      const secret of [
        SECRETS.token,
        SECRETS.password,
        "wrong-t0ken",
        "wrong-pa55",
        seed,
        world.jwt.slice(-40),
        world.jwt.slice(40, 90),
      ]
    ) {
      assert.ok(!log.includes(secret), `the log shows ${secret}`);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("PR-33 NATS permissions and limits of a token hold on the wire, and so does its end", async () => {
  const world = await natsWorld();
  await using gateway = await startGateway({ config: world.config });
  const jwt = await encodeUser("u", world.pair, world.account, {
    pub: { allow: ["ok.>"], deny: ["ok.no"] },
    sub: { allow: ["ok.>", "_INBOX.>"], deny: ["ok.secret"] },
    subs: 2,
  }, { exp: Math.floor(Date.now() / 1000) + 5 });
  const raw = await RawNats.connect(gateway.nats);
  using _ = raw;
  assert.equal(raw.info.auth_required, true);
  const nonce = String(raw.info.nonce);
  const sig = btoa(String.fromCharCode(...world.pair.sign(new TextEncoder().encode(nonce))));
  const connect = { verbose: true, headers: true, jwt, sig };
  await raw.send(`CONNECT ${JSON.stringify(connect)}\r\n`);
  await raw.expect("+OK");
  const ask = async (line: string, answer: string) => {
    await raw.send(`${line}\r\n`);
    await raw.expect(answer);
  };
  await ask("SUB ok.> 1", "+OK");
  await ask("SUB > 2", "-ERR 'Permissions Violation for Subscription to \">\"'");
  await ask("SUB ok.secret 2", "-ERR 'Permissions Violation for Subscription to \"ok.secret\"'");
  await ask("PUB ok.no 1\r\nx", "-ERR 'Permissions Violation for Publish to \"ok.no\"'");
  await ask("PUB other 1\r\nx", "-ERR 'Permissions Violation for Publish to \"other\"'");
  await ask("SUB ok.a 3", "+OK");
  await ask("SUB ok.b 4", "-ERR 'maximum subscriptions exceeded'");
  await raw.expect("-ERR 'User Authentication Expired'");
});

Deno.test("mqtt logs in with user and password, and with a JWT that brings its rules", async () => {
  const dir = Deno.makeTempDirSync();
  const salted = createHash("sha256").update(`NaCl${SECRETS.password}`).digest("hex");
  Deno.writeTextFileSync(
    `${dir}/users.json`,
    JSON.stringify([{ user_id: "alice", password_hash: salted, salt: "NaCl" }]),
  );
  try {
    await using gateway = await startGateway({
      config: `
[[authentication]]
mechanism = "jwt"
use_jwks = false
algorithm = "hmac-based"
secret = "${SECRETS.hmac}"
verify_claims = { sub = "\${username}" }
[[authentication]]
mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${dir}/users.json"
bootstrap_type = "hash"
`,
    });
    const open = (username?: string, password?: string) =>
      MqttClient.open(gateway.mqtt, 5, { username: username!, password: password! });
    {
      await using client = await open("alice", SECRETS.password);
      await client.subscribe("a");
      await client.publish("a", "1");
      assert.equal(new TextDecoder().decode((await client.next()).payload), "1");
    }
    const acl = [
      { permission: "allow", action: "all", topic: "${username}/#" },
      { permission: "deny", action: "all", topic: "#" },
    ];
    const jwt = await new SignJWT({ sub: "bob", acl }).setProtectedHeader({ alg: "HS256" })
      .setExpirationTime("1h").sign(new TextEncoder().encode(SECRETS.hmac));
    {
      await using client = await open("bob", jwt);
      await client.subscribe("bob/x", { qos: 1 });
      await assert.rejects(client.subscribe("alice/x", { qos: 1 }));
      await client.publish("bob/x", "2", { qos: 1 });
      assert.equal((await client.next()).topic, "bob/x");
      await assert.rejects(client.publish("alice/x", "3", { qos: 1 }), /135|[Nn]ot authorized/);
    }
    for (
      const [user, password] of [
        ["alice", "wrong-pa55"],
        ["alice", ""],
        ["mallory", jwt],
        ["bob", `${jwt}x`],
        [undefined, undefined],
      ] as const
    ) {
      await assert.rejects(open(user, password), `${user} ${password}`);
    }
    const log = gateway.log();
    for (
      const secret of [SECRETS.password, "wrong-pa55", SECRETS.hmac, jwt.slice(20, 60), salted]
    ) {
      assert.ok(!log.includes(secret), `the log shows ${secret}`);
    }
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("PR-47 PR-48 PR-49 rules hold for both protocols; a deny is a sieve in a wider subscription", async () => {
  await using gateway = await startGateway({
    config: `
[authorization]
no_match = "allow"
[[authorization.sources]]
type = "file"
rules_list = [
  { permission = "deny", action = "publish", topic = "locked/#", username = "guest" },
  { permission = "deny", action = "subscribe", topic = "t/secret", username = "guest" },
]`,
  });
  const raw = await RawNats.open(gateway.nats, { verbose: true, user: "guest" });
  using _ = raw;
  const ask = async (line: string, answer: string) => {
    await raw.send(`${line}\r\n`);
    await raw.expect(answer);
  };
  await ask("PUB locked.a 1\r\nx", "-ERR 'Permissions Violation for Publish to \"locked.a\"'");
  await ask("SUB t.secret 1", "-ERR 'Permissions Violation for Subscription to \"t.secret\"'");
  await ask("SUB t.> 2", "+OK");
  await using writer = await MqttClient.open(gateway.mqtt, 5, { username: "root" });
  await writer.publish("t/secret", "no", { qos: 1 });
  await writer.publish("t/open", "yes", { qos: 1 });
  const message = await raw.message();
  assert.equal(message.subject, "t.open");
  await using guest = await MqttClient.open(gateway.mqtt, 5, { username: "guest" });
  await assert.rejects(guest.subscribe("t/secret", { qos: 1 }));
  await guest.subscribe("t/#");
  await writer.publish("t/secret", "no", { qos: 1 });
  await writer.publish("t/open", "yes", { qos: 1 });
  assert.equal((await guest.next()).topic, "t/open");
  const denials = gateway.log().match(/denied/g) ?? [];
  assert.equal(denials.length, 3, "each denial once");
});

Deno.test("deny_action = disconnect shows the door to NATS clients as well", async () => {
  await using gateway = await startGateway({
    config: `
[authorization]
deny_action = "disconnect"
[[authorization.sources]]
type = "file"
rules_list = [{ permission = "deny", action = "publish", topic = "locked" }]`,
  });
  const raw = await RawNats.open(gateway.nats, { verbose: true });
  using _ = raw;
  await raw.send("PUB locked 1\r\nx\r\n");
  await raw.expect("-ERR 'Permissions Violation for Publish to \"locked\"'");
  assert.equal(await within(raw.line(), "the end of the connection"), null);
});

Deno.test("hardened without authentication: nobody, over either protocol", async () => {
  await using gateway = await startGateway({ config: "", set: ["security_profile=hardened"] });
  const raw = await RawNats.connect(gateway.nats);
  using _ = raw;
  assert.equal(raw.info.auth_required, true);
  await raw.send('CONNECT {"verbose":true}\r\n');
  await raw.expect("-ERR 'Authorization Violation'");
  await assert.rejects(MqttClient.open(gateway.mqtt, 4));
});

Deno.test("nats.js with a creds file: the data limit of its token ends the connection", async () => {
  const world = await natsWorld();
  await using gateway = await startGateway({ config: world.config });
  const jwt = await encodeUser("u", world.pair, world.account, { data: 100 });
  const authenticator = credsAuthenticator(fmtCreds(jwt, world.pair));
  await using client = await NatsClient.open(gateway.nats, { authenticator });
  const next = await client.subscribe("in");
  client.nc.publish("in", "x".repeat(40));
  assert.equal((await next()).data.length, 40, "published and received: 80 bytes");
  client.nc.publish("out", "x".repeat(21));
  const error = await within(client.nc.closed(), "the end");
  assert.match(String(error), /maximum data exceeded/);
  // Others are not held to it, and a new connection begins anew.
  await accepted(gateway, { authenticator: credsAuthenticator(fmtCreds(world.jwt, world.pair)) });
  await accepted(gateway, { authenticator });
});

Deno.test("nats.js answers requests with allow_responses alone, once each, and no denial is logged", async () => {
  const world = await natsWorld();
  await using gateway = await startGateway({ config: world.config });
  const jwt = await encodeUser("svc", world.pair, world.account, {
    sub: { allow: ["svc", "_INBOX.>"], deny: [] },
    resp: { max: 1, ttl: -1 },
  });
  const authenticator = credsAuthenticator(fmtCreds(jwt, world.pair));
  await using service = await NatsClient.open(gateway.nats, { authenticator });
  const replies: string[] = [];
  service.nc.subscribe("svc", {
    callback: (_error, message) => {
      replies.push(message.reply!);
      message.respond("first");
    },
  });
  await service.nc.flush();
  await using requester = await NatsClient.open(gateway.nats, {
    authenticator: credsAuthenticator(fmtCreds(world.jwt, world.pair)),
  });
  for (let i = 0; i < 3; i++) {
    const answer = await requester.nc.request("svc", "?", { timeout: 10_000 });
    assert.equal(answer.string(), "first");
  }
  assert.ok(!gateway.log().includes("denied"), gateway.log());
  const next = await requester.subscribe("_INBOX.elsewhere");
  service.nc.publish(replies[0]!, "once more");
  service.nc.publish("_INBOX.elsewhere", "never asked");
  await service.nc.flush();
  requester.nc.publish("_INBOX.elsewhere", "mine");
  assert.equal((await next()).string(), "mine");
  assert.equal(gateway.log().match(/denied.*only responses/g)?.length, 2);
});
