/** Rows of clients of both protocols and what they have subscribed to. */
import assert from "node:assert/strict";
import { MqttClient } from "../../kit/clients.ts";
import { RawNats } from "../../kit/raw_nats.ts";
import { until } from "../../kit/wait.ts";
import type { Group, Refusal, Row } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const down: Refusal = { query: "node=other@host", status: 500, code: "NODE_DOWN" };
/** Filters that every client list takes, each with a value that is none. */
const badFilters: readonly Refusal[] = [
  down,
  { ...bad, query: "conn_state=gone", message: /conn_state: expected connected, idle or/ },
  { ...bad, query: "clean_start=1", message: /clean_start: expected true or false/ },
  { ...bad, query: "gte_connected_at=soon", message: /gte_connected_at: expected a time/ },
];
const ids = ({ data }: { data: readonly { clientid: string }[] }) =>
  data.map(({ clientid }) => clientid).sort();

/** One row for each filter: which of the clients it leaves. */
function filterRows(operation: string, cases: readonly (readonly [string, string[]])[]): Row[] {
  return cases.map(([query, expected]) => ({
    operation,
    query,
    status: 200,
    then: (page) => assert.deepEqual(ids(page), expected, query),
  }));
}

const unknownNats: Refusal = {
  params: { clientid: "nobody" },
  status: 404,
  code: "RESOURCE_NOT_FOUND",
  message: /Client not found/,
};
const unknownGateway: Refusal = { ...bad, params: { gw: "coap" }, message: /unknown gateway/ };
const BASE = "/gateways/{gw}/clients";
const ann = { params: { clientid: "ann" } };

/** Clients of the gateway: `ann`, `ben` with a user name, and one who never said anything. */
export const natsClients: Group = {
  name: "clients of the gateway",
  config: '[gateway.nats.clientinfo_override]\nclientid = "${Packet.name}"\n',
  async start({ gateway }, things) {
    const { port } = gateway.listeners.get("nats:tcp:default")!;
    things.use(await RawNats.open(port, { name: "ann" }));
    things.use(await RawNats.open(port, { name: "ben", user: "u1", pass: "p" }));
  },
  rows: [
    {
      operation: `get ${BASE}`,
      status: 200,
      refused: [...badFilters, unknownGateway],
      then: (page) => {
        assert.deepEqual(ids(page), ["ann", "ben"]);
        assert.deepEqual(page.meta, { page: 1, limit: 100, count: 2, hasnext: false });
        const [{ proto_name, proto_ver, keepalive, created_at, connected }] = page.data;
        assert.deepEqual([proto_name, proto_ver, keepalive, connected], ["NATS", "1", 60, true]);
        assert.ok(created_at);
      },
    },
    ...filterRows(`get ${BASE}`, [
      ["clientid=ann", ["ann"]],
      ["clientid=ann&clientid=ben", ["ann", "ben"]],
      ["username=u1", ["ben"]],
      ["like_clientid=n", ["ann", "ben"]],
      ["like_clientid=b", ["ben"]],
      ["like_username=u", ["ben"]],
      ["ip_address=127.0.0.1", ["ann", "ben"]],
      ["ip_address=10.0.0.1", []],
      ["conn_state=connected", ["ann", "ben"]],
      ["conn_state=idle", []],
      ["conn_state=disconnected", []],
      ["proto_ver=1", ["ann", "ben"]],
      ["proto_ver=2", []],
      ["clean_start=true", ["ann", "ben"]],
      ["clean_start=false", []],
      ["gte_connected_at=2020-01-01T00:00:00Z", ["ann", "ben"]],
      ["lte_connected_at=2020-01-01T00:00:00Z", []],
      ["gte_created_at=1577836800000", ["ann", "ben"]],
      ["lte_created_at=1577836800000", []],
    ]),
    {
      operation: `get ${BASE}`,
      query: "limit=1&page=2",
      status: 200,
      then: ({ data, meta }) => {
        assert.equal(data.length, 1);
        assert.deepEqual(meta, { page: 2, limit: 1, count: 2, hasnext: false });
      },
    },
    {
      operation: `get ${BASE}`,
      query: "limit=1&like_clientid=n",
      status: 200,
      then: ({ meta }) => assert.deepEqual(meta, { page: 1, limit: 1, hasnext: true }),
    },
    {
      operation: `get ${BASE}/{clientid}`,
      ...ann,
      status: 200,
      refused: [unknownNats, unknownGateway],
      then: ({ clientid, anonymous }) => assert.deepEqual([clientid, anonymous], ["ann", true]),
    },
    {
      operation: `post ${BASE}/{clientid}/subscriptions`,
      ...ann,
      json: { topic: "a/+", sub_props: { sid: "7" } },
      status: 201,
      refused: [
        unknownNats,
        unknownGateway,
        { ...bad, json: {}, message: /topic is required/ },
        { ...bad, json: { topic: "" }, message: /topic.*empty/ },
        { ...bad, json: { topic: "a/#/b" } },
        { ...bad, json: { topic: "a", qos: 3 }, message: /qos: expected 0, 1 or 2/ },
        { ...bad, json: { topic: "a", sub_props: { sid: "a b" } } },
        { ...bad, json: { topic: "a", sub_props: { sid: "9\r\nMSG x" } } },
        { ...bad, json: { topic: "a", sidd: 1 }, message: /sidd: unknown/ },
      ],
      then: ({ topic, sub_props }) => {
        assert.deepEqual([topic, sub_props], ["a/+", { sid: "7", subject: "a.*" }]);
      },
    },
    {
      operation: `post ${BASE}/{clientid}/subscriptions`,
      ...ann,
      json: { topic: "$share/g/b" },
      status: 201,
      refused: [{ ...bad, json: { topic: "c", sub_props: { sid: "7" } }, message: /sid/ }],
      then: ({ topic, sub_props: { sid } }) => {
        assert.equal(topic, "$share/g/b");
        assert.ok(sid, "one was made");
      },
    },
    {
      operation: `get ${BASE}/{clientid}/subscriptions`,
      ...ann,
      status: 200,
      refused: [unknownNats, unknownGateway],
      then: (list) => {
        const topics = list.map(({ topic }: { topic: string }) => topic);
        assert.deepEqual(topics, ["a/+", "$share/g/b"]);
      },
    },
    {
      operation: `delete ${BASE}/{clientid}/subscriptions/{topic}`,
      params: { clientid: "ann", topic: "a/+" },
      status: 204,
      refused: [
        unknownNats,
        unknownGateway,
        { params: { topic: "x" }, status: 404, code: "RESOURCE_NOT_FOUND", message: /Subscr/ },
      ],
    },
    {
      operation: `delete ${BASE}/{clientid}`,
      ...ann,
      status: 204,
      refused: [unknownNats, unknownGateway],
      then: async (_, world) =>
        assert.equal((await world.get("gateways/nats/clients/ann"))[0], 404),
    },
  ],
};

