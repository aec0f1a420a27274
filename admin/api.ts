/**
 * How operations are declared: one table row says path, who may, what goes in and what comes
 * out. Requests are checked by it and the OpenAPI document is made from it.
 */
import type { Context, Hono } from "hono";
import * as v from "valibot";
import type { GatewayControl } from "../gateway/control.ts";
import { ConfigError, EXIT, OperationalError } from "../gateway/errors.ts";
import type { Audit } from "./audit.ts";
import type { AdminAuth } from "./auth/auth.ts";
import { allow, type Caller, type Needs, type Scope } from "./auth/caller.ts";
import { BODY_BYTES_MAX, readJson, SETTINGS_VALUES_MAX } from "./body.ts";
import { Problem, type ProblemCode } from "./problem.ts";

/** What a request brings along, beside itself. */
export interface AdminEnv {
  Bindings: {
    /** Address of the caller. */
    readonly address?: string;
    /** True when the connection is encrypted. */
    readonly secure?: boolean;
  };
  Variables: {
    /** Who calls; undefined when nobody said so, or the credentials are of no use. */
    readonly caller: Caller | undefined;
    /** Why the credentials are of no use. */
    readonly refusal: Problem | undefined;
    /** What was changed, for the audit trail. */
    readonly note: string | undefined;
  };
}

/** The context of a request. */
export type AdminContext = Context<AdminEnv>;

/** What everything in admin is made from. */
export interface AdminDeps {
  readonly control: GatewayControl;
  readonly auth: AdminAuth;
  readonly audit: Audit;
}

type Shape = v.GenericSchema;
type Output<Schema> = Schema extends Shape ? v.InferOutput<Schema> : undefined;

/** One operation. */
export interface Operation<Query, Body> {
  readonly method: "get" | "post" | "put" | "delete";
  /** Below `/api/v5`, with `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly scope: Scope;
  readonly loginOnly?: boolean;
  readonly also?: Needs["also"];
  /** True: anybody may, without credentials. */
  readonly open?: boolean;
  readonly query?: Query;
  readonly body?: Body;
  /** What the document says of a body whose content the configuration checks. */
  readonly bodyShape?: Shape;
  /** What the body is, when it is not JSON: the handler reads it. */
  readonly bodyType?: "multipart/form-data" | "application/octet-stream" | "application/toml";
  /** Answers by status; null: no body. */
  readonly answers: Readonly<Record<number, Shape | null>>;
  /** Content type of the good answer when it is not JSON. */
  readonly answerType?: string;
  /** Statuses that say no, beside those that every operation may have. */
  readonly errors?: readonly number[];
  /** Other paths that mean the same. */
  readonly aliases?: readonly string[];
}

/** What a handler gets. */
export interface Request<Query, Body> {
  readonly context: AdminContext;
  /** Who calls. In open operations a stranger may. */
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Output<Query>;
  readonly body: Output<Body>;
}

/** Any operation, for the OpenAPI document. */
export type AnyOperation = Operation<Shape | undefined, Shape | undefined>;

const STRANGER: Caller = {
  by: "key",
  name: "",
  role: "viewer",
  scopes: [],
  csrf: undefined,
};

/** Where operations are declared. */
export class Api {
  readonly operations: AnyOperation[] = [];
  constructor(readonly app: Hono<AdminEnv>, readonly deps: AdminDeps) {}

  /** Declares an operation. */
  on<
    Query extends Shape | undefined = undefined,
    Body extends Shape | undefined = undefined,
  >(
    operation: Operation<Query, Body>,
    handle: (request: Request<Query, Body>) => Response | Promise<Response>,
  ): void {
    this.operations.push(operation as AnyOperation);
    for (const path of [operation.path, ...operation.aliases ?? []]) {
      const pattern = path.replace(/\{(\w+)\}/g, ":$1");
      for (const form of bothForms(pattern)) {
        this.app.on(operation.method.toUpperCase(), `/api/v5${form}`, async (context) => {
          const caller = callerFor(context, operation);
          const query = readQuery(context, operation.query) as Output<Query>;
          const body = await readInput(context, operation) as Output<Body>;
          const params = context.req.param() as Record<string, string>;
          const response = await handle({ context, caller, params, query, body });
          if (operation.method !== "get" && response.status < 400) {
            this.deps.audit.note({
              who: caller.name === "" ? "(login)" : caller.name,
              by: caller.by,
              what: `${operation.method.toUpperCase()} ${
                readable(new URL(context.req.url).pathname)
              }`,
              note: context.get("note") ?? "",
              address: context.env?.address ?? "",
            });
          }
          return response;
        });
      }
    }
  }
}

