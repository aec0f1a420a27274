/** Rows of who may not come in. */
import assert from "node:assert/strict";
import { RawNats } from "../../kit/raw_nats.ts";
import type { Group } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const ban = { as: "username", who: "eve", reason: "spam", until: "2999-01-01T00:00:00Z" };
const whoOf = ({ data }: { data: readonly { who: string }[] }) => data.map(({ who }) => who);

/** See the file. */
export const bans: Group = {
  name: "bans",
  rows: [
    {
      operation: "post /banned",
      json: ban,
      status: 200,
      refused: [
        { ...bad, json: { who: "x" }, message: /as is required/ },
        { ...bad, json: { as: "username" }, message: /who is required/ },
        { ...bad, json: { as: "name", who: "x" }, message: /expected one of clientid/ },
        { ...bad, json: { as: "username", who: "" }, message: /who.*empty/ },
        { ...bad, json: { ...ban, until: "2001-01-01T00:00:00Z" }, message: /already passed/ },
        { ...bad, json: { ...ban, until: "soon" }, message: /until: expected RFC 3339/ },
        { ...bad, json: { ...ban, until: 1e300 }, message: /until/ },
        { ...bad, json: { as: "clientid_re", who: "(" }, message: /not valid for clientid_re/ },
        { ...bad, json: { as: "peerhost_net", who: "10/8" }, message: /not valid for/ },
        { ...bad, json: { as: "peerhost", who: "nowhere" }, message: /not valid for/ },
        { ...bad, json: { ...ban, why: 1 }, message: /why: unknown/ },
      ],
      then: async (entry, world) => {
        assert.deepEqual([entry.who, entry.by, entry.reason], ["eve", "mgmt_api", "spam"]);
        const again = await world.get("banned", { json: ban });
        assert.deepEqual([again[0], again[1].code], [400, "ALREADY_EXISTS"]);
        const { port } = world.gateway.listeners.get("nats:tcp:default")!;
        using eve = await RawNats.connect(port);
        await eve.send('CONNECT {"verbose":false,"user":"eve","pass":"x"}\r\n');
        assert.match(await eve.line() ?? "", /-ERR/);
      },
    },
    {
      operation: "post /banned",
      json: { as: "peerhost_net", who: "10.0.0.0/8" },
      status: 200,
      then: ({ until }) => assert.equal(until, "infinity"),
    },
    {
      operation: "get /banned",
      query: "like_peerhost_net=^10",
      status: 200,
      refused: [
        { ...bad, query: "clientid=a&username=b", message: /one filter at most/ },
        { ...bad, query: "like_username=(", message: /regular expression/ },
      ],
      then: (page) => assert.deepEqual(whoOf(page), ["10.0.0.0/8"]),
    },
    {
      operation: "get /banned",
      query: "username=eve&limit=1",
      status: 200,
      then: (page) => {
        assert.deepEqual(whoOf(page), ["eve"]);
        assert.deepEqual(page.meta, { page: 1, limit: 1, count: 1, hasnext: false });
      },
    },
    {
      operation: "delete /banned/{as}/{who}",
      params: { as: "username", who: "eve" },
      status: 204,
      refused: [
        { params: { who: "ann" }, status: 404, code: "NOT_FOUND" },
        { params: { as: "name" }, status: 404, code: "NOT_FOUND" },
      ],
    },
    {
      operation: "delete /banned",
      status: 204,
      then: async (_, world) => assert.deepEqual(whoOf((await world.get("banned"))[1]), []),
    },
  ],
};
