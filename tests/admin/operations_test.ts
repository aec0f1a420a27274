/**
 * Every operation of the OpenAPI document: used as it should be and as it should not, by
 * everybody, and every answer judged by the schema that the document has for it.
 */
import assert from "node:assert/strict";
import { administrators } from "./operations/administrators.ts";
import { authentication } from "./operations/authentication.ts";
import { authorization, builtInRules } from "./operations/authorization.ts";
import { bans } from "./operations/bans.ts";
import { mqttClients, natsClients } from "./operations/clients.ts";
import { ApiDocument } from "./operations/document.ts";
import { gatewayAuthentication } from "./operations/gateway_authentication.ts";
import { gateways } from "./operations/gateways.ts";
import { listeners } from "./operations/listeners.ts";
import { publishing, retained } from "./operations/messages.ts";
import { callersOf, type Group, play } from "./operations/row.ts";
import { numbers, system } from "./operations/system.ts";
import { type AdminWorld, startWorld } from "./kit.ts";

const GROUPS: readonly Group[] = [
  administrators,
  gateways,
  natsClients,
  ...listeners,
  ...gatewayAuthentication,
  mqttClients,
  publishing,
  retained,
  authentication,
  authorization,
  builtInRules,
  bans,
  system,
  numbers,
];

/** Operations that are tried elsewhere, and where. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "post /setup": "auth_test.ts: it works once, while there are no users",
  "get /tail": "tail_test.ts: its answer does not end",
};

async function documentOf(world: AdminWorld): Promise<ApiDocument> {
  return new ApiDocument((await world.get("/api-docs/openapi.json"))[1]);
}

for (const { name, config, start, rows } of GROUPS) {
  Deno.test(`operations: ${name}`, async () => {
    await using world = await startWorld(config);
    await using things = new AsyncDisposableStack();
    await start?.(world, things);
    const document = await documentOf(world);
    const callers = await callersOf(world);
    for (const row of rows) await play(world, document, callers, row);
  });
}

Deno.test("operations: each has its rows", async () => {
  await using world = await startWorld();
  const { operations } = await documentOf(world);
  const used = new Set(GROUPS.flatMap(({ rows }) => rows.map(({ operation }) => operation)));
  const missing = [...operations.keys()].filter((name) => !used.has(name) && !ELSEWHERE[name]);
  assert.deepEqual(missing, []);
  assert.deepEqual(Object.keys(ELSEWHERE).filter((name) => !operations.has(name)), []);
});

Deno.test("operations: each answer has a schema that says something", async () => {
  await using world = await startWorld();
  const { document, operations } = await documentOf(world);
  const vague: string[] = [];
  const look = (schema: unknown, at: string) => {
    if (typeof schema !== "object" || schema === null) return;
    const isSchema = !Array.isArray(schema);
    if (isSchema && Object.keys(schema).length === 0) vague.push(at);
    const { type, properties, additionalProperties } = schema as Record<string, unknown>;
    if (type === "object" && properties === undefined && additionalProperties === undefined) {
      vague.push(at);
    }
    for (const [key, part] of Object.entries(schema)) {
      if (key !== "default" && key !== "properties") look(part, `${at}.${key}`);
    }
    for (const [key, part] of Object.entries(properties ?? {})) look(part, `${at}.${key}`);
  };
  for (const [name, { responses }] of operations) {
    for (const [status, { content }] of Object.entries(responses)) {
      for (const part of Object.values(content ?? {})) look(part, `${name} ${status}`);
    }
  }
  const { schemas } = (document as unknown as { components: { schemas: object } }).components;
  for (const [name, schema] of Object.entries(schemas)) {
    if (!name.startsWith("New")) look(schema, name);
  }
  // A query of a database may hold anything.
  assert.deepEqual(vague.filter((at) => !at.endsWith("filter.additionalProperties")), []);
});
