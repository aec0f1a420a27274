/** Rows of listeners: of the gateway, and of both protocols. */
import assert from "node:assert/strict";
import type { Group, Refusal, Row } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const gone: Refusal = {
  params: { id: "nats:tcp:gone" },
  status: 404,
  code: "RESOURCE_NOT_FOUND",
  message: /Listener not found/,
};
const conflict: Refusal = { status: 412, code: "CONFLICT", headers: { "if-match": '"old"' } };
const authentication = {
  mechanism: "jwt",
  use_jwks: false,
  algorithm: "hmac-based",
  secret: "s3cret-s3cret",
};

/** The rows are the same for both; `more` differs. */
function rowsOf(base: string, id: string, authn: unknown, more: readonly Refusal[]): Row[] {
  const [, type, name] = id.split(":");
  const settings = { bind: "127.0.0.1:0", max_connections: 5, authentication: authn };
  const running = (is: boolean): NonNullable<Row["then"]> => async (_, world) => {
    const [, { running }] = await world.get(`${base.slice(1).replace("{gw}", "nats")}/${id}`);
    assert.equal(running, is);
  };
  return [
    {
      operation: `get ${base}`,
      status: 200,
      refused: more,
      then: (list) => {
        const one = list.find(({ id }: { id: string }) => id.endsWith("tcp:default"));
        const { status, node_status: [node], port } = one;
        assert.deepEqual(status, {
          running: true,
          max_connections: 1_024_000,
          current_connections: 0,
        });
        assert.deepEqual(node.status, status);
        assert.ok(port > 0);
      },
    },
    {
      operation: `post ${base}`,
      json: { type, name, ...settings },
      status: 201,
      refused: [
        ...more,
        conflict,
        { ...bad, json: { name, bind: 1 }, message: /type: expected one of tcp, ssl, ws, wss/ },
        { ...bad, json: { type, bind: 1 }, message: /name: a letter/ },
        { ...bad, json: { type, name }, message: /bind is required/ },
        { ...bad, json: { type, name, bind: 70_000 }, message: /bind.*expected where to listen/ },
        { ...bad, json: { type, name: "../x", ...settings }, message: /name: a letter/ },
        { ...bad, json: { type, name: "a\r\nb", ...settings }, message: /name: a letter/ },
        { ...bad, json: { type, name: "__proto__", ...settings }, message: /name: a letter/ },
        { ...bad, json: { type, name, ...settings, bnd: 1 }, message: /bnd.*unknown/ },
        {
          ...bad,
          json: { type: "ssl", name, bind: "127.0.0.1:0", ssl_options: { certfile: "/nowhere" } },
          message: /certfile|keyfile/,
        },
        { ...bad, json: { type, name: "default", bind: 1 }, message: /there is a listener/ },
      ],
      then: (made) => {
        assert.deepEqual([made.id, made.running, made.bind], [id, true, "127.0.0.1:0"]);
        assert.doesNotMatch(JSON.stringify(made), /s3cret/);
      },
    },
    {
      operation: `get ${base}/{id}`,
      params: { id },
      status: 200,
      refused: [gone, ...more],
      then: ({ max_connections }) => assert.equal(max_connections, 5),
    },
    {
      operation: `put ${base}/{id}`,
      params: { id },
      json: { bind: "127.0.0.1:0", mountpoint: "x/", name: "ignored" },
      status: 200,
      refused: [
        conflict,
        ...more,
        { ...bad, params: { id: "nats:tcp:gone" }, message: /Listener not found/ },
        { ...bad, json: {}, message: /bind/ },
        { ...bad, json: { bind: "127.0.0.1:0", access_rules: ["x"] }, message: /access_rules/ },
      ],
      then: (changed, { gateway: { config } }) => {
        assert.equal(changed.max_connections, 1_024_000, "left out: the default again");
        const [protocol] = id.split(":");
        const all = protocol === "nats" ? config.gateway.nats.listeners : config.listeners;
        const { authentication } = all[type as "tcp"][name!]!;
        assert.match(JSON.stringify(authentication), /s3cret-s3cret/, "nobody is let in by it");
      },
    },
    {
      operation: `post ${base}/{id}/stop`,
      params: { id },
      status: 204,
      refused: [gone, conflict, ...more],
      then: running(false),
    },
    {
      operation: `post ${base}/{id}/start`,
      params: { id },
      status: 204,
      refused: [gone, conflict, ...more],
      then: running(true),
    },
    {
      operation: `post ${base}/{id}/restart`,
      params: { id },
      status: 204,
      refused: [gone, conflict, ...more],
      then: running(true),
    },
    {
      operation: `delete ${base}/{id}`,
      params: { id },
      status: 204,
      refused: [gone, conflict, ...more],
      then: (_, { gateway }) => assert.equal(gateway.listeners.get(id), undefined),
    },
  ];
}

const unknownGateway: Refusal = {
  params: { gw: "coap" },
  status: 400,
  code: "BAD_REQUEST",
  message: /unknown gateway/,
};

/** See the file. */
export const listeners: readonly Group[] = [
  {
    name: "listeners of the gateway",
    rows: rowsOf("/gateways/{gw}/listeners", "nats:tcp:extra", authentication, [unknownGateway]),
  },
  { name: "listeners", rows: rowsOf("/listeners", "mqtt:tcp:extra", [authentication], []) },
];
