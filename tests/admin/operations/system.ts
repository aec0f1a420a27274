/** Rows of the configuration, backups, the audit trail and numbers. */
import assert from "node:assert/strict";
import type { Group, Refusal } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const toml = (text: string) => ({
  body: () => text,
  headers: { "content-type": "application/toml" },
});
const large: Refusal = {
  ...toml(`# ${"x".repeat(2_000_000)}`),
  status: 413,
  code: "EXCEED_LIMIT",
  message: /more than 1048576 bytes/,
};
const EDGE = '[gateway.nats]\nserver_name = "edge"\n';
let backup = new Uint8Array();

/** The configuration, backups and the audit trail. */
export const system: Group = {
  name: "configuration and backups",
  rows: [
    {
      operation: "post /configs/validate",
      ...toml("[gateway.nats]\nserver_nam = 1\n"),
      status: 200,
      refused: [large],
      then: ({ valid, issues: [issue] }) => {
        assert.deepEqual([valid, issue.path, issue.line], [false, "gateway.nats.server_nam", 2]);
      },
    },
    {
      operation: "post /configs/validate",
      ...toml(EDGE),
      status: 200,
      then: ({ valid }) => assert.equal(valid, true),
    },
    {
      operation: "post /configs/diff",
      ...toml(EDGE),
      status: 200,
      refused: [large, { ...bad, ...toml("[") }, { ...bad, ...toml("[x]\na = 1\n") }],
      then: ({ changes: [change] }) => {
        assert.deepEqual([change.path, change.new], ["gateway.nats.server_name", "edge"]);
      },
    },
    {
      operation: "put /configs",
      ...toml(EDGE),
      status: 200,
      refused: [
        large,
        { ...bad, ...toml("[") },
        { ...bad, ...toml("[gateway.nats]\nidle_timeout = 'soon'"), message: /idle_timeout/ },
        {
          ...toml(EDGE),
          status: 412,
          code: "CONFLICT",
          headers: { "if-match": '"old"', "content-type": "application/toml" },
        },
      ],
      then: ({ changes }, { gateway: { config } }) => {
        assert.equal(changes.length, 1);
        assert.equal(config.gateway.nats.server_name, "edge");
      },
    },
    {
      operation: "get /configs",
      status: 200,
      then: ({ gateway: { nats } }) => assert.equal(nats.server_name, "edge"),
    },
    {
      operation: "get /configs",
      query: "path=gateway.nats.server_name",
      status: 200,
      refused: [
        { query: "path=gateway.mars", status: 404, code: "NOT_FOUND" },
        { query: "path=__proto__", status: 404, code: "NOT_FOUND" },
        { query: "path=..%2F..", status: 404, code: "NOT_FOUND" },
      ],
      then: (value) => assert.equal(value, "edge"),
    },
    {
      operation: "get /configs/origins",
      status: 200,
      then: (origins) => assert.equal(origins["gateway.nats.server_name"].layer, "overlay"),
    },
    {
      operation: "get /configs/overlay",
      status: 200,
      then: (text) => assert.match(text, /server_name = "edge"/),
    },
    {
      operation: "post /configs/reload",
      status: 200,
      then: ({ changes }) => assert.deepEqual(changes, []),
    },
    {
      operation: "get /backup",
      status: 200,
      viewer: 403,
      before: (world) => world.get("banned", { json: { as: "username", who: "eve" } }),
      then: async (_, world) => {
        backup = new Uint8Array(await (await world.ask("backup")).arrayBuffer());
        assert.match(new TextDecoder().decode(backup.subarray(0, 15)), /^SQLite format 3/);
      },
    },
    {
      operation: "post /restore",
      body: () => backup,
      headers: { "content-type": "application/octet-stream" },
      status: 200,
      refused: [
        { ...bad, body: () => "no backup", message: /backup/ },
        { ...bad, body: () => "" },
      ],
      then: ({ documents, effect }) => {
        assert.ok(documents > 0);
        assert.equal(effect, "at the next start");
      },
    },
    {
      operation: "get /audit",
      query: "limit=2",
      status: 200,
      then: ({ data: [newest], meta }) => {
        assert.equal(newest.what, "POST /api/v5/restore");
        assert.equal(meta.hasnext, true);
      },
    },
    {
      operation: "get /logs",
      status: 200,
      then: (lines) => assert.ok(Array.isArray(lines)),
    },
  ],
};

/** Numbers. */
export const numbers: Group = {
  name: "numbers",
  rows: [
    {
      operation: "get /stats",
      status: 200,
      refused: [{ ...bad, query: "aggregate=1", message: /true or false/ }],
      then: ([{ node, "connections.count": count }]) => {
        assert.deepEqual([node, count], ["natsgate@127.0.0.1", 0]);
      },
    },
    {
      operation: "get /metrics",
      query: "aggregate=true",
      status: 200,
      refused: [{ ...bad, query: "aggregate=1", message: /true or false/ }],
      then: (metrics) => assert.equal(metrics["packets.connect.received"], 0),
    },
    {
      operation: "get /nodes",
      status: 200,
      then: ([{ node_status }]) => assert.equal(node_status, "running"),
    },
    {
      operation: "get /nodes/{node}",
      params: { node: "natsgate@127.0.0.1" },
      status: 200,
      refused: [{ params: { node: "other" }, status: 404, code: "NOT_FOUND" }],
    },
    {
      operation: "get /prometheus/stats",
      status: 200,
      then: async (text, world) => {
        assert.match(text, /^# HELP /m);
        const stranger = await world.get("prometheus/stats", { authorization: null });
        assert.deepEqual([stranger[0], stranger[1].code], [401, "AUTHORIZATION_HEADER_ERROR"]);
        const authorization = world.keyFor({ role: "publisher" });
        assert.equal((await world.get("prometheus/stats", { authorization }))[0], 403);
      },
    },
  ],
};
