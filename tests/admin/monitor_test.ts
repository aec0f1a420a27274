import assert from "node:assert/strict";
import { createHealthApp } from "../../admin/health_app.ts";
import { HEALTH_PATHS } from "../../admin/routes/health.ts";
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";
import { startWorld } from "./kit.ts";

Deno.test("health needs no credentials and says little; numbers need them", async () => {
  await using world = await startWorld();
  const get = (path: string) => world.get(path, { authorization: null });
  assert.deepEqual(await get("/livez"), [200, "ok\n"]);
  assert.deepEqual(await get("/readyz"), [200, "ok\n"]);
  assert.deepEqual(await get("/healthz"), [200, { status: "ok" }]);
  assert.match((await get("/status"))[1], /^Node \S+ is started\nemqx is running$/);
  const [, body] = await get("/api/v5/status?format=json");
  assert.deepEqual(Object.keys(body), ["node_name", "broker_status", "app_status"]);
  for (const path of ["/varz", "/connz", "/subsz", "/api/v5/prometheus/stats", "/api-docs"]) {
    assert.equal((await get(path))[0], 401, path);
  }
});

Deno.test("a health check gets the same answer before the whole application is loaded", async () => {
  await using world = await startWorld();
  const alone = createHealthApp(world.deps);
  const seen = async (response: Response) => ({
    status: response.status,
    headers: [...response.headers],
    text: await response.text(),
  });
  for (const path of HEALTH_PATHS) {
    const url = `${path}?format=json`;
    assert.deepEqual(
      await seen(await alone.request(url)),
      await seen(await world.app.request(url)),
    );
  }
});

Deno.test("nats-server's monitoring URLs show what NATS clients do", async () => {
  await using world = await startWorld();
  const port = world.gateway.listeners.get("nats:tcp:default")!.port;
  using client = await RawNats.open(port, { name: "me" });
  await client.subscribe("a.*", 7);
  await client.publish("a.b", "hello");
  await client.expect("MSG a.b 7 5");
  const [, varz] = await world.get("/varz");
  assert.deepEqual(
    [varz.connections, varz.subscriptions, varz.in_msgs, varz.out_msgs, varz.port],
    [1, 1, 1, 1, port],
  );
  const [, connz] = await world.get("/connz?subs=1");
  assert.equal(connz.num_connections, 1);
  assert.deepEqual(connz.connections[0].subscriptions_list, ["a.*"]);
  assert.equal(connz.connections[0].in_msgs, 1);
  const [, subsz] = await world.get("/subsz?subs=1");
  assert.deepEqual([subsz.num_subscriptions, subsz.subscriptions_list[0].subject], [1, "a.*"]);
});

Deno.test({
  name: "monitoring URLs: every field is of the type that it has in nats-server",
  ignore: NATS_SERVER === undefined,
  async fn() {
    await using world = await startWorld();
    await using peer = await NatsServer.start();
    const introduction = { name: "me", lang: "deno", version: "1.0" };
    using ours = await RawNats.open(world.gateway.listeners.get("nats:tcp:default")!.port, {
      ...introduction,
    });
    using theirs = await RawNats.open(peer.port, introduction);
    for (const client of [ours, theirs]) {
      await client.send("SUB a 1\r\nSUB b q 2\r\nPUB a 2\r\nhi\r\n");
      // nats-server says INFO once more after CONNECT.
      while ((await client.line())?.startsWith("MSG") === false);
    }
    const monitor = `http://127.0.0.1:${peer.monitorPort}`;
    for (const path of ["/varz", "/connz", "/connz?subs=1", "/connz?subs=detail", "/healthz"]) {
      const [, answer] = await world.get(path);
      const expected = await (await fetch(monitor + path)).json();
      assertLike(answer, expected, path);
    }
    const [, { connections: [connection] }] = await world.get("/connz?subs=detail");
    assert.deepEqual(
      { name: connection.name, lang: connection.lang, version: connection.version },
      introduction,
    );
    assert.deepEqual(connection.subscriptions_list_detail, [
      { subject: "a", sid: "1", msgs: 1, cid: connection.cid },
      { subject: "b", qgroup: "q", sid: "2", msgs: 0, cid: connection.cid },
    ]);
  },
});

Deno.test("/connz: when a client was last heard of, and how far it is", async () => {
  await using world = await startWorld(
    '[gateway.nats]\ndefault_heartbeat_interval = "1s"\nheartbeat_wait_timeout = "20s"\n',
  );
  using client = await RawNats.open(world.gateway.listeners.get("nats:tcp:default")!.port);
  const look = async () => (await world.get("/connz"))[1].connections[0];
  const before = await look();
  assert.equal(before.rtt, undefined, "no PING was answered yet");
  await client.expect("PING");
  assert.equal((await look()).last_activity, before.last_activity);
  await client.send("PONG\r\n");
  const after = await until(async () => {
    const now = await look();
    return now.rtt !== undefined && now;
  }, "a round trip");
  assert.match(after.rtt, /^\d+\.\d{3}ms$/);
  assert.ok(after.last_activity > before.last_activity);
});

