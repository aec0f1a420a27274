/**
 * The commands for a running gateway, against a server that answers as the admin API does.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { eventData } from "../../gateway/cli/tail.ts";
import { fakeIo } from "./fake_io.ts";

const CLIENT = {
  clientid: "dev\u001b[2J7",
  username: null,
  proto_name: "NATS",
  proto_ver: "1",
  ip_address: "10.0.0.7",
  port: 4711,
  connected: true,
  subscriptions_cnt: 2,
};

/** What the server answers, by method and path; a function sees the request. */
type Answers = Record<string, Response | ((request: Request) => Response | Promise<Response>)>;

/** Runs a command against a server; `requests` are what it was asked, in order. */
async function run(words: readonly string[], answers: Answers) {
  const requests: string[] = [];
  const keyFile = await Deno.makeTempFile({ prefix: "natsgate-test-" });
  await Deno.writeTextFile(keyFile, "key:secret\n");
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const url = new URL(request.url);
    requests.push(`${request.method} ${url.pathname}${url.search}`);
    const answer = answers[`${request.method} ${url.pathname}`];
    const isOpen = url.pathname === "/readyz";
    if (!isOpen && request.headers.get("authorization") !== `Basic ${btoa("key:secret")}`) {
      return new Response("{}", { status: 401 });
    }
    if (answer === undefined) {
      return Response.json({ code: "NOT_FOUND", message: "Request Path Not Found" }, {
        status: 404,
      });
    }
    return typeof answer === "function" ? await answer(request) : answer;
  });
  const io = fakeIo();
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    const code = await main([...words, "--url", url, "--key-file", keyFile], io);
    return { code, output: io.output, errors: io.errors, requests };
  } finally {
    await server.shutdown();
    await Deno.remove(keyFile);
  }
}

Deno.test("health asks /readyz and says what it answers", async () => {
  const good = await run(["health"], { "GET /readyz": new Response("ready") });
  assert.deepEqual([good.code, good.output], [0, "ready\n"]);
  const bad = await run(["health"], {
    "GET /readyz": new Response("store: full", { status: 503 }),
  });
  assert.deepEqual([bad.code, bad.output], [1, "store: full\n"]);
  const json = await run(["health", "--json"], {
    "GET /readyz": new Response("store: full", { status: 503 }),
  });
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.output), { ready: false, message: "store: full" });
});

Deno.test("status shows nodes, gateways, listeners and counts", async () => {
  const answers = () => ({
    "GET /api/v5/nodes": Response.json([{ node: "n", version: "1.2.3", uptime: 90_061_000 }]),
    "GET /api/v5/gateways": Response.json([{
      name: "nats",
      status: "running",
      current_connections: 3,
      listeners: [{ id: "nats:tcp:default", running: true }],
    }]),
    "GET /api/v5/stats": Response.json({ "sessions.count": 4 }),
  });
  const { code, output } = await run(["status"], answers());
  assert.equal(code, 0);
  assert.equal(
    output,
    "n  1.2.3  up 1d 1h\ngateway nats  running  3 connections\n" +
      "  nats:tcp:default  running\nsessions  4\n",
  );
  const json = JSON.parse((await run(["status", "--json"], answers())).output);
  assert.equal(json.stats["sessions.count"], 4);
});

