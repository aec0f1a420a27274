/** Rows of the authenticator of the gateway and of one of its listeners, and of their users. */
import assert from "node:assert/strict";
import type { Group, Refusal, Row } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const conflict: Refusal = { status: 412, code: "CONFLICT", headers: { "if-match": '"old"' } };
/** The settings of a built-in database. */
export const BUILT_IN = {
  mechanism: "password_based",
  backend: "built_in_database",
  password_hash_algorithm: { name: "sha256", salt_position: "suffix" },
  user_id_type: "username",
};

/** A form with a file of users. */
function usersFile(text: string, name = "users.csv"): () => FormData {
  return () => {
    const form = new FormData();
    form.append("filename", new File([text], name));
    return form;
  };
}

/** Rows of the users below a base, while its built-in database is there. */
export function userRows(base: string, more: readonly Refusal[], params = {}): Row[] {
  const no: Refusal = { params: { user_id: "eve" }, status: 404, code: "NOT_FOUND" };
  const form = (text: string, name?: string) => ({ body: usersFile(text, name) });
  const path = { params: { ...params, user_id: "alice" } };
  const csv = "user_id,password\nalice,w\nbob,builder\nbob,builder\n";
  return [
    {
      operation: `post ${base}/users`,
      params,
      json: { user_id: "alice", password: "wonderland" },
      status: 201,
      refused: [
        ...more,
        { ...bad, json: { user_id: "", password: "x" }, message: /user_id.*empty/ },
        { ...bad, json: { user_id: "bob" }, message: /password is required/ },
        { ...bad, json: { user_id: 7, password: "x" }, message: /user_id: expected text/ },
        { ...bad, json: { user_id: "a", password: "x", admin: true }, message: /admin: unknown/ },
      ],
      then: async (user, world) => {
        assert.deepEqual(user, { user_id: "alice", is_superuser: false });
        const at = base.slice(1).replace("{gw}", "nats").replace(
          /\{id\}/,
          () => (params as { id?: string }).id ?? "",
        );
        const json = { user_id: "alice", password: "again" };
        const [status, problem] = await world.get(`${at}/users`, { json });
        assert.deepEqual([status, problem.code], [409, "ALREADY_EXISTS"]);
      },
    },
    {
      operation: `get ${base}/users`,
      params,
      query: "like_user_id=lic&is_superuser=false",
      status: 200,
      refused: [...more, { ...bad, query: "is_superuser=maybe", message: /true or false/ }],
      then: ({ data, meta }) => {
        assert.deepEqual(data, [{ user_id: "alice", is_superuser: false }]);
        assert.deepEqual(meta, { page: 1, limit: 100, hasnext: false });
      },
    },
    {
      operation: `get ${base}/users/{user_id}`,
      ...path,
      status: 200,
      refused: [no, ...more],
      then: (user) => assert.deepEqual(user, { user_id: "alice", is_superuser: false }),
    },
    {
      operation: `put ${base}/users/{user_id}`,
      ...path,
      json: { is_superuser: true },
      status: 200,
      refused: [
        no,
        ...more,
        { ...bad, json: {}, message: /password or is_superuser/ },
        { ...bad, json: { is_superuser: "yes" }, message: /true or false/ },
      ],
      then: (user) => assert.deepEqual(user, { user_id: "alice", is_superuser: true }),
    },
    {
      operation: `post ${base}/import_users`,
      params,
      query: "type=plain",
      body: usersFile(csv),
      status: 200,
      refused: [
        ...more,
        { ...bad, query: "type=x", message: /hash or plain/ },
        { ...bad, ...form("user_id,password\na,b\n", "users.txt"), message: /\.csv or \.json/ },
        { ...bad, ...form(""), message: /empty_users/ },
        { ...bad, ...form("user_id,password\na,b\nc\n"), message: /3|row 2/ },
        { ...bad, ...form("[{]", "users.json") },
        { ...bad, body: () => new FormData(), message: /filename is missing/ },
        {
          status: 415,
          code: "UNSUPPORTED_MEDIA_TYPE",
          body: () => "user_id,password\na,b\n",
          headers: { "content-type": "text/csv" },
        },
      ],
      then: (result) => {
        assert.deepEqual(result, { total: 3, success: 1, override: 1, skipped: 1, failed: 0 });
      },
    },
    {
      operation: `post ${base}/import_users`,
      params,
      query: "type=plain",
      json: [{ user_id: "carol", password: "x", is_superuser: "true" }],
      status: 200,
      then: ({ total, success }) => assert.deepEqual([total, success], [1, 1]),
    },
    {
      operation: `delete ${base}/users/{user_id}`,
      ...path,
      status: 204,
      refused: [no, ...more],
    },
  ];
}

