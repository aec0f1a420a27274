/**
 * One row for each use of an operation: what is asked, what comes back, and what is refused. What
 * holds for all of them (credentials, roles, content types, both forms of a path, the schema of
 * every answer) is tried here.
 */
import assert from "node:assert/strict";
import type { AdminWorld, Ask } from "../kit.ts";
import type { ApiDocument, DocumentedOperation } from "./document.ts";

/** What is asked. */
interface Question {
  /** For `{name}` in the path. */
  readonly params?: Readonly<Record<string, string>>;
  /** Behind `?`. */
  readonly query?: string;
  readonly json?: unknown;
  readonly body?: () => BodyInit;
  readonly headers?: Record<string, string>;
}

/** A question that is refused. `params`, `json` and so on take the place of the row's. */
export interface Refusal extends Question {
  readonly status: number;
  readonly code: string;
  readonly message?: RegExp;
}

/** A question that is answered. */
export interface Row extends Question {
  /** As the document has it: `put /gateways/{gw}`. */
  readonly operation: string;
  readonly status: number;
  /** What must hold of the answer beside its schema. */
  // deno-lint-ignore no-explicit-any -- answers have every shape; the schema was checked
  readonly then?: (answer: any, world: AdminWorld) => unknown;
  /** Runs first: what must be there. */
  readonly before?: (world: AdminWorld) => unknown;
  readonly refused?: readonly Refusal[];
  /** True: for people who logged in, not for keys. */
  readonly login?: true;
  /** What a viewer gets, where the rule (reads are answered, changes refused) does not hold. */
  readonly viewer?: number;
}

/** Rows that are played on one gateway, in their order. */
export interface Group {
  readonly name: string;
  readonly config?: string;
  /** Clients and the like; they are closed at the end. */
  readonly start?: (world: AdminWorld, things: AsyncDisposableStack) => Promise<void>;
  readonly rows: readonly Row[];
}

/** Who asks. */
export interface Callers {
  readonly root: string;
  readonly viewer: string;
  readonly viewingKey: string;
  /** A key that may do nothing, and one that may publish. */
  readonly confinedKey: string;
  readonly publishingKey: string;
}

/** Administrator and viewers of a gateway. */
export async function callersOf(world: AdminWorld): Promise<Callers> {
  const { users } = world.deps.auth;
  const looker = { username: "looker", description: "", role: "viewer" } as const;
  await users.create(looker, "Sesame-open-2");
  return {
    root: await world.login(),
    viewer: await world.login("looker", "Sesame-open-2"),
    viewingKey: world.keyFor({ role: "viewer" }),
    confinedKey: world.keyFor({ scopes: [] }),
    publishingKey: world.keyFor({ role: "publisher" }),
  };
}

/** Plays one row. */
export async function play(
  world: AdminWorld,
  document: ApiDocument,
  callers: Callers,
  row: Row,
): Promise<void> {
  const { operation: name, login } = row;
  const operation = document.get(name);
  const ask = async (question: Question, extra: Partial<Ask> = {}) =>
    await document.read(name, await send(world, row, question, extra));
  await row.before?.(world);
  await strangers(world, row, operation);
  await viewers(world, row, operation, callers);
  await confined(world, row, operation, callers);
  if (login) {
    const problem = await ask({});
    assert.equal((problem as { code: string }).code, "API_KEY_NOT_ALLOW", name);
  }
  const authorization = login ? callers.root : world.administrator;
  for (const refusal of [...row.refused ?? [], ...alwaysRefused(operation)]) {
    const response = await send(world, row, refusal, { authorization });
    const { status } = response;
    const problem = await document.read(name, response) as { code: string; message: string };
    const what = `${name} ${JSON.stringify(refusal)}: ${JSON.stringify(problem)}`;
    assert.deepEqual([status, problem?.code], [refusal.status, refusal.code], what);
    if (refusal.message !== undefined) assert.match(problem.message, refusal.message, what);
    assert.notEqual(problem.message, "", what);
  }
  const response = await send(world, row, {}, { authorization });
  const { status } = response;
  const answer = await document.read(name, response);
  assert.equal(status, row.status, `${name}: ${JSON.stringify(answer)}`);
  await row.then?.(answer, world);
}

