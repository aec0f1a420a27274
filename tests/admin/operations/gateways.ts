/** Rows of `/gateways` and `/gateways/{gw}`. */
import assert from "node:assert/strict";
import type { Group, Refusal } from "./row.ts";

const unknown: Refusal = {
  params: { gw: "coap" },
  status: 400,
  code: "BAD_REQUEST",
  message: /unknown gateway "coap"/,
};
const bad = { status: 400, code: "BAD_REQUEST" } as const;
const listeners = [{ type: "tcp", name: "default", bind: "127.0.0.1:0" }];

/** See the file. */
export const gateways: Group = {
  name: "gateways",
  rows: [
    {
      operation: "get /gateways",
      status: 200,
      refused: [{ ...bad, query: "status=RUNNING", message: /running, stopped, unloaded/ }],
      then: ([{ name, status, listeners, max_connections }]) => {
        assert.deepEqual([name, status, max_connections], ["nats", "running", 1_024_000]);
        assert.deepEqual(listeners.map(({ id }: { id: string }) => id).sort(), [
          "nats:tcp:default",
          "nats:ws:default",
        ]);
      },
    },
    {
      operation: "get /gateways",
      query: "status=unloaded",
      status: 200,
      then: (list) => assert.deepEqual(list, []),
    },
    {
      operation: "put /gateways/{gw}",
      status: 204,
      json: {
        name: "nats",
        mountpoint: "m/",
        server_name: "edge",
        internal_authn: [{ type: "token", token: "s3cret" }],
      },
      refused: [
        unknown,
        { ...bad, json: { mountpont: "x" }, message: /mountpont.*unknown/ },
        { ...bad, json: { mountpoint: 7 }, message: /gateway\.nats\.mountpoint.*text/ },
        { ...bad, json: { idle_timeout: "soon" }, message: /idle_timeout.*duration/ },
        { ...bad, json: { topic_mapping: "x" }, message: /topic_mapping.*"lossless"/ },
        {
          ...bad,
          json: undefined,
          body: () => '{"max_pending":1e400}',
          headers: { "content-type": "application/json" },
          message: /max_pending: this number is too large/,
        },
        { ...bad, json: { protocol: { max_payload_size: 1e300 } }, message: /max_payload_size/ },
        { ...bad, json: { listeners: {} }, message: /expected an array/ },
        { ...bad, json: { listeners: [{ type: "tcp", bind: 1 }] }, message: /\[0\]\.name/ },
        { ...bad, json: { listeners: [{ type: "x", name: "a" }] }, message: /\[0\]\.type/ },
        { ...bad, json: { listeners: [{ type: "tcp", name: "../a", bind: 1 }] } },
        { ...bad, json: { listeners: [{ type: "tcp", name: "__proto__", bind: 1 }] } },
        { ...bad, json: { authentication: { mechanism: "x" } }, message: /authentication/ },
        {
          ...bad,
          json: { internal_authn: [{ type: "token", token: "******" }] },
          message: /stands for a secret that is there already/,
        },
        { ...bad, json: [{ name: "nats" }], message: /expected an object/ },
        {
          status: 412,
          code: "CONFLICT",
          headers: { "if-match": '"old"' },
          message: /load it again/,
        },
      ],
    },
    {
      operation: "get /gateways/{gw}",
      status: 200,
      refused: [unknown],
      then: ({ mountpoint, server_name, internal_authn, idle_timeout }) => {
        assert.deepEqual([mountpoint, server_name, idle_timeout], ["m/", "edge", "30s"]);
        assert.deepEqual(internal_authn, [{ type: "token", token: "******" }]);
      },
    },
    {
      operation: "put /gateways/{gw}",
      status: 204,
      json: { internal_authn: [{ type: "token", token: "******" }], mountpoint: "" },
      then: (_, { gateway: { config: { gateway: { nats } } } }) => {
        assert.deepEqual(nats.internal_authn, [{ type: "token", token: "s3cret" }]);
        assert.equal(nats.server_name, "edge", "left out: as it was");
        assert.ok(nats.listeners.tcp.default, "left out: as they were");
      },
    },
    {
      operation: "put /gateways/{gw}/enable/{on}",
      params: { on: "false" },
      status: 204,
      refused: [unknown, { ...bad, params: { on: "maybe" }, message: /true or false/ }],
      then: (_, { gateway }) => {
        assert.equal(gateway.listeners.get("nats:tcp:default"), undefined);
      },
    },
    {
      operation: "get /gateways",
      query: "status=stopped",
      status: 200,
      then: ([{ status, stopped_at }]) => {
        assert.equal(status, "stopped");
        assert.ok(stopped_at);
      },
    },
    {
      operation: "put /gateways/{gw}/enable/{on}",
      params: { on: "true" },
      status: 204,
      then: (_, { gateway }) => assert.ok(gateway.listeners.get("nats:tcp:default")?.isRunning),
    },
    {
      operation: "get /gateways/{gw}/metrics",
      status: 200,
      refused: [unknown],
      then: (metrics) => assert.equal(metrics["client.connected"], 0),
    },
    {
      operation: "delete /gateways/{gw}",
      status: 204,
      refused: [unknown],
      then: async (_, world) => {
        const [, one] = await world.get("gateways/nats");
        assert.deepEqual(one, { name: "nats", status: "unloaded" });
        const start = await world.get("gateways/nats/enable/true", { method: "PUT" });
        assert.deepEqual([start[0], start[1].code], [404, "RESOURCE_NOT_FOUND"]);
        assert.deepEqual(await world.get("gateways/nats/listeners"), [200, []]);
      },
    },
    {
      operation: "post /gateways",
      json: { name: "nats", listeners },
      status: 201,
      refused: [
        { ...bad, json: { listeners }, message: /name is required/ },
        { ...bad, json: { name: "coap" }, message: /unknown gateway/ },
      ],
      then: ({ status, listeners: [{ id, running }] }) => {
        assert.deepEqual([status, id, running], ["running", "nats:tcp:default", true]);
      },
    },
  ],
};