function rowsOf(base: string, params: Record<string, string>, more: readonly Refusal[]): Row[] {
  const jwt = { mechanism: "jwt", use_jwks: false, algorithm: "hmac-based", secret: "s3cret" };
  const none: Refusal = { status: 404, code: "RESOURCE_NOT_FOUND" };
  return [
    { operation: `get ${base}`, params, status: 204, refused: more },
    {
      operation: `post ${base}`,
      params,
      json: jwt,
      status: 201,
      before: async (world) => {
        const at = base.slice(1).replace("{gw}", "nats").replace("{id}", params.id ?? "");
        const [status, { code }] = await world.get(`${at}/users`);
        assert.deepEqual([status, code], [none.status, none.code]);
        const put = await world.get(at, { method: "PUT", json: jwt });
        assert.deepEqual([put[0], put[1].code], [400, "BAD_REQUEST"]);
      },
      refused: [
        conflict,
        ...more,
        { ...bad, json: {}, message: /mechanism/ },
        { ...bad, json: { ...BUILT_IN, backend: "oracle" }, message: /backend/ },
        { ...bad, json: { ...BUILT_IN, user_id_tpye: 1 }, message: /user_id_tpye.*unknown/ },
        { ...bad, json: { ...jwt, secret: "******" }, message: /stands for a secret/ },
        { ...bad, json: { ...BUILT_IN, backend: "mysql" }, message: /server/ },
      ],
      then: async ({ id, secret }, world) => {
        assert.deepEqual([id, secret], ["jwt", "******"]);
        const at = base.slice(1).replace("{gw}", "nats").replace("{id}", params.id ?? "");
        const again = await world.get(at, { json: jwt });
        assert.deepEqual([again[0], again[1].code], [400, "ALREADY_EXISTS"]);
        const users = await world.get(`${at}/users`);
        assert.equal(users[0], 400, "not a built-in database");
      },
    },
    {
      operation: `put ${base}`,
      params,
      json: { ...jwt, secret: "******", from: "username" },
      status: 200,
      refused: [
        conflict,
        ...more,
        { ...bad, json: BUILT_IN, message: /cannot be changed/ },
        { ...bad, json: { ...jwt, from: "x" }, message: /from/ },
      ],
      then: ({ from, secret }, { gateway: { config } }) => {
        assert.deepEqual([from, secret], ["username", "******"]);
        const stored = JSON.stringify(config.gateway.nats);
        assert.match(stored, /"secret":"s3cret"/, "stars keep the secret");
      },
    },
    {
      operation: `get ${base}`,
      params,
      status: 200,
      then: ({ id, from }) => assert.deepEqual([id, from], ["jwt", "username"]),
    },
    {
      operation: `delete ${base}`,
      params,
      status: 204,
      refused: [conflict, ...more],
      then: async (_, world) => {
        const at = base.slice(1).replace("{gw}", "nats").replace("{id}", params.id ?? "");
        assert.equal((await world.get(at, { method: "DELETE" }))[0], 204, "again");
        assert.equal((await world.get(at, { json: BUILT_IN }))[0], 201);
      },
    },
    {
      operation: `get ${base}/status`,
      params,
      status: 200,
      refused: more,
      then: ({ status }) => assert.equal(status, "connected"),
    },
    ...userRows(base, more, params),
    {
      operation: `post ${base}/test`,
      params,
      json: { username: "bob", password: "builder" },
      status: 200,
      refused: [...more, { ...bad, json: { usrname: "x" }, message: /usrname: unknown/ }],
      then: async ({ result }, world) => {
        assert.equal(result, "allow");
        const at = base.slice(1).replace("{gw}", "nats").replace("{id}", params.id ?? "");
        const wrong = await world.get(`${at}/test`, { json: { username: "bob", password: "x" } });
        assert.equal(wrong[1].result, "deny");
      },
    },
  ];
}

const gateway: Refusal = { ...bad, params: { gw: "coap" }, message: /unknown gateway/ };
const listener: Refusal = {
  params: { id: "nats:tcp:gone" },
  status: 404,
  code: "RESOURCE_NOT_FOUND",
  message: /Listener not found/,
};

/** See the file. */
export const gatewayAuthentication: readonly Group[] = [
  {
    name: "authentication of the gateway",
    rows: rowsOf("/gateways/{gw}/authentication", {}, [gateway]),
  },
  {
    name: "authentication of a listener",
    rows: rowsOf(
      "/gateways/{gw}/listeners/{id}/authentication",
      { id: "nats:tcp:default" },
      [gateway, listener],
    ),
  },
];
