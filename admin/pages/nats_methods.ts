/** The logins of NATS itself: token, NKey and JWT. */
import type { Table, TableKind } from "./lists.ts";
import { fieldProblem } from "./request.ts";

/** What is shown in place of a token that is there. */
const HIDDEN = "******";
const ACCOUNTS = "resolver.resolver_preload";

/** The three kinds. */
export const NATS_METHODS: readonly TableKind[] = [
  method("token", "Token", [{
    name: "token",
    label: "Token",
    kind: "secret",
    required: true,
    help: "Plain, or a bcrypt hash of it ($2a$…): natsgate hash-password makes one.",
  }]),
  method("nkey", "NKey", [{
    name: "nkeys",
    label: "Public keys of users",
    kind: "lines",
    required: true,
    help: "One a line; each begins with U. natsgate nkey gen makes a pair.",
  }]),
  method("jwt", "JWT", [
    {
      name: "trusted_operators",
      label: "Trusted operators",
      kind: "lines",
      required: true,
      help: "Public keys that begin with O, or operator JWTs; one a line.",
    },
    {
      name: ACCOUNTS,
      label: "JWTs of accounts",
      kind: "lines",
      required: true,
      help: "One account JWT a line. Those that are there are shown as their key and ******.",
    },
  ]),
];

/** A method as its form shows it: accounts as lines. */
export function shownMethod(table: Table): Table {
  const preload = accountsOf(table);
  if (preload === undefined) return table;
  const lines = preload.map(({ pubkey, jwt }) => `${pubkey} ${jwt}`);
  return { ...table, resolver: { type: "memory", resolver_preload: lines } };
}

/**
 * A method as the configuration has it: lines as accounts, with the tokens that were hidden.
 * @throws {Problem} a line that is no account JWT
 */
export function finishedMethod(next: Table, before: Table | undefined): Table {
  const preload = (next.resolver as Table | undefined)?.resolver_preload;
  if (next.type !== "jwt" || !Array.isArray(preload)) return next;
  const old = before === undefined ? [] : accountsOf(before) ?? [];
  const resolver_preload = preload.map((entry: unknown) => {
    if (typeof entry !== "string") return entry;
    const words = entry.split(/\s+/);
    const jwt = words.at(-1)!;
    const pubkey = words.length > 1 ? words[0]! : subjectOf(jwt);
    if (jwt !== HIDDEN) return { pubkey, jwt };
    const kept = old.find((account) => account.pubkey === pubkey);
    if (kept !== undefined) return kept;
    throw fieldProblem(ACCOUNTS, `the JWT of ${pubkey} is not there: write it in place of ******`);
  });
  return { ...next, resolver: { type: "memory", resolver_preload } };
}

/** The key of the account that a JWT is about. */
function subjectOf(jwt: string): string {
  try {
    const claims = JSON.parse(atob(jwt.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
    if (typeof claims.sub === "string") return claims.sub;
  } catch {
    // Said below.
  }
  throw fieldProblem(ACCOUNTS, `${jwt.slice(0, 20)}… is no account JWT`);
}

function accountsOf(table: Table): { pubkey: string; jwt: string }[] | undefined {
  const preload = (table.resolver as Table | undefined)?.resolver_preload;
  return Array.isArray(preload) ? preload : undefined;
}

function method(type: string, label: string, settings: TableKind["settings"]): TableKind {
  return { id: type, group: "", label, settings, fixed: { type }, marks: ["type"] };
}