Deno.test("clients lists both protocols, and nothing in an id acts on the terminal", async () => {
  const page = (data: unknown[], hasnext: boolean) => Response.json({ data, meta: { hasnext } });
  const { code, output, errors, requests } = await run(["clients", "--like=dev"], {
    "GET /api/v5/gateways/nats/clients": page([CLIENT], true),
    "GET /api/v5/clients": page([{ ...CLIENT, clientid: "m", connected: false }], false),
  });
  assert.equal(code, 0);
  assert(!output.includes("\u001b"));
  assert.match(output, /^CLIENT +USER +PROTOCOL +ADDRESS +SUBSCRIPTIONS\n/);
  assert.match(output, /dev\\u\{1b\}\[2J7 +- +NATS 1 +10\.0\.0\.7:4711 +2\n/);
  assert.match(output, /\nm +- +NATS 1 +away +2\n/);
  assert.match(errors, /raise --limit/);
  assert.deepEqual(requests, [
    "GET /api/v5/gateways/nats/clients?limit=100&like_clientid=dev",
    "GET /api/v5/clients?limit=100&like_clientid=dev",
  ]);
});

Deno.test("kick cuts the client in whichever protocol it is", async () => {
  const path = "DELETE /api/v5/clients/a%2Fb";
  const found = await run(["kick", "a/b"], { [path]: new Response(null, { status: 204 }) });
  assert.deepEqual([found.code, found.output], [0, "kicked a/b (mqtt)\n"]);
  const nobody = await run(["kick", "x"], {});
  assert.equal(nobody.code, 1);
  assert.match(nobody.errors, /Request Path Not Found \(NOT_FOUND\)/);
});

Deno.test("reload prints the reason when the gateway refuses", async () => {
  const problem = { code: "BAD_REQUEST", message: "line 3: no" };
  const { code, errors } = await run(["reload"], {
    "POST /api/v5/configs/reload": Response.json(problem, { status: 400 }),
  });
  assert.equal(code, 1);
  assert.match(errors, /The gateway refuses: line 3: no \(BAD_REQUEST\)/);
});

Deno.test("backup writes a new private file, and restore sends it back", async () => {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  try {
    const path = `${dir}/a.backup`;
    const answers = () => ({ "GET /api/v5/backup": new Response("all of it") });
    assert.equal((await run(["backup", path], answers())).code, 0);
    assert.equal(Deno.readTextFileSync(path), "all of it");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    assert.equal((await run(["backup", path], answers())).code, 1);
    let sent = "";
    const restored = await run(["restore", path], {
      "POST /api/v5/restore": async (request) => {
        sent = await request.text();
        return new Response(null, { status: 204 });
      },
    });
    assert.deepEqual([restored.code, sent], [0, "all of it"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("tail prints events and ends after --count", async () => {
  const events = ": hello\n\n" +
    'data: {"topic":"t/a","payload":"1","qos":1}\n\n' +
    'data: {"topic":"t/b","payload_base64":"/w=="}\n\ndata: {"topic":"t/c"}\n\n';
  const { code, output, requests } = await run(["tail", "t/#", "--json", "--count=2"], {
    "GET /api/v5/tail": new Response(events, { headers: { "content-type": "text/event-stream" } }),
  });
  assert.equal(code, 0);
  assert.deepEqual(requests, ["GET /api/v5/tail?filter=t%2F%23"]);
  assert.deepEqual(output.trim().split("\n").map((line) => JSON.parse(line)), [
    { topic: "t/a", payload: "1", qos: 1, retain: false },
    { topic: "t/b", payload_base64: "/w==" },
  ]);
});

Deno.test("eventData() finds the same events however the stream is cut", async () => {
  const bytes = new TextEncoder().encode("data: é\n\n: c\n\nevent: x\ndata: a\ndata: b\r\n\r\n");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const stream = ReadableStream.from([bytes.slice(0, cut), bytes.slice(cut)]);
    assert.deepEqual(await Array.fromAsync(eventData(stream)), ["é", "a\nb"], `cut at ${cut}`);
  }
});

Deno.test("a wrong key is told from a gateway that is not there", async () => {
  const keyFile = await Deno.makeTempFile();
  await Deno.writeTextFile(keyFile, "wrong:key");
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("{}", { status: 401 }),
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  const words = ["clients", "--url", url, "--key-file", keyFile];
  const wrong = fakeIo();
  assert.equal(await main(words, wrong), 1);
  assert.match(wrong.errors, /does not accept the API key/);
  await server.shutdown();
  const gone = fakeIo();
  assert.equal(await main(words, gone), 69);
  assert.match(gone.errors, /Cannot reach the gateway at http:/);
  await Deno.remove(keyFile);
  assert.equal(await main(words, fakeIo()), 1);
});
