/** Rows of the chain of authenticators for MQTT clients. */
import assert from "node:assert/strict";
import { BUILT_IN, userRows } from "./gateway_authentication.ts";
import type { Group, Refusal } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const conflict: Refusal = { status: 412, code: "CONFLICT", headers: { "if-match": '"old"' } };
const id = "password_based:built_in_database";
const unknown: Refusal = { params: { id: "jwt:x" }, status: 404, code: "NOT_FOUND" };
const jwt = { mechanism: "jwt", use_jwks: false, algorithm: "hmac-based", secret: "s3cret" };
const idsOf = (chain: readonly { id: string }[]) => chain.map(({ id }) => id);

/** See the file. */
export const authentication: Group = {
  name: "authentication",
  rows: [
    { operation: "get /authentication", status: 200, then: (list) => assert.deepEqual(list, []) },
    {
      operation: "post /authentication",
      json: BUILT_IN,
      status: 200,
      refused: [
        conflict,
        { ...bad, json: {}, message: /authentication\[1\]\.mechanism/ },
        { ...bad, json: { ...BUILT_IN, backend: "x" }, message: /backend/ },
        { ...bad, json: { ...jwt, secret: "******" }, message: /stands for a secret/ },
      ],
      then: async (made, world) => {
        assert.equal(made.id, id);
        const again = await world.get("authentication", { json: BUILT_IN });
        assert.deepEqual([again[0], again[1].code], [409, "ALREADY_EXISTS"]);
      },
    },
    {
      operation: "post /authentication",
      json: jwt,
      status: 200,
      then: ({ secret }) => assert.equal(secret, "******"),
    },
    {
      operation: "get /authentication/{id}",
      params: { id: "jwt" },
      status: 200,
      refused: [unknown],
      then: ({ id, secret }) => assert.deepEqual([id, secret], ["jwt", "******"]),
    },
    {
      operation: "put /authentication/{id}",
      params: { id: "jwt" },
      json: { ...jwt, secret: "******", from: "username" },
      status: 204,
      refused: [
        conflict,
        unknown,
        { ...bad, json: BUILT_IN, message: /cannot be changed/ },
        { ...bad, json: { ...jwt, from: "x" }, message: /from/ },
      ],
      then: (_, { gateway: { config } }) => {
        const { secret, from } = config.authentication[1] as unknown as Record<string, string>;
        assert.deepEqual([secret, from], ["s3cret", "username"]);
      },
    },
    {
      operation: "put /authentication/order",
      json: [{ id: "jwt" }, { id }],
      status: 204,
      refused: [
        conflict,
        { ...bad, json: [{ id: "jwt" }], message: /missing: password_based:built_in_database/ },
        { ...bad, json: [{ id: "jwt" }, { id: "jwt" }], message: /exactly once/ },
        { ...bad, json: [{ id: "x" }, { id }, { id: "jwt" }], message: /unknown: x/ },
        { ...bad, json: ["jwt"] },
      ],
      then: async (_, world) => {
        assert.deepEqual(idsOf((await world.get("authentication"))[1]), ["jwt", id]);
      },
    },
    ...["rear", "front", "after:password_based:built_in_database"].map((position) => ({
      operation: "put /authentication/{id}/position/{position}",
      params: { id: "jwt", position },
      status: 204,
      refused: [
        conflict,
        unknown,
        { ...bad, params: { position: "middle" }, message: /expected front, rear/ },
        { ...bad, params: { position: "before:jwt" }, message: /of another one/ },
      ],
    })),
    {
      operation: "get /authentication",
      status: 200,
      then: (list) => assert.deepEqual(idsOf(list), [id, "jwt"]),
    },
    {
      operation: "get /authentication/{id}/status",
      params: { id },
      status: 200,
      refused: [unknown],
      then: ({ status }) => assert.equal(status, "connected"),
    },
    ...userRows("/authentication/{id}", [
      unknown,
      { ...bad, params: { id: "jwt" }, message: /not a built-in database/ },
    ], { id }),
    {
      operation: "get /authentication/settings",
      status: 200,
      then: ({ login_throttle: { max_count } }) => assert.equal(max_count, 100),
    },
    {
      operation: "put /authentication/settings",
      json: { ignore_backend_failures: true },
      status: 204,
      refused: [
        conflict,
        { ...bad, json: { node_cache: { cache_ttl: "x" } }, message: /cache_ttl.*duration/ },
        { ...bad, json: { ignore: true }, message: /ignore.*unknown/ },
      ],
      then: (_, { gateway: { config: { authentication_settings: settings } } }) => {
        assert.equal(settings.ignore_backend_failures, true);
        assert.equal(settings.login_throttle.max_count, 100, "left out: as it was");
      },
    },
    {
      operation: "delete /authentication/{id}",
      params: { id },
      status: 204,
      refused: [conflict],
      then: async (_, world) => {
        assert.equal((await world.get(`authentication/${id}`, { method: "DELETE" }))[0], 204);
        await world.get("authentication", { json: BUILT_IN });
        assert.deepEqual((await world.get(`authentication/${id}/users`))[1].data, []);
      },
    },
  ],
};
