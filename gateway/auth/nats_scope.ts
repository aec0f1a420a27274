/**
 * Scoped signing keys: the account's permission template takes the place of what the user token
 * says, with `{{name()}}`, `{{subject()}}`, `{{account-name()}}`, `{{account-subject()}}`,
 * `{{tag(x)}}` and `{{account-tag(x)}}` filled in.
 */
import { asObject, asText, asTexts, type JsonObject } from "./json.ts";
import { type NatsToken, refuse } from "./nats_claims.ts";
import type { NatsPermissions, SubjectLists } from "./nats_permissions.ts";

/**
 * How the key that signed the user is known to the account: undefined (not at all), `true` (a
 * plain signing key) or the permission template of a scoped one.
 */
export function findSigningKey(account: NatsToken, key: string): JsonObject | true | undefined {
  if (!Array.isArray(account.nats.signing_keys)) return undefined;
  for (const item of account.nats.signing_keys) {
    if (asText(item)?.toUpperCase() === key) return true;
    const scope = asObject(item);
    if (scope !== undefined && asText(scope.key)?.toUpperCase() === key) {
      if (scope.kind !== "user_scope") refuse("jwt_untrusted_signing_key");
      return asObject(scope.template) ?? {};
    }
  }
  return undefined;
}

const USER_OWN = [
  ...["pub", "sub", "resp", "src", "times", "times_location", "locale"],
  ...["subs", "data", "payload", "bearer_token", "allowed_connection_types"],
];

/** Refuses a user that was signed by a scoped key and yet brings permissions or limits along. */
export function requireUnscopedUser(user: NatsToken): void {
  for (const name of USER_OWN) {
    const value = user.nats[name];
    const empty = value === undefined || value === null || value === false || value === "" ||
      value === 0 || (typeof value === "object" && Object.keys(value).length === 0);
    if (!empty) refuse("jwt_scoped_user_has_permissions");
  }
}

/** The template's permissions for this user. */
export function fillPermissions(
  template: NatsPermissions,
  user: NatsToken,
  account: NatsToken,
): NatsPermissions {
  const direction = (lists: SubjectLists): SubjectLists => {
    const allow = lists.allow.flatMap((subject) => fill(subject, user, account) ?? []);
    const deny = lists.deny.flatMap((subject) =>
      // A deny that cannot be filled in would let through what it is there to stop.
      fill(subject, user, account) ?? refuse("jwt_scope_template")
    );
    const lost = lists.allow.length > 0 && allow.length === 0;
    // An allow list of which nothing is left must not turn into "no list, all allowed".
    return lost ? { allow: [], deny: [">"] } : { allow, deny };
  };
  return {
    publish: direction(template.publish),
    subscribe: direction(template.subscribe),
    responses: template.responses,
  };
}

/** All spellings of a subject template; undefined when a value is missing or not one token. */
function fill(subject: string, user: NatsToken, account: NatsToken): string[] | undefined {
  let spellings = [subject];
  for (const [text, call] of subject.matchAll(/\{\{\s*(.*?)\s*\}\}/g)) {
    const values = valuesOf(call!, user, account);
    if (values.length === 0 || !values.every((value) => /^[^\s.*>]+$/.test(value))) {
      return undefined;
    }
    spellings = spellings.flatMap((one) => values.map((value) => one.replace(text, () => value)));
  }
  return spellings;
}

/** The values of a call. Its name may be in capitals, as nats-server takes it. */
function valuesOf(call: string, user: NatsToken, account: NatsToken): string[] {
  const match = /^([\w-]+)\(\s*(.*?)\s*\)$/.exec(call);
  const [name, argument] = [match?.[1], match?.[2] ?? ""];
  switch (name?.toLowerCase()) {
    case "name":
      return present(user.claims.name);
    case "subject":
      return present(user.subject);
    case "account-name":
      return present(account.claims.name);
    case "account-subject":
      return present(account.subject);
    case "tag":
      return tags(user, argument);
    case "account-tag":
      return tags(account, argument);
    default:
      return [];
  }
}

function present(value: unknown): string[] {
  const text = asText(value);
  return text === undefined ? [] : [text];
}

function tags(token: NatsToken, name: string): string[] {
  const prefix = `${name.toLowerCase()}:`;
  return asTexts(token.nats.tags)
    .filter((tag) => tag.toLowerCase().startsWith(prefix))
    .map((tag) => tag.slice(prefix.length));
}
