/** Rows of permissions: settings, sources, rules of the built-in database. */
import assert from "node:assert/strict";
import type { Group, Refusal, Row } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const conflict: Refusal = { status: 412, code: "CONFLICT", headers: { "if-match": '"old"' } };
const unknown: Refusal = { params: { type: "redis" }, status: 404, code: "NOT_FOUND" };
const RULES = '{allow, {user, "ann"}, publish, ["a/#"]}.\n{deny, all}.\n';
const postgresql = {
  type: "postgresql",
  enable: false,
  server: "127.0.0.1:5432",
  database: "d",
  username: "u",
  password: "s3cret",
  query: "SELECT permission, action, topic FROM acl WHERE username = ${username}",
};
const typesOf = ({ sources }: { sources: readonly { type: string }[] }) =>
  sources.map(({ type }) => type);

/** Settings and sources. */
export const authorization: Group = {
  name: "authorization",
  config: '[authorization.cache]\nmax_size = 7\nexcludes = ["a/#"]\n',
  rows: [
    {
      operation: "get /authorization/settings",
      status: 200,
      then: ({ no_match, sources }) => assert.deepEqual([no_match, sources], ["allow", undefined]),
    },
    {
      operation: "put /authorization/settings",
      json: { deny_action: "disconnect", cache: { ttl: "2m" } },
      status: 200,
      refused: [
        conflict,
        { ...bad, json: { no_match: "maybe" }, message: /no_match.*"allow" or "deny"/ },
        { ...bad, json: { cache: { ttl: -1 } }, message: /ttl/ },
        { ...bad, json: { nomatch: "deny" }, message: /nomatch.*unknown/ },
      ],
      then: ({ deny_action, no_match, cache }) => {
        assert.deepEqual([cache.ttl, cache.max_size, cache.excludes], ["2m", 7, ["a/#"]]);
        assert.deepEqual([deny_action, no_match], ["disconnect", "allow"], "left out: as it was");
      },
    },
    { operation: "delete /authorization/cache", status: 204 },
    {
      operation: "post /authorization/sources",
      json: { type: "file", rules: RULES },
      status: 204,
      refused: [
        conflict,
        { ...bad, json: {}, message: /type is required/ },
        { ...bad, json: { type: "oracle" }, message: /type/ },
        { ...bad, json: { type: "file", rules: "{allow, al}." }, message: /^rules:1:\d+: / },
        { ...bad, json: { type: "file", rules: 7 }, message: /rules: expected text/ },
        { ...bad, json: { type: "file", rules: RULES, path: "/etc/hosts" }, message: /not both/ },
        { ...bad, json: { ...postgresql, password: "******" }, message: /stands for a secret/ },
      ],
      then: async (_, world) => {
        const again = await world.get("authorization/sources", { json: { type: "file" } });
        assert.deepEqual([again[0], again[1].code], [400, "ALREADY_EXISTS"]);
      },
    },
    {
      operation: "post /authorization/sources",
      json: postgresql,
      status: 204,
    },
    {
      operation: "get /authorization/sources",
      status: 200,
      then: ({ sources: [first, second] }) => {
        assert.equal(first.password, "******");
        assert.deepEqual([first.type, second.type, second.rules], ["postgresql", "file", RULES]);
      },
    },
    {
      operation: "get /authorization/sources/{type}",
      params: { type: "file" },
      status: 200,
      refused: [unknown],
      then: ({ rules, enable }) => assert.deepEqual([rules, enable], [RULES, true]),
    },
    {
      operation: "post /authorization/test",
      json: { username: "ann", action: "publish", topic: "a/b" },
      status: 200,
      refused: [
        { ...bad, json: { action: "publish" }, message: /topic is required/ },
        { ...bad, json: { action: "read", topic: "a" }, message: /publish or subscribe/ },
        { ...bad, json: { action: "publish", topic: "a", who: 1 }, message: /who: unknown/ },
      ],
      then: ({ result, rule }) => {
        assert.equal(result, "allow");
        assert.match(rule, /ann/);
      },
    },
    {
      operation: "put /authorization/sources/{type}",
      params: { type: "file" },
      json: { type: "file", rules: "{allow, all}.\n" },
      status: 204,
      refused: [
        conflict,
        unknown,
        { ...bad, json: { type: "redis" }, message: /type: cannot be changed/ },
        { ...bad, json: { type: "file", rules: "allow all" }, message: /^rules:1:/ },
        { ...bad, json: { rules: RULES, path: "/etc/hosts" }, message: /not both/ },
        { ...bad, json: { path: "/nowhere/acl.conf" }, message: /\/nowhere\/acl\.conf/ },
      ],
      then: async (_, world) => {
        const [, source] = await world.get("authorization/sources/file");
        assert.equal(source.rules, "{allow, all}.\n");
        const files = [...Deno.readDirSync(`${world.dir}/data/authz`)];
        assert.equal(files.length, 1, "files that are not used any more are gone");
      },
    },
    {
      operation: "put /authorization/sources/{type}",
      params: { type: "postgresql" },
      json: { ...postgresql, password: "******", database: "e" },
      status: 204,
      then: (_, { gateway: { config } }) => {
        const [source] = config.authorization.sources as unknown as Record<string, string>[];
        assert.deepEqual([source!.password, source!.database], ["s3cret", "e"]);
      },
    },
    {
      operation: "get /authorization/sources/{type}/status",
      params: { type: "file" },
      status: 200,
      refused: [unknown],
      then: ({ status, metrics: { total } }) => {
        assert.equal(status, "connected");
        assert.ok(total > 0);
      },
    },
    {
      operation: "get /authorization/sources/{type}/status",
      params: { type: "postgresql" },
      status: 200,
      then: ({ status }) => assert.equal(status, "disconnected", "it is switched off"),
    },
    {
      operation: "post /authorization/sources/{type}/metrics/reset",
      params: { type: "file" },
      status: 204,
      refused: [unknown],
      then: async (_, world) => {
        const [, { metrics }] = await world.get("authorization/sources/file/status");
        assert.deepEqual(metrics, { total: 0, allow: 0, deny: 0, nomatch: 0, ignore: 0 });
      },
    },
    {
      operation: "put /authorization/sources/order",
      json: [{ type: "file" }, { type: "postgresql" }],
      status: 204,
      refused: [
        conflict,
        { ...bad, json: [{ type: "file" }], message: /missing: postgresql/ },
        { ...bad, json: [{ type: "file" }, { type: "x" }], message: /unknown: x/ },
      ],
      then: async (_, world) => {
        const [, list] = await world.get("authorization/sources");
        assert.deepEqual(typesOf(list), ["file", "postgresql"]);
      },
    },
    ...["rear", "before:postgresql", "after:postgresql"].map((position) => ({
      operation: "post /authorization/sources/{type}/move",
      params: { type: "file" },
      json: { position },
      status: 204,
      refused: [
        conflict,
        unknown,
        { ...bad, json: { position: "up" }, message: /expected front, rear/ },
        { ...bad, json: {}, message: /position is required/ },
      ],
    })),
    {
      operation: "delete /authorization/sources/{type}",
      params: { type: "file" },
      status: 204,
      refused: [conflict, unknown],
      then: async (_, world) => {
        assert.equal((await world.get("authorization/sources/file"))[0], 404);
        assert.deepEqual([...Deno.readDirSync(`${world.dir}/data/authz`)], []);
      },
    },
  ],
};

