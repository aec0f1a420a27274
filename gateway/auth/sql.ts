/**
 * Logins and rules out of SQL databases: one SELECT, its placeholders bound as parameters, never
 * put into the text.
 */
import { NOT_AUTHORIZED, type Provider } from "./chain.ts";
import type { PartDeps } from "./deps.ts";
import { fact, type Facts, factsOfLogin } from "./facts.ts";
import { BadAnswer, type Guard } from "./guard.ts";
import { asFlag, asText } from "./json.ts";
import type { HashAlgorithm } from "./password.ts";
import { backendFailed, judgeFound } from "./provider.ts";
import { readRules } from "./rule_object.ts";
import type { RuleSource } from "./source.ts";

/** One row, by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** A connected database. */
export interface SqlClient {
  query(sql: string, values: readonly (string | null)[], signal: AbortSignal): Promise<Row[]>;
  close(): Promise<void>;
}

/** A statement, and the placeholders that its parameters stand for, in order. */
export interface Statement {
  readonly sql: string;
  readonly names: readonly string[];
}

/**
 * What a query threw: a mistake in the data or the statement is an answer (SQLSTATE, class 08, 28,
 * 53 and 57 excepted, which are about the server and our own login).
 */
export function sqlError(error: unknown, state: unknown): unknown {
  if (typeof state !== "string" || !/^[0-9A-Z]{5}$/.test(state)) return error;
  if (/^(08|28|53|57)/.test(state)) return error;
  return new BadAnswer(error instanceof Error ? error.message : String(error));
}

/** Takes a query apart. Quotes around a placeholder go: a parameter needs none. */
export function parseStatement(query: string, parameter: (index: number) => string): Statement {
  const names: string[] = [];
  const sql = query.replace(
    /(["'`]?)\$\{([^{}]*)\}\1/g,
    (_, quote: string, name: string) => {
      if (name === "$") return `${quote}$${quote}`;
      names.push(name);
      return parameter(names.length);
    },
  );
  return { sql, names };
}

/** The parameters for a client; NULL for what it does not have. */
function parameters(statement: Statement, facts: Facts): (string | null)[] {
  return statement.names.map((name) => fact(facts, name) ?? null);
}

/** A value of a text, blob or number column as text. */
function columnText(value: unknown): string | undefined {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  return asText(value);
}

/** An authenticator that asks for one row with the stored password. */
export function sqlProvider(
  id: string,
  statement: Statement,
  algorithm: HashAlgorithm,
  client: SqlClient,
  guard: Guard,
  deps: PartDeps,
): Provider {
  const method = id.slice(id.indexOf(":") + 1);
  return {
    id,
    guard,
    async authenticate(credentials) {
      const values = parameters(statement, factsOfLogin(credentials));
      const ask = (signal: AbortSignal) => client.query(statement.sql, values, signal);
      const rows = await guard.run(ask, credentials.password);
      if (rows === "failed") return backendFailed(deps.failClosed);
      const row = rows[0];
      if (row === undefined) return { kind: "ignore" };
      const hash = columnText(row.password_hash ?? row.password);
      if (hash === undefined) return NOT_AUTHORIZED;
      return judgeFound(deps.hasher, algorithm, credentials, {
        hash,
        salt: columnText(row.salt) ?? "",
        superuser: asFlag(columnFlag(row.is_superuser)),
        clientId: columnText(row.clientid_override),
        method,
      });
    },
    close: () => client.close(),
  };
}

/** A source that asks for all rules of a client. One row that is no rule spoils them all. */
export function sqlSource(
  type: string,
  statement: Statement,
  client: SqlClient,
  guard: Guard,
  deps: Pick<PartDeps, "subjects">,
): RuleSource {
  return {
    kind: "rules",
    type,
    remote: true,
    guard,
    rules: (facts) =>
      guard.run(async (signal) => {
        const rows = await client.query(statement.sql, parameters(statement, facts), signal);
        const reading = { subjects: deps.subjects, source: type, namesAreConditions: false };
        return readRules(rows.map(textColumns), reading);
      }),
    close: () => client.close(),
  };
}

/** MySQL gives BIT and BLOB columns as bytes. */
function columnFlag(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value;
  return value.length === 1 && value[0]! < 0x20 ? value[0] : new TextDecoder().decode(value);
}

function textColumns(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      value instanceof Uint8Array ? columnText(value) : value,
    ]),
  );
}
