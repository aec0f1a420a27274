/**
 * What a client may do, as a list to read: every rule that concerns it, in the order in which
 * they are asked.
 */
import type { Authorization } from "./acl.ts";
import { factsOfClient } from "./facts.ts";
import type { Rule } from "./rule.ts";
import type { ClientView } from "./types.ts";

/** One line: a rule, or what a source has to say instead of rules. */
export interface PermissionLine {
  /** Where it is from, such as `built_in_database` or `login`. */
  readonly source: string;
  /** In words, such as `allow publish ["t/#"]`. */
  readonly text: string;
}

/** Lines at most; a client with more is told that there are more. */
const PERMISSION_LINES_MAX = 200;

/** The permissions of a client: the first line that fits a topic decides. */
export async function explainPermissions(
  { state }: Authorization,
  client: ClientView,
): Promise<PermissionLine[]> {
  const { superuser, method, rules, acl } = client.principal;
  const narrowed = (acl?.describe() ?? []).map((text) => ({ source: "nats jwt", text }));
  if (acl !== undefined) {
    narrowed.push({ source: "nats jwt", text: "what it allows must be allowed below as well" });
  }
  if (superuser) {
    return [...narrowed, { source: method, text: "superuser: everything, without any rule" }];
  }
  const facts = factsOfClient(client);
  const lines = [...narrowed, ...(rules?.rules ?? []).map(lineOf)];
  if (rules?.final) return [...lines, { source: "login", text: "deny everything else" }];
  for (const source of state.sources) {
    const { type } = source;
    if (source.kind === "answers") {
      lines.push({ source: type, text: "is asked about each topic" });
      continue;
    }
    const found = await source.rules(facts);
    if (found === "failed") lines.push({ source: type, text: "gave no usable answer" });
    else lines.push(...found.filter(({ who }) => who === undefined || who(facts)).map(lineOf));
  }
  if (lines.length > PERMISSION_LINES_MAX) {
    lines.length = PERMISSION_LINES_MAX;
    return [...lines, { source: "…", text: "more rules follow" }];
  }
  const { no_match } = state.settings;
  return [...lines, { source: "authorization", text: `no_match = ${no_match}` }];
}

function lineOf({ text, source }: Rule): PermissionLine {
  return { source, text };
}