const BASE = "/authorization/sources/built_in_database/rules";
const rule = { topic: "a/#", permission: "allow", action: "publish", qos: [0, 1], retain: "all" };
const badRules: readonly Refusal[] = [
  { ...bad, json: { rules: [{ ...rule, permission: "x" }] }, message: /rule 1: permission/ },
  { ...bad, json: { rules: [rule, { ...rule, action: "x" }] }, message: /rule 2: action/ },
  { ...bad, json: { rules: [{ ...rule, topic: undefined }] }, message: /topic/ },
  { ...bad, json: { rules: [{ ...rule, username_re: "(" }] }, message: /regular expression/ },
  { ...bad, json: { rules: Array(101).fill(rule) }, message: /max_rules = 100/ },
  { ...bad, json: { rules: {} }, message: /array of rules/ },
];

function ownerRows(kind: "users" | "clients", key: "username" | "clientid"): Row[] {
  const one = { params: { owner: "ann" } };
  const unknown: Refusal = { params: { owner: "eve" }, status: 404, code: "NOT_FOUND" };
  return [
    {
      operation: `post ${BASE}/${kind}`,
      json: [{ [key]: "ann", rules: [rule] }, { [key]: "ben", rules: [] }],
      status: 204,
      refused: [
        { ...bad, json: [{ [key]: "", rules: [] }], message: /empty/ },
        { ...bad, json: [{ rules: [] }], message: /is required/ },
        {
          ...bad,
          json: [{ [key]: "ann", rules: [rule] }, { [key]: "x", rules: [{ ...rule, qos: 9 }] }],
          message: /qos/,
        },
        {
          ...bad,
          json: [{ [key]: "ann", rules: [] }, { [key]: "ann", rules: [] }],
          message: /ann.*twice/,
        },
      ],
      then: async (_, world) => {
        const json = [{ [key]: "eve", rules: [] }, { [key]: "ann", rules: [] }];
        const [status, problem] = await world.get(`${BASE.slice(1)}/${kind}`, { json });
        assert.deepEqual([status, problem.code], [409, "ALREADY_EXISTS"]);
        assert.equal((await world.get(`${BASE.slice(1)}/${kind}/eve`))[0], 404, "all or none");
      },
    },
    {
      operation: `get ${BASE}/${kind}`,
      query: `like_${key}=an`,
      status: 200,
      then: ({ data }) => assert.deepEqual(data, [{ [key]: "ann", rules: [rule] }]),
    },
    {
      operation: `put ${BASE}/${kind}/{owner}`,
      ...one,
      json: { [key]: "ann", rules: [{ ...rule, permission: "deny" }] },
      status: 204,
      refused: [
        ...badRules,
        { ...bad, json: { [key]: "ben", rules: [] }, message: /is not that of the path/ },
      ],
    },
    {
      operation: `get ${BASE}/${kind}/{owner}`,
      ...one,
      status: 200,
      refused: [unknown],
      then: (answer) => {
        assert.deepEqual(answer, { [key]: "ann", rules: [{ ...rule, permission: "deny" }] });
      },
    },
    {
      operation: `delete ${BASE}/${kind}/{owner}`,
      ...one,
      status: 204,
      refused: [unknown],
      then: async (_, world) => {
        assert.equal((await world.get(`${BASE.slice(1)}/${kind}/ann`))[0], 404);
      },
    },
  ];
}

