import assert from "node:assert/strict";
import type { Credentials } from "../../gateway/auth/types.ts";
import { NatsWorld, NOBODY } from "../kit/nats_world.ts";

Deno.test("credentials reach the authenticator, with the nonce that was in INFO", () => {
  let seen: Credentials | undefined;
  const world = new NatsWorld({
    needsNonce: true,
    authenticate(credentials) {
      seen = credentials;
      return { kind: "allow", principal: { ...NOBODY, username: "u", method: "nkey" } };
    },
  });
  const client = world.connect();
  const nonce = /"nonce":"([^"]+)"/.exec(client.read())![1];
  client.send(
    'CONNECT {"user":"u","pass":"p","auth_token":"t","jwt":"j","nkey":"k","sig":"s"}\r\n',
  );
  assert.equal(client.read(), "+OK\r\n");
  assert.deepEqual(seen!.nats, { authToken: "t", jwt: "j", nkey: "k", sig: "s", nonce });
  assert.deepEqual([seen!.username, new TextDecoder().decode(seen!.password)], ["u", "p"]);
  assert.equal(client.session.info.username, "u");
  assert.equal(client.session.info.authMethod, "nkey");
});

Deno.test("refused: one text for every reason, and the connection ends", () => {
  for (const result of [{ kind: "deny", reason: "wrong" }, { kind: "ignore" }] as const) {
    const client = new NatsWorld({ authenticate: () => result }).connect();
    client.read();
    client.send('CONNECT {"user":"u"}\r\nPUB a 1\r\nx\r\n');
    assert.deepEqual([client.read(), client.closed], [
      "-ERR 'Authorization Violation'\r\n",
      "auth",
    ]);
  }
});

Deno.test("a second CONNECT changes options, never who the client is", () => {
  let asked = 0;
  const world = new NatsWorld({
    authenticate({ username }) {
      asked++;
      return { kind: "allow", principal: { ...NOBODY, username, method: "token" } };
    },
  });
  const client = world.open({ user: "alice" });
  client.send("SUB a 1\r\nPUB a 1\r\n1\r\n");
  assert.equal(client.read(), "MSG a 1 1\r\n1\r\n");
  client.send('CONNECT {"user":"mallory","echo":false}\r\nPUB a 1\r\n2\r\nPING\r\n');
  assert.equal(client.read(), "PONG\r\n", "echo is off for what was subscribed before");
  assert.equal(client.session.info.username, "alice");
  assert.equal(asked, 1);
  client.send('CONNECT {"verbose":true,"echo":true}\r\nPUB a 1\r\n3\r\n');
  assert.equal(client.read(), "+OK\r\n+OK\r\nMSG a 1 1\r\n3\r\n");
});

Deno.test("CONNECT after anonymous use keeps the subscriptions", () => {
  const client = new NatsWorld().connect();
  client.read();
  client.send('SUB a 1\r\nCONNECT {"verbose":false,"echo":false}\r\nPUB a 1\r\nx\r\n');
  assert.equal(client.read(), "+OK\r\n");
  assert.equal(client.session.server.counters.dropped.no_local, 1);
  client.send('CONNECT {"echo":true}\r\nPUB a 1\r\ny\r\n');
  assert.equal(client.read(), "MSG a 1 1\r\ny\r\n");
  assert.equal(client.session.info.introduced, true);
});

Deno.test("no_responders needs headers", () => {
  const client = new NatsWorld().connect();
  client.read();
  client.send('CONNECT {"no_responders":true}\r\n');
  assert.equal(client.read(), "-ERR 'no responders requires headers support'\r\n");
  assert.equal(client.closed, "protocol");
});

Deno.test("the mountpoint is put in front and taken off; no wildcard can be smuggled in", () => {
  const world = new NatsWorld({
    options: { mountpoint: "${username}/" },
    authenticate: ({ username }) => ({
      kind: "allow",
      principal: { ...NOBODY, username, method: "token" },
    }),
  });
  const alice = world.open({ user: "alice" }), twin = world.open({ user: "alice" });
  const bob = world.open({ user: "bob" });
  for (const client of [alice, twin, bob]) client.send("SUB > 1\r\n").read();
  alice.send("PUB a.b r.1 1\r\nx\r\n");
  assert.equal(twin.read(), "MSG a.b 1 r.1 1\r\nx\r\n");
  assert.equal(bob.read(), "");
  const mallory = world.connect();
  mallory.read();
  mallory.send('CONNECT {"user":"+"}\r\n');
  assert.equal(mallory.read(), "-ERR 'Authorization Violation'\r\n");
  assert.equal(mallory.closed, "auth");
});

Deno.test("a login may lower the limits", () => {
  const world = new NatsWorld({
    authenticate: () => ({
      kind: "allow",
      principal: { ...NOBODY, limits: { subscriptions: 1, payloadBytes: 3 } },
    }),
  });
  const client = world.open();
  client.read();
  client.send("SUB a 1\r\nSUB b 2\r\nPUB a 4\r\nabcd\r\nPUB a 3\r\nabc\r\n");
  assert.equal(
    client.read(),
    "-ERR 'maximum subscriptions exceeded'\r\n-ERR 'Maximum Payload Violation'\r\n" +
      "MSG a 1 3\r\nabc\r\n",
  );
});