const unknownMqtt: Refusal = {
  params: { clientid: "nobody" },
  status: 404,
  code: "CLIENTID_NOT_FOUND",
};
const cat = { params: { clientid: "cat" } };

/** MQTT clients: `cat` (5.0), `dog` (3.1.1, with a user name), and `eel`, who is away. */
export const mqttClients: Group = {
  name: "clients",
  async start({ gateway }, things) {
    const { port } = gateway.listeners.get("mqtt:tcp:default")!;
    things.use(await MqttClient.open(port, 5, { clientId: "cat" }));
    things.use(await MqttClient.open(port, 4, { clientId: "dog", username: "u1", clean: false }));
    const eel = await MqttClient.open(port, 4, { clientId: "eel", clean: false });
    await eel.client.endAsync();
    await until(
      () => gateway.mqtt.sessions.get("eel")?.connection === undefined,
      "the session to wait for its client",
    );
  },
  rows: [
    {
      operation: "get /clients",
      status: 200,
      refused: badFilters,
      then: (page) => {
        assert.deepEqual(ids(page), ["cat", "dog", "eel"]);
        assert.equal(page.meta.count, 3);
      },
    },
    ...filterRows("get /clients", [
      ["clientid=cat&clientid=dog", ["cat", "dog"]],
      ["username=u1", ["dog"]],
      ["like_clientid=o", ["dog"]],
      ["conn_state=connected", ["cat", "dog"]],
      ["conn_state=disconnected", ["eel"]],
      ["proto_ver=5", ["cat"]],
      ["proto_ver=4", ["dog", "eel"]],
      ["clean_start=true", ["cat"]],
      ["ip_address=10.0.0.1", []],
    ]),
    {
      operation: "get /clients",
      query: "fields=clientid,connected&clientid=cat",
      status: 200,
      then: ({ data }) => assert.deepEqual(data, [{ clientid: "cat", connected: true }]),
    },
    {
      operation: "get /clients/{clientid}",
      ...cat,
      status: 200,
      refused: [unknownMqtt],
      then: ({ proto_name, proto_ver }) => {
        assert.deepEqual([proto_name, proto_ver], ["MQTT", "5"]);
      },
    },
    {
      operation: "post /clients/{clientid}/subscribe",
      ...cat,
      json: { topic: "t/1", qos: 1, nl: 1, rh: 0 },
      status: 200,
      refused: [
        unknownMqtt,
        { ...bad, params: { clientid: "eel" }, message: /not connected/ },
        { ...bad, json: { topic: "a#" } },
        { ...bad, json: { topic: "a", qos: "1" }, message: /qos/ },
        { ...bad, json: { topic: "a", rh: 3 }, message: /rh/ },
      ],
      then: ({ topic, qos, nl, rh }) => assert.deepEqual([topic, qos, nl, rh], ["t/1", 1, 1, 0]),
    },
    {
      operation: "post /clients/{clientid}/subscribe/bulk",
      ...cat,
      json: [{ topic: "t/2" }, { topic: "$share/g/t/3", qos: 2 }],
      status: 200,
      refused: [unknownMqtt, { ...bad, json: [{ topic: "a" }, {}], message: /1\.topic|\[1\]/ }],
      then: (list) => {
        const topics = list.map(({ topic }: { topic: string }) => topic);
        assert.deepEqual(topics, ["t/2", "$share/g/t/3"]);
      },
    },
    {
      operation: "get /clients/{clientid}/subscriptions",
      ...cat,
      status: 200,
      refused: [unknownMqtt],
      then: (list) => assert.equal(list.length, 3),
    },
    {
      operation: "get /subscriptions",
      query: "clientid=cat&qos=2&share_group=g",
      status: 200,
      refused: [
        { ...bad, query: "qos=3", message: /qos: expected 0, 1 or 2/ },
        {
          query: "match_topic=%2B",
          status: 400,
          code: "INVALID_PARAMETER",
          message: /match_topic_invalid/,
        },
        { ...bad, query: "durable=x", message: /durable/ },
        down,
      ],
      then: ({ data, meta }) => {
        assert.deepEqual(data.map(({ topic }: { topic: string }) => topic), ["$share/g/t/3"]);
        assert.equal(meta.count, 1);
      },
    },
    {
      operation: "get /subscriptions",
      query: "match_topic=t/3",
      status: 200,
      then: ({ data, meta }) => {
        assert.equal(data.length, 1);
        assert.equal(meta.count, undefined, "not known of a fuzzy filter");
      },
    },
    {
      operation: "get /subscriptions",
      query: "topic=t/1&durable=false",
      status: 200,
      then: ({ data }) => assert.equal(data.length, 1),
    },
    {
      operation: "get /topics",
      query: "limit=2",
      status: 200,
      refused: [down],
      then: ({ data, meta }) => {
        assert.deepEqual(data.map(({ topic }: { topic: string }) => topic), [
          "$share/g/t/3",
          "t/1",
        ]);
        assert.deepEqual(meta, { page: 1, limit: 2, count: 3, hasnext: true });
      },
    },
    {
      operation: "get /topics/{topic}",
      params: { topic: "t/1" },
      status: 200,
      refused: [{ params: { topic: "t/9" }, status: 404, code: "TOPIC_NOT_FOUND" }],
      then: ([{ topic }]) => assert.equal(topic, "t/1"),
    },
    {
      operation: "post /clients/{clientid}/unsubscribe",
      ...cat,
      json: { topic: "t/1" },
      status: 204,
      refused: [unknownMqtt, { ...bad, json: {}, message: /topic is required/ }],
    },
    {
      operation: "post /clients/{clientid}/unsubscribe/bulk",
      ...cat,
      json: [{ topic: "t/2" }, { topic: "$share/g/t/3" }],
      status: 204,
      refused: [unknownMqtt, { ...bad, json: ["t/2"], message: /0|\[0\]/ }],
      then: async (_, world) => {
        assert.deepEqual((await world.get("clients/cat/subscriptions"))[1], []);
      },
    },
    {
      operation: "post /clients/kickout/bulk",
      json: ["eel", "nobody"],
      status: 204,
      refused: [{ ...bad, json: ["a", 1], message: /1|\[1\]/ }, { ...bad, json: [""] }],
      then: async (_, world) => assert.equal((await world.get("clients/eel"))[0], 404),
    },
    {
      operation: "delete /clients/{clientid}",
      params: { clientid: "dog" },
      status: 204,
      refused: [unknownMqtt],
      then: async (_, world) => assert.equal((await world.get("clients/dog"))[0], 404),
    },
  ],
};