/** Rules of the built-in database. */
export const builtInRules: Group = {
  name: "rules of the built-in database",
  config: '[[authorization.sources]]\ntype = "built_in_database"\n',
  rows: [
    ...ownerRows("users", "username"),
    ...ownerRows("clients", "clientid"),
    {
      operation: `post ${BASE}/all`,
      json: { rules: [rule] },
      status: 204,
      refused: badRules,
    },
    {
      operation: `get ${BASE}/all`,
      status: 200,
      then: ({ rules }) => assert.deepEqual(rules, [rule]),
    },
    { operation: `delete ${BASE}/all`, status: 204 },
    {
      operation: `get ${BASE}/all`,
      status: 200,
      then: ({ rules }) => assert.deepEqual(rules, []),
    },
    {
      operation: `delete ${BASE}`,
      status: 204,
      before: async (world) => {
        const [status, problem] = await world.get(BASE.slice(1), { method: "DELETE" });
        assert.deepEqual([status, problem.code], [400, "BAD_REQUEST"], "while it is enabled");
        const put = { method: "PUT", json: { type: "built_in_database", enable: false } };
        assert.equal((await world.get("authorization/sources/built_in_database", put))[0], 204);
      },
      then: async (_, world) => {
        assert.deepEqual((await world.get(`${BASE.slice(1)}/users`))[1].data, []);
      },
    },
  ],
};
