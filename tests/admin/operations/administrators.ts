/** Rows of logins, users of the dashboard and API keys. */
import assert from "node:assert/strict";
import type { Group, Refusal } from "./row.ts";

const bad = { status: 400, code: "BAD_REQUEST" } as const;
const joe = { username: "joe", password: "Sesame-open-3", role: "viewer", description: "d" };
const noUser: Refusal = { params: { username: "eve" }, status: 404, code: "USER_NOT_FOUND" };
const noKey: Refusal = { params: { name: "none" }, status: 404, code: "NOT_FOUND" };
const root = { username: "root", password: "Sesame-open-1" };
const key = { name: "ci", role: "viewer", scopes: ["monitoring"], desc: "d" };

/** See the file. */
export const administrators: Group = {
  name: "administrators",
  rows: [
    {
      operation: "post /login",
      json: root,
      status: 200,
      refused: [
        { ...bad, json: { username: "root" }, message: /password is required/ },
        {
          json: { ...root, password: "wrong" },
          status: 401,
          code: "BAD_USERNAME_OR_PWD",
          message: /wrong/,
        },
        { json: { ...root, username: "eve" }, status: 401, code: "BAD_USERNAME_OR_PWD" },
      ],
      then: ({ role }) => assert.equal(role, "administrator"),
    },
    {
      operation: "get /users",
      login: true,
      status: 200,
      then: (users) =>
        assert.deepEqual(users.map(({ username }: typeof root) => username).sort(), [
          "looker",
          "root",
        ]),
    },
    {
      operation: "post /users",
      login: true,
      json: joe,
      status: 200,
      refused: [
        { ...bad, json: { ...joe, password: "simple" }, message: /password/ },
        { ...bad, json: { ...joe, username: "<b>" }, message: /name/ },
        { ...bad, json: { ...joe, role: "king" }, message: /administrator or viewer/ },
        { status: 400, code: "ALREADY_EXISTS", json: { ...joe, username: "root" } },
      ],
      then: (user) => assert.equal(user.password, undefined),
    },
    {
      operation: "put /users/{username}",
      login: true,
      params: { username: "joe" },
      json: { description: "changed" },
      status: 200,
      refused: [noUser, { ...bad, params: { username: "root" }, json: { role: "viewer" } }],
      then: ({ description, role }) => assert.deepEqual([description, role], ["changed", "viewer"]),
    },
    {
      operation: "post /users/{username}/change_pwd",
      login: true,
      params: { username: "joe" },
      json: { old_pwd: root.password, new_pwd: "Sesame-open-4" },
      status: 204,
      refused: [
        noUser,
        {
          json: { old_pwd: "wrong", new_pwd: "Sesame-open-4" },
          status: 400,
          code: "ERROR_PWD_NOT_MATCH",
        },
        { ...bad, json: { old_pwd: root.password, new_pwd: "short" }, message: /8 to 64/ },
      ],
      then: async (_, world) => {
        const json = { username: "joe", password: "Sesame-open-4" };
        assert.equal((await world.get("login", { json, authorization: null }))[0], 200);
      },
    },
    {
      operation: "delete /users/{username}",
      login: true,
      params: { username: "joe" },
      status: 204,
      refused: [noUser, { ...bad, params: { username: "root" }, message: /your own account/ }],
    },
    {
      operation: "post /api_key",
      login: true,
      json: key,
      status: 200,
      refused: [
        { ...bad, json: {}, message: /name is required/ },
        { ...bad, json: { name: "9" }, message: /a letter/ },
        { ...bad, json: { name: "a\r\nb" }, message: /a letter/ },
        { ...bad, json: { ...key, role: "king" }, message: /role/ },
        { ...bad, json: { ...key, scopes: ["x"] }, message: /scopes/ },
        { ...bad, json: { ...key, expired_at: "2001-01-01T00:00:00Z" }, message: /passed/ },
        { ...bad, json: { ...key, expired_at: "soon" }, message: /infinity/ },
      ],
      then: async ({ api_key, api_secret }, world) => {
        const authorization = `Basic ${btoa(`${api_key}:${api_secret}`)}`;
        assert.equal((await world.get("stats", { authorization }))[0], 200);
        assert.equal((await world.get("clients", { authorization }))[0], 403, "another scope");
      },
    },
    {
      operation: "get /api_key",
      login: true,
      status: 200,
      then: (keys) => assert.doesNotMatch(JSON.stringify(keys), /api_secret/),
    },
    {
      operation: "get /api_key/{name}",
      login: true,
      params: { name: "ci" },
      status: 200,
      refused: [noKey],
      then: ({ scopes, expired_at }) => {
        assert.deepEqual([scopes, expired_at], [["monitoring"], "infinity"]);
      },
    },
    {
      operation: "put /api_key/{name}",
      login: true,
      params: { name: "ci" },
      json: { enable: false, expired_at: "2999-01-01T00:00:00.000Z" },
      status: 200,
      refused: [noKey, { ...bad, json: { name: "x" }, message: /name: unknown/ }],
      then: ({ enable, role }) => assert.deepEqual([enable, role], [false, "viewer"]),
    },
    {
      operation: "delete /api_key/{name}",
      login: true,
      params: { name: "ci" },
      status: 204,
      refused: [noKey],
    },
    {
      operation: "post /logout",
      login: true,
      json: { username: "root" },
      status: 204,
      refused: [
        { json: { username: "joe" }, status: 401, code: "WRONG_TOKEN_OR_USERNAME" },
        { ...bad, json: {}, message: /username is required/ },
      ],
    },
  ],
};