Deno.test("prometheus: real numbers of both protocols, each family with help", async () => {
  await using world = await startWorld();
  using client = await RawNats.open(world.gateway.listeners.get("nats:tcp:default")!.port);
  await client.subscribe("a");
  await client.publish("a", "1");
  await client.expect("MSG a 1 1");
  const [, text] = await world.get("prometheus/stats");
  assert.match(text, /^natsgate_messages_received_total\{protocol="nats",qos="0"\} 1$/m);
  assert.match(text, /^natsgate_connections\{listener="nats:tcp:default"\} 1$/m);
  assert.match(text, /^natsgate_subscriptions\{protocol="nats"\} 1$/m);
  assert.match(text, /^natsgate_ready 1$/m);
  const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  for (const name of families) assert.ok(text.includes(`# HELP ${name} `), name);
  const put = { method: "PUT", json: { enable_stats: false } };
  await world.get("gateways/nats", put);
  const [, without] = await world.get("prometheus/stats");
  assert.ok(!without.includes('natsgate_messages_received_total{protocol="nats"'));
  const json = await world.get("prometheus/stats", { headers: { accept: "application/json" } });
  assert.equal(json[1].gateway["packets.pub.received"], 1);
});

Deno.test("tail: shows what passes by, counts what it leaves out, and leaves no trace", async () => {
  await using world = await startWorld();
  const before = world.gateway.router.subscriptions;
  const response = await world.ask("tail?filter=nats:a.*");
  assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  const publish = await world.get("publish", { json: { topic: "a/b", payload: "<b>" } });
  assert.equal(publish[0], 202, "a watcher is no subscriber");
  const { value } = await reader.read();
  const event = JSON.parse(value!.replace(/^data: /, ""));
  assert.deepEqual([event.topic, event.subject, event.payload], ["a/b", "a.b", "<b>"]);
  using client = await RawNats.open(world.gateway.listeners.get("nats:tcp:default")!.port);
  await client.publish("a.<b>x", "<i>");
  assert.equal(JSON.parse((await reader.read()).value!.replace(/^data: /, "")).topic, "a/<b>x");
  await reader.cancel();
  await world.get("publish", { json: { topic: "a/b", payload: "" } });
  await until(() => world.gateway.router.subscriptions === before, "the watcher to be gone");
  assert.equal((await world.get("tail?filter=a/%23/b"))[0], 400);
});

Deno.test("audit: says who changed what", async () => {
  await using world = await startWorld();
  await world.get("gateways/nats", { method: "PUT", json: { server_name: "x" } });
  const [, { data: [entry] }] = await world.get("audit");
  assert.deepEqual(
    [entry.who, entry.what, entry.note, entry.address],
    ["administrator", "PUT /api/v5/gateways/nats", "gateway.nats.server_name", "192.0.2.1"],
  );
});

Deno.test("prometheus: connections that are turned away are counted, by protocol", async () => {
  await using world = await startWorld(
    '[gateway.nats.listeners.tcp.small]\nbind = "127.0.0.1:0"\naccess_rules = ["deny all"]\n',
  );
  const port = world.gateway.listeners.get("nats:tcp:small")!.port;
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  assert.equal(await conn.read(new Uint8Array(1)).catch(() => null), null);
  const [, text] = await world.get("prometheus/stats");
  assert.match(text, /^natsgate_connections_refused_total\{protocol="nats"\} 1$/m);
  assert.match(text, /^natsgate_connections_refused_total\{protocol="mqtt"\} 0$/m);
});

Deno.test("the Grafana board shows only metrics that there are", async () => {
  await using world = await startWorld();
  const [, text] = await world.get("prometheus/stats");
  const families = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const file = new URL("../../admin/assets/grafana.json", import.meta.url);
  const board = JSON.parse(await Deno.readTextFile(file));
  const expressions = board.panels.flatMap(({ targets }: { targets: { expr: string }[] }) =>
    targets.map(({ expr }) => expr)
  );
  assert.ok(expressions.length >= 12);
  for (const expr of expressions) {
    const names = expr.match(/natsgate_\w+/g) ?? [];
    assert.ok(names.length > 0, expr);
    for (const name of names) {
      assert.ok(families.has(name) || families.has(name.replace(/_bucket$/, "")), name);
    }
  }
});

/** Every field that both have is of one type, in objects and in the first items of lists. */
function assertLike(answer: unknown, expected: unknown, path: string): void {
  assert.equal(typeof answer, typeof expected, path);
  if (typeof answer !== "object" || answer === null) return;
  for (const [name, value] of Object.entries(answer)) {
    const twin = (expected as Record<string, unknown>)[name];
    if (twin !== undefined) assertLike(value, twin, `${path} ${name}`);
  }
}