/** A path as people read it; one that has no such form, or would break a line, as it came. */
function readable(path: string): string {
  try {
    const text = decodeURI(path);
    // deno-lint-ignore no-control-regex -- these are what must not get into a log
    return /[\x00-\x1f\x7f-\x9f]/.test(text) ? path : text;
  } catch {
    return path;
  }
}

/** EMQX's manual says `/gateway` where its program says `/gateways`: both are right here. */
function bothForms(path: string): string[] {
  return path === "/gateways" || path.startsWith("/gateways/")
    ? [path, path.replace("/gateways", "/gateway")]
    : [path];
}

/** @throws {Problem} 401 or 403 */
function callerFor(
  context: AdminContext,
  operation: Pick<AnyOperation, "method" | "scope" | "loginOnly" | "also" | "open">,
): Caller {
  if (operation.open) return context.get("caller") ?? STRANGER;
  const caller = requireCaller(context);
  allow(caller, {
    method: operation.method.toUpperCase(),
    scope: operation.scope,
    loginOnly: operation.loginOnly ?? false,
    also: operation.also,
  });
  return caller;
}

/** The caller. @throws {Problem} 401 when nobody said who calls */
export function requireCaller(context: AdminContext): Caller {
  const caller = context.get("caller");
  if (caller !== undefined) return caller;
  throw context.get("refusal") ??
    new Problem(
      401,
      "AUTHORIZATION_HEADER_ERROR",
      "credentials are needed: an API key by basic authentication, or a login",
    );
}

function readQuery(context: AdminContext, schema: Shape | undefined): unknown {
  if (schema === undefined) return undefined;
  const query: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(context.req.queries())) {
    query[name] = values.length === 1 ? values[0]! : values;
  }
  const read = v.safeParse(schema, query);
  if (read.success) return read.output;
  const paging = read.issues.some((issue) => /^(page|limit)$/.test(v.getDotPath(issue) ?? ""));
  if (paging) throw new Problem(400, "INVALID_PARAMETER", "page_limit_invalid");
  throw new Problem(400, "BAD_REQUEST", describeIssues(read.issues));
}

async function readInput(
  context: AdminContext,
  { body, bodyShape, bodyType }: Pick<AnyOperation, "body" | "bodyShape" | "bodyType">,
): Promise<unknown> {
  if (body === undefined || bodyType !== undefined) return undefined;
  const values_max = bodyShape === undefined ? Infinity : SETTINGS_VALUES_MAX;
  const read = v.safeParse(body, await readJson(context.req.raw, BODY_BYTES_MAX, values_max));
  if (read.success) return read.output;
  throw new Problem(400, "BAD_REQUEST", describeIssues(read.issues));
}

/** Problems that are named in one answer. */
const ISSUES_SHOWN_MAX = 20;

/** The problems of an input in one line, each with its place. */
function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  return issues.slice(0, ISSUES_SHOWN_MAX).map((issue) => {
    const path = v.getDotPath(issue);
    if (issue.type === "strict_object" && issue.expected === "never") return `${path}: unknown key`;
    if (issue.input === undefined) return path === null ? issue.message : `${path} is required`;
    return path === null ? issue.message : `${path}: ${issue.message}`;
  }).join("; ");
}

/** What is thrown below the handlers, as the caller is told of it. */
export function toProblem(error: unknown): Problem | undefined {
  if (error instanceof Problem) return error;
  if (error instanceof ConfigError) {
    const message = error.issues.map(({ path, message }) =>
      path === "" ? message : `${path}: ${message}`
    ).join("; ");
    return new Problem(400, "BAD_REQUEST", message, error.issues);
  }
  // Texts of other forms than JSON are not looked at for depth before they are read.
  if (error instanceof RangeError && error.message.includes("call stack")) {
    return new Problem(400, "BAD_REQUEST", "the body is nested too deep");
  }
  if (error instanceof OperationalError) {
    return error.exitCode === EXIT.notKept
      ? new Problem(503, "SERVICE_UNAVAILABLE", error.message)
      : new Problem(400, "BAD_REQUEST", error.message);
  }
  if (isDiskFull(error)) {
    const message = "the disk of node.data_dir is full: make room, and try again";
    return new Problem(503, "SERVICE_UNAVAILABLE", message);
  }
  return undefined;
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "ENOSPC";
}

/** JSON with a status. */
export function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

/** 204. */
export function done(): Response {
  return new Response(null, { status: 204 });
}

/** Refuses because something is not there. */
export function notFound(message: string, code: ProblemCode = "NOT_FOUND"): never {
  throw new Problem(404, code, message);
}
