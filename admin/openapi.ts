/**
 * The OpenAPI document, made from the same table and schemas that check requests.
 */
import { type ConversionConfig, toJsonSchemaDefs } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { VERSION } from "../gateway/version.ts";
import type { AnyOperation } from "./api.ts";
import { COMPONENTS } from "./config_objects.ts";

const WORDS: Readonly<Record<number, string>> = {
  200: "Done; the answer is in the body",
  201: "Made",
  202: "Accepted, and nobody has subscribed",
  204: "Done",
  400: "The request is not valid; the message names what",
  401: "Credentials are missing or wrong",
  403: "The role or scope does not allow it",
  404: "There is no such thing",
  409: "There is one already",
  412: "Changed by somebody else meanwhile",
  413: "The body is too large",
  415: "Another content type is expected",
  500: "There is no such node, or a bug; see the log",
  503: "Try again later",
};

/** The document. */
export function openApiDocument(operations: readonly AnyOperation[]) {
  const paths: Record<string, Record<string, unknown>> = {};
  const { components, write } = convert(operations);
  for (const operation of operations) {
    const path = paths[operation.path] ??= {};
    path[operation.method] = operationObject(operation, write);
  }
  return {
    openapi: "3.1.0",
    info: { title: "natsgate administration", version: VERSION },
    servers: [{ url: "/api/v5" }],
    security: [{ key: [] }, { login: [] }],
    paths,
    components: {
      securitySchemes: {
        key: { type: "http", scheme: "basic", description: "API key and secret" },
        login: { type: "http", scheme: "bearer", description: "token of POST /login" },
      },
      schemas: {
        Problem: {
          type: "object",
          properties: { code: { type: "string" }, message: { type: "string" } },
          required: ["code", "message"],
        },
        ...components,
      },
    },
  };
}

function operationObject(operation: AnyOperation, write: Write) {
  const { method, path, summary, tag, query, body, bodyType, answers, open } = operation;
  const { bodyShape = body } = operation;
  const errors = [
    400,
    ...(open ? [] : [401, 403]),
    ...(body !== undefined && bodyType === undefined ? [413, 415] : []),
    ...(method === "get" ? [] : [503]),
    ...operation.errors ?? [],
  ];
  const responses: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(answers)) {
    const type = operation.answerType ?? "application/json";
    responses[status] = {
      description: WORDS[Number(status)],
      ...(schema !== null && { content: { [type]: { schema: write(schema) } } }),
    };
  }
  for (const status of new Set(errors)) {
    const schema = { $ref: "#/components/schemas/Problem" };
    const content = { "application/json": { schema } };
    responses[status] ??= { description: WORDS[status], content };
  }
  const content = body && {
    [bodyType ?? "application/json"]: {
      schema: bodyType === "multipart/form-data" ? FORM : write(bodyShape!),
    },
  };
  return {
    operationId: `${method}${path.replace(/[^A-Za-z]+(\w?)/g, (_, c: string) => c.toUpperCase())}`,
    summary,
    tags: [tag],
    ...(open && { security: [] }),
    ...(operation.also === "viewer" && { "x-viewer": "changes nothing: viewers may, too" }),
    parameters: [...pathParameters(path), ...queryParameters(query && write(query))],
    ...(content !== undefined && { requestBody: { required: true, content } }),
    responses,
  };
}

const FORM = {
  type: "object",
  properties: { filename: { type: "string", format: "binary" } },
  required: ["filename"],
};

function pathParameters(path: string) {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: object | undefined) {
  const { properties = {} } = (query ?? {}) as { properties?: Record<string, object> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", schema }));
}

/** JSON as it is on the way: before a request is read, and as an answer is written. */
const CONVERSION: ConversionConfig = {
  typeMode: "input",
  errorMode: "ignore",
  target: "draft-2020-12",
  overrideRef: ({ referenceId }) => refTo(referenceId),
};

function refTo(name: string): string {
  return `#/components/schemas/${name}`;
}

type Write = (schema: v.GenericSchema) => object;

/**
 * All schemas in one go: each conversion of its own would go through the components again, which
 * takes half a second for all operations.
 */
function convert(operations: readonly AnyOperation[]): {
  readonly components: Readonly<Record<string, object>>;
  readonly write: Write;
} {
  const names = new Map(Object.entries(COMPONENTS).map(([name, schema]) => [schema, name]));
  const numbers = new Map<v.GenericSchema, string>();
  for (const { query, body, bodyShape, answers } of operations) {
    for (const schema of [query, bodyShape ?? body, ...Object.values(answers)]) {
      if (!schema || names.has(schema) || numbers.has(schema)) continue;
      numbers.set(schema, String(numbers.size));
    }
  }
  // Copies, so that a schema that is part of another is written out there.
  const copies = [...numbers].map(([schema, number]) => [number, { ...schema }] as const);
  const all = { ...COMPONENTS, ...Object.fromEntries(copies) };
  const written = toJsonSchemaDefs(all, CONVERSION) as Readonly<Record<string, object>>;
  return {
    components: Object.fromEntries([...names.values()].map((name) => [name, written[name]!])),
    write(schema) {
      const name = names.get(schema);
      return name === undefined ? written[numbers.get(schema)!]! : { $ref: refTo(name) };
    },
  };
}