/** Nobody gets anything without credentials, or with wrong ones, under either form of the path. */
async function strangers(world: AdminWorld, row: Row, operation: DocumentedOperation) {
  if (operation.security?.length === 0) return;
  const wrong = {
    AUTHORIZATION_HEADER_ERROR: null,
    BAD_API_KEY_OR_SECRET: `Basic ${btoa("nobody:nothing")}`,
    BAD_TOKEN: "Bearer nothing",
  };
  for (const [code, authorization] of Object.entries(wrong)) {
    for (const form of ["gateways", "gateway"]) {
      // Each from elsewhere: guessing is slowed down by address.
      const address = `192.0.2.${Math.floor(Math.random() * 250)}`;
      const response = await send(world, row, {}, { authorization, address }, form);
      const problem = await response.json();
      const what = `${row.operation} with ${authorization}`;
      assert.deepEqual([response.status, problem.code], [401, code], what);
    }
  }
}

/** Viewers read, and change nothing. */
async function viewers(
  world: AdminWorld,
  row: Row,
  operation: DocumentedOperation,
  { viewer, viewingKey }: Callers,
) {
  if (operation.security?.length === 0) return;
  const reads = row.operation.startsWith("get ") || operation["x-viewer"] !== undefined;
  if (reads && !row.operation.startsWith("get ")) return;
  const response = await send(world, row, {}, { authorization: row.login ? viewer : viewingKey });
  await response.body?.cancel();
  assert.equal(
    response.status,
    row.viewer ?? (reads ? row.status : 403),
    `${row.operation} by a viewer`,
  );
}

/** Keys do what their scopes and their role allow, and nothing else. */
async function confined(
  world: AdminWorld,
  row: Row,
  operation: DocumentedOperation,
  { confinedKey, publishingKey }: Callers,
) {
  if (operation.security?.length === 0 || row.login) return;
  const keys = row.operation.startsWith("post /publish")
    ? [confinedKey]
    : [confinedKey, publishingKey];
  for (const authorization of keys) {
    const response = await send(world, row, {}, { authorization });
    const { code } = await response.json();
    assert.deepEqual([response.status, code], [403, "UNAUTHORIZED_ROLE"], row.operation);
  }
}

/** What is wrong with every operation of a kind. */
function alwaysRefused({ requestBody, parameters }: DocumentedOperation): Refusal[] {
  const refused: Refusal[] = [];
  if (requestBody?.content["application/json"] !== undefined) {
    const type = { "content-type": "application/json" };
    const bad = { status: 400, code: "BAD_REQUEST", json: undefined };
    refused.push(
      { ...bad, body: () => '{"a":', headers: type, message: /not valid JSON/ },
      { ...bad, body: () => "17", headers: type },
      { ...bad, body: () => "null", headers: type },
      { ...bad, body: () => "[".repeat(10_000), headers: type, message: /nested deeper/ },
      {
        status: 415,
        code: "UNSUPPORTED_MEDIA_TYPE",
        json: undefined,
        body: () => "a=b",
        headers: { "content-type": "text/plain" },
      },
    );
  }
  if (parameters.some(({ name, in: where }) => where === "query" && name === "limit")) {
    for (const query of ["limit=0", "limit=10001", "limit=1.5", "page=0", "page=-1", "page=x"]) {
      const message = /page_limit_invalid/;
      refused.push({ status: 400, code: "INVALID_PARAMETER", query, message });
    }
  }
  return refused;
}

function send(
  world: AdminWorld,
  row: Row,
  question: Question,
  extra: Partial<Ask>,
  form = "gateways",
): Promise<Response> {
  const { operation, params = {}, query, json, body, headers } = { ...row, ...question };
  const [method, path] = operation.split(" ") as [string, string];
  const url = path.slice(1).replace(/^gateways/, form).replace(
    /\{(\w+)\}/g,
    (_, name) => encodeURIComponent(params[name] ?? row.params?.[name] ?? PLACES[name] ?? name),
  );
  return world.ask(query === undefined ? url : `${url}?${query}`, {
    method: method.toUpperCase(),
    ...(json !== undefined && { json }),
    ...(body !== undefined && { body: body() }),
    ...(headers !== undefined && { headers }),
    ...extra,
  });
}

/** Parameters that are the same almost everywhere. */
const PLACES: Readonly<Record<string, string>> = { gw: "nats" };
