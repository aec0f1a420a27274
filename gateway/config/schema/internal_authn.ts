/** `[[gateway.nats.internal_authn]]`: token, nkey and jwt logins of NATS itself. */
import * as v from "valibot";
import { requiredText, table } from "./kinds.ts";
import { type NkeyKind, parsePublicNkey, PUBLIC_LETTERS } from "../../nkey_text.ts";

/** Three parts of base64. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The public key of a user, an account or an operator. */
function publicKey(kind: NkeyKind) {
  return v.pipe(
    v.string("expected text"),
    v.rawCheck(({ dataset, addIssue }) => {
      const problem = dataset.typed ? keyProblem(dataset.value, kind) : undefined;
      if (problem === undefined) return;
      addIssue({ message: `must be a valid ${kind} NKey: ${problem}` });
    }),
    // nats-server compares keys as they are written by its tools: in capitals.
    v.toUpperCase(),
  );
}

/** The public key of an operator, or its JWT. */
const operator = v.pipe(
  v.string("expected text"),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || JWT.test(dataset.value)) return;
    const problem = keyProblem(dataset.value, "operator");
    if (problem !== undefined) addIssue({ message: `must be a valid operator NKey: ${problem}` });
  }),
  v.transform((text) => JWT.test(text) ? text : text.toUpperCase()),
);

/** An array that holds at least one key. */
function publicKeys(kind: NkeyKind) {
  return v.pipe(
    v.array(publicKey(kind), "expected an array of keys"),
    v.nonEmpty("must not be empty"),
  );
}

const memoryResolver = table({
  type: v.literal("memory", 'expected "memory"'),
  resolver_preload: v.pipe(
    v.array(table({ pubkey: publicKey("account"), jwt: requiredText }), "expected an array"),
    v.nonEmpty("must not be empty: it holds the account JWTs"),
  ),
});

/** The methods in the order in which they are tried. */
export const internalAuthn = v.optional(
  v.array(
    v.variant("type", [
      table({
        type: v.literal("token"),
        /** Plain, or a bcrypt hash. */
        token: requiredText,
      }),
      table({ type: v.literal("nkey"), nkeys: publicKeys("user") }),
      table({
        type: v.literal("jwt"),
        /** Public keys, or operator JWTs: then their signing keys are trusted as well. */
        trusted_operators: v.pipe(
          v.array(operator, "expected an array of keys"),
          v.nonEmpty("must not be empty"),
        ),
        resolver: memoryResolver,
      }),
    ]),
    "expected an array of tables: [[gateway.nats.internal_authn]]",
  ),
  [],
);

/** Why the text is not a public key of this kind; undefined when it is. */
function keyProblem(text: string, kind: NkeyKind): string | undefined {
  const key = parsePublicNkey(text, [kind]);
  if (typeof key === "object") return undefined;
  if (key === "invalid_nkey_crc") return "its checksum is wrong";
  const letter = kind[0]!.toUpperCase();
  return key === "invalid_nkey_prefix" && text.length === PUBLIC_LETTERS
    ? `the key does not begin with ${letter}`
    : `expected ${PUBLIC_LETTERS} characters of A-Z and 2-7 that begin with ${letter}`;
}
