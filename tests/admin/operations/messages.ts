/** Rows of publishing, retained messages and names. */
import assert from "node:assert/strict";
import { MqttClient } from "../../kit/clients.ts";
import type { AdminWorld } from "../kit.ts";
import type { Group, Refusal } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const wildcards: Refusal = { ...bad, json: { topic: "a/+", payload: "" }, message: /topic/ };
const message = { topic: "t/a", payload: "aGk=", payload_encoding: "base64", qos: 1 };
const idOf = ({ id }: { id: string }) => assert.match(id, /^[0-9A-F]{32}$/);

/** Publishing, with one subscriber of `t/#`. */
export const publishing: Group = {
  name: "publishing",
  async start({ gateway }, things) {
    const { port } = gateway.listeners.get("mqtt:tcp:default")!;
    const reader = await MqttClient.open(port, 5);
    things.use(reader);
    await reader.subscribe("t/#", { qos: 1 });
  },
  rows: [
    {
      operation: "post /publish",
      json: {
        ...message,
        properties: {
          payload_format_indicator: 1,
          message_expiry_interval: 60,
          response_topic: "r",
          correlation_data: "c",
          user_properties: { k: "v" },
          content_type: "text/plain",
        },
      },
      status: 200,
      refused: [
        wildcards,
        { ...bad, json: { payload: "" }, message: /topic is required/ },
        { ...bad, json: { topic: "a" }, message: /payload is required/ },
        { ...bad, json: { topic: "", payload: "" }, message: /topic.*empty/ },
        { ...bad, json: { topic: "a\0", payload: "" }, message: /topic/ },
        { ...bad, json: { ...message, payload: "*" }, message: /not valid base64/ },
        { ...bad, json: { ...message, payload_encoding: "hex" }, message: /plain or base64/ },
        { ...bad, json: { ...message, qos: 3 }, message: /qos/ },
        { ...bad, json: { ...message, retain: 1 }, message: /retain/ },
        { ...bad, json: { ...message, properties: { expiry: 1 } }, message: /expiry: unknown/ },
        { ...bad, json: { ...message, properties: { response_topic: "a/#" } }, message: /respo/ },
        {
          ...bad,
          json: { ...message, properties: { message_expiry_interval: 1e300 } },
          message: /message_expiry_interval/,
        },
      ],
      then: idOf,
    },
    { operation: "post /publish", json: { topic: "nobody", payload: "" }, status: 202 },
    {
      operation: "post /publish/bulk",
      json: [message, { topic: "t/b", payload: "x", encoding: "plain" }],
      status: 200,
      refused: [
        { ...bad, json: [], message: /is empty/ },
        { ...bad, json: [message, { topic: "a/#", payload: "" }], message: /\[1\].*topic/ },
        { ...bad, json: [{ ...message, payload: "*" }], message: /\[0\].*base64/ },
        { ...bad, json: Array(1001).fill(message) },
      ],
      then: (list) => list.forEach(idOf),
    },
    {
      operation: "post /publish/bulk",
      json: [message, { topic: "nobody", payload: "" }],
      status: 202,
      then: ([first, second]) => {
        idOf(first);
        assert.equal(second.reason_code, 16);
      },
    },
    {
      operation: "get /translate",
      query: "subject=a.*.%3E",
      status: 200,
      refused: [
        { ...bad, query: "", message: /either subject or topic/ },
        { ...bad, query: "subject=a&topic=b", message: /either subject or topic/ },
        { ...bad, query: "subject=a..b", message: /subject/ },
      ],
      then: (names) => {
        assert.deepEqual(names, { topic: "a/+/#", subject: "a.*.>", wildcard: true });
      },
    },
  ],
};

const unknown: Refusal = { params: { topic: "r/none" }, status: 404, code: "NOT_FOUND" };
const keep = async (world: AdminWorld) => {
  for (const topic of ["r/1", "r/2", "s/1"]) {
    const json = { topic, payload: `of ${topic}`, retain: true, qos: 1 };
    assert.equal((await world.get("publish", { json }))[0], 202);
  }
};
const topics = ({ data }: { data: readonly { topic: string }[] }) =>
  data.map(({ topic }) => topic).sort();

/** Retained messages. */
export const retained: Group = {
  name: "retained messages",
  rows: [
    {
      operation: "get /mqtt/retainer",
      status: 200,
      then: ({ enable, delivery_rate }) =>
        assert.deepEqual([enable, delivery_rate], [true, "1000/s"]),
    },
    {
      operation: "put /mqtt/retainer",
      json: { max_payload_size: "2MB" },
      status: 200,
      refused: [
        { ...bad, json: { max_payload_size: "many" }, message: /retainer\.max_payload_size/ },
        { ...bad, json: { enabled: true }, message: /retainer\.enabled.*unknown/ },
        { ...bad, json: { backend: { type: "x" } }, message: /retainer\.backend\.type/ },
        { status: 412, code: "CONFLICT", headers: { "if-match": '"old"' } },
      ],
      then: ({ max_payload_size, enable }) => {
        assert.deepEqual([max_payload_size, enable], ["2MB", true]);
      },
    },
    {
      operation: "get /mqtt/retainer/messages",
      query: "topic=r/%2B",
      before: keep,
      status: 200,
      refused: [{ ...bad, query: "topic=a%23", message: /not a valid filter/ }],
      then: (page) => {
        assert.deepEqual(topics(page), ["r/1", "r/2"]);
        assert.equal(page.meta.count, 2);
      },
    },
    {
      operation: "get /mqtt/retainer/messages",
      query: "limit=2",
      status: 200,
      then: ({ data, meta }) => {
        assert.equal(data.length, 2);
        assert.deepEqual(meta, { page: 1, limit: 2, count: 3, hasnext: true });
      },
    },
    {
      operation: "get /mqtt/retainer/message/{topic}",
      params: { topic: "r/1" },
      status: 200,
      refused: [unknown],
      then: ({ payload, qos }) => assert.deepEqual([atob(payload), qos], ["of r/1", 1]),
    },
    {
      operation: "delete /mqtt/retainer/message/{topic}",
      params: { topic: "r/1" },
      status: 204,
      refused: [unknown],
      then: async (_, world) => {
        assert.equal((await world.get("mqtt/retainer/message/r%2F1"))[0], 404);
      },
    },
    {
      operation: "delete /mqtt/retainer/messages",
      query: "topic=r/%23",
      status: 204,
      refused: [{ ...bad, query: "topic=a%23", message: /not a valid filter/ }],
      then: async (_, world) => {
        assert.deepEqual(topics((await world.get("mqtt/retainer/messages"))[1]), ["s/1"]);
      },
    },
    {
      operation: "delete /mqtt/retainer/messages",
      status: 204,
      then: async (_, world) => {
        assert.deepEqual(topics((await world.get("mqtt/retainer/messages"))[1]), []);
      },
    },
  ],
};
