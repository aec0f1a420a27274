/**
 * Logins and permissions by asking an HTTP service.
 */
import { fromCalendar } from "../clock.ts";
import { readAttachedRules, readAttributes } from "./attached_rules.ts";
import { NOT_AUTHORIZED, type Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import { fact, type Facts, factsOfLogin } from "./facts.ts";
import { BadAnswer, type Guard } from "./guard.ts";
import type { HttpAnswer, HttpClient, HttpRequest } from "./http_client.ts";
import { asFlag, asNumber, asObject, asText, type JsonObject, parseJson } from "./json.ts";
import { backendFailed, BAD_PASSWORD, overriddenClientId } from "./provider.ts";
import { RuleProblem } from "./rule_object.ts";
import type { AclQuestion, AnswerSource } from "./source.ts";
import { type Lookup, parseTemplate, render, type Template } from "./template.ts";
import type { AuthResult, Credentials } from "./types.ts";

/** The request of an authenticator or a source. */
export interface HttpOptions {
  readonly method: "get" | "post";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, string>>;
}

const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";

/** An authenticator. */
export function httpProvider(
  options: HttpOptions,
  client: HttpClient,
  guard: Guard,
  deps: PartDeps,
): Provider {
  const prepare = preparer(options, client);
  const statusSeen = new Set<number>();
  return {
    id: "password_based:http",
    guard,
    async authenticate(credentials) {
      const facts = factsOfLogin(credentials);
      const send = prepare((name) => fact(facts, name));
      if (send === undefined) return BAD_PASSWORD;
      const result = await guard.run(
        async (signal) => judgeLogin(await send(signal), credentials, deps, statusSeen),
        credentials.password,
      );
      if (result !== "failed") return result;
      return backendFailed(deps.failClosed);
    },
    close: () => Promise.resolve(client.close()),
  };
}

/** A source. */
export function httpSource(options: HttpOptions, client: HttpClient, guard: Guard): AnswerSource {
  const prepare = preparer(options, client);
  return {
    kind: "answers",
    type: "http",
    remote: true,
    guard,
    async ask(facts, question) {
      const send = prepare((name) => questionFact(facts, question, name));
      if (send === undefined) return "deny";
      return await guard.run(async (signal) => {
        const answer = await send(signal);
        if (answer.status === 204) return "allow";
        if (answer.status !== 200) return "ignore";
        const result = asText(readBody(answer).result);
        return result === "allow" || result === "deny" ? result : "ignore";
      });
    },
    close: () => Promise.resolve(client.close()),
  };
}

/**
 * Builds a request, to be sent. Undefined when a value would break out of its header: whoever
 * has such a name is up to no good.
 */
function preparer(options: HttpOptions, client: HttpClient) {
  const url = parseTemplate(options.url);
  const post = options.method === "post";
  const headers = Object.entries({
    accept: JSON_TYPE,
    "cache-control": "no-cache",
    ...(post ? { "content-type": JSON_TYPE } : {}),
    ...options.headers,
  }).map(([name, value]) => [name, parseTemplate(value)] as const);
  const body = Object.entries(options.body).map(([name, value]) =>
    [name, parseTemplate(value)] as const
  );
  const asForm = options.headers["content-type"]?.startsWith(FORM_TYPE) ?? false;
  return (lookup: Lookup): ((signal: AbortSignal) => Promise<HttpAnswer>) | undefined => {
    const sent = headerValues(headers, lookup);
    if (sent === undefined) return undefined;
    const address = render(url, lookup, encodeURIComponent);
    const fields = body.map(([name, value]) => [name, render(value, lookup)] as const);
    const text = asForm ? formText(fields) : JSON.stringify(Object.fromEntries(fields));
    const request: Omit<HttpRequest, "signal"> = post
      ? { method: "POST", url: address, headers: sent, body: text }
      : { method: "GET", url: withQuery(address, fields), headers: sent, body: undefined };
    return (signal) => client.send({ ...request, signal });
  };
}

function headerValues(
  headers: readonly (readonly [string, Template])[],
  lookup: Lookup,
): Record<string, string> | undefined {
  const values = headers.map(([name, template]) => [name, render(template, lookup)] as const);
  // deno-lint-ignore no-control-regex
  const broken = values.some(([, value]) => /[\x00-\x1f\x7f]|[^\x00-\xff]/.test(value));
  return broken ? undefined : Object.fromEntries(values);
}

function withQuery(url: string, fields: readonly (readonly [string, string])[]): string {
  if (fields.length === 0) return url;
  return `${url}${url.includes("?") ? "&" : "?"}${formText(fields)}`;
}

function formText(fields: readonly (readonly [string, string])[]): string {
  return new URLSearchParams(fields.map(([name, value]) => [name, value])).toString();
}

/** The fields of an answer. Throws when it has none that can be read. */
function readBody(answer: HttpAnswer): JsonObject {
  if (answer.contentType === FORM_TYPE) {
    return Object.fromEntries(new URLSearchParams(answer.body));
  }
  const body = answer.contentType === JSON_TYPE ? asObject(parseJson(answer.body)) : undefined;
  if (body !== undefined) return body;
  const type = answer.contentType === "" ? "no content type" : answer.contentType;
  throw new BadAnswer(`the answer cannot be read (${type}); send JSON with a field "result"`);
}

function judgeLogin(
  answer: HttpAnswer,
  credentials: Credentials,
  deps: PartDeps,
  statusSeen: Set<number>,
): AuthResult {
  if (answer.status === 204) {
    return { kind: "allow", principal: principalOf({}, credentials) };
  }
  if (answer.status !== 200) {
    if (!statusSeen.has(answer.status)) {
      statusSeen.add(answer.status);
      deps.log.warn("the HTTP authentication service answers with a status that decides nothing", {
        status: answer.status,
      });
    }
    return deps.failClosed ? NOT_AUTHORIZED : { kind: "ignore" };
  }
  const body = readBody(answer);
  if (body.result === "deny") return NOT_AUTHORIZED;
  if (body.result !== "allow") return { kind: "ignore" };
  return allowed(body, credentials, deps);
}

/** A date that looks like milliseconds: the year 5138 in seconds. */
const EXPIRE_MAX_S = 1e11;

function allowed(body: JsonObject, credentials: Credentials, deps: PartDeps): AuthResult {
  const odd = (name: string) => deps.log.warn("a client attribute was left out", { name });
  const expires_s = body.expire_at === undefined || body.expire_at === null
    ? undefined
    : asNumber(body.expire_at) ?? asNumber(Number(asText(body.expire_at))) ?? -1;
  if (
    expires_s !== undefined &&
    (expires_s * 1000 <= deps.clock.calendar() || expires_s > EXPIRE_MAX_S)
  ) {
    deps.log.warn("the HTTP authentication service sent an expire_at that is no time to come", {});
    return BAD_PASSWORD;
  }
  const expiresAt = expires_s === undefined
    ? undefined
    : fromCalendar(deps.clock, expires_s * 1000);
  try {
    const rules = body.acl === undefined || body.acl === null
      ? undefined
      : readAttachedRules(listOf(body.acl), expiresAt, deps.subjects, "http answer");
    return {
      kind: "allow",
      principal: {
        ...principalOf(body, credentials),
        attributes: readAttributes(body.client_attrs, odd),
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(rules === undefined ? {} : { rules }),
      },
    };
  } catch (error) {
    if (!(error instanceof RuleProblem)) throw error;
    deps.log.warn("the HTTP authentication service sent an acl that cannot be used", {
      reason: error.message,
    });
    return BAD_PASSWORD;
  }
}

/** Only the list form is allowed here. */
function listOf(acl: unknown): unknown[] {
  if (!Array.isArray(acl)) throw new RuleProblem("acl must be a list of rules");
  return acl;
}

function principalOf(body: JsonObject, credentials: Credentials) {
  return {
    username: credentials.username,
    method: "http",
    superuser: asFlag(body.is_superuser),
    ...overriddenClientId(credentials, asText(body.clientid_override)),
  };
}

function questionFact(facts: Facts, question: AclQuestion, name: string): string | undefined {
  switch (name) {
    case "action":
      return question.action;
    case "topic":
      return question.name;
    case "qos":
      return String(question.qos);
    case "retain":
      return String(question.retain);
    case "mountpoint":
      return facts.mountpoint;
    case "access":
      return question.action === "subscribe" ? "1" : "2";
    default:
      return fact(facts, name);
  }
}
