/**
 * The OpenAPI document, made from the same table and schemas that check requests.
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import { VERSION } from "../gateway/version.ts";
import type { AnyOperation } from "./api.ts";

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
  for (const operation of operations) {
    const path = paths[operation.path] ??= {};
    path[operation.method] = operationObject(operation);
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
      },
    },
  };
}

function operationObject(operation: AnyOperation) {
  const { method, path, summary, tag, query, body, bodyType, answers, open } = operation;
  const errors = [400, ...(open ? [] : [401, 403]), ...operation.errors ?? []];
  const responses: Record<string, unknown> = {};
  for (const [status, schema] of Object.entries(answers)) {
    const type = operation.answerType ?? "application/json";
    responses[status] = {
      description: WORDS[Number(status)],
      ...(schema !== null && { content: { [type]: { schema: jsonSchema(schema, "output") } } }),
    };
  }
  for (const status of new Set(errors)) {
    const schema = { $ref: "#/components/schemas/Problem" };
    const content = { "application/json": { schema } };
    responses[status] ??= { description: WORDS[status], content };
  }
  const content = body && {
    [bodyType ?? "application/json"]: {
      schema: bodyType === "multipart/form-data" ? FORM : jsonSchema(body, "input"),
    },
  };
  return {
    operationId: `${method}${path.replace(/[^A-Za-z]+(\w?)/g, (_, c: string) => c.toUpperCase())}`,
    summary,
    tags: [tag],
    ...(open && { security: [] }),
    ...(operation.also === "viewer" && { "x-viewer": "changes nothing: viewers may, too" }),
    parameters: [...pathParameters(path), ...queryParameters(query)],
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

function queryParameters(query: v.GenericSchema | undefined) {
  if (query === undefined) return [];
  const { properties = {} } = jsonSchema(query, "input") as { properties?: Record<string, object> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", schema }));
}

function jsonSchema(schema: v.GenericSchema, typeMode: "input" | "output"): object {
  const { $schema: _, ...rest } = toJsonSchema(schema, { typeMode, errorMode: "ignore" });
  return rest;
}
