/** `natsgate nkey gen`, `natsgate nkey show`, `natsgate nkey inspect`. */
import { decodeToken, JwtRefusal, requireSignature } from "../auth/nats_claims.ts";
import { generateNkey, publicNkeyOfSeed } from "../auth/nkey.ts";
import { EXIT } from "../errors.ts";
import { type NkeyKind, parsePublicNkey, parseSeed } from "../nkey_text.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { UsageError } from "./usage.ts";

/** Makes a key pair: the seed is for the client, the public key for the configuration. */
export function generate(args: Arguments, io: Io): number {
  const kind = (args.operand(0) || "user") as NkeyKind;
  const { seed, publicKey } = generateNkey(kind);
  if (args.flag("json")) io.out(`${JSON.stringify({ seed, public_key: publicKey })}\n`);
  else io.out(`${seed}\n${publicKey}\n`);
  return EXIT.ok;
}

/** Prints the public key of a seed, which is read from standard input and never shown. */
export async function show(args: Arguments, io: Io): Promise<number> {
  if (io.inIsTerminal) throw new UsageError("Pass the seed on standard input: ... < user.nk");
  const text = new TextDecoder().decode(await io.readInput());
  const key = parseSeed(/^S[UAO][A-Z2-7]{56}$/m.exec(text)?.[0] ?? "");
  if (key === undefined) {
    io.err("natsgate: that is no seed: 58 letters and digits that begin with SU, SA or SO\n");
    return EXIT.failure;
  }
  const publicKey = publicNkeyOfSeed(key.kind, key.seed);
  if (args.flag("json")) io.out(`${JSON.stringify({ kind: key.kind, public_key: publicKey })}\n`);
  else io.out(`${publicKey}\n`);
  return EXIT.ok;
}

/** Says what a public key, a seed, a JWT or a creds file is, and what is wrong with it. */
export async function inspect(args: Arguments, io: Io): Promise<number> {
  const given = args.operand(0);
  if (given === "" && io.inIsTerminal) {
    throw new UsageError("Give a public key, or pass a seed, JWT or creds file: ... < user.creds");
  }
  const text = given === "" ? new TextDecoder().decode(await io.readInput()) : given;
  const facts = inspectText(text);
  if (args.flag("json")) io.out(`${JSON.stringify(facts)}\n`);
  else {
    const lines = Object.entries(facts).map(([name, value]) => `${name}: ${value}\n`);
    io.out(lines.join(""));
  }
  return "problem" in facts ? EXIT.failure : EXIT.ok;
}

/** Facts by name; `problem` is among them when the text is good for nothing. */
type KeyFacts = Readonly<Record<string, string | number | boolean>>;

function inspectText(text: string): KeyFacts {
  const seedText = /^S[UAO][A-Z2-7]{56}$/m.exec(text)?.[0];
  const key = seedText === undefined ? undefined : parseSeed(seedText);
  const publicKey = key && publicNkeyOfSeed(key.kind, key.seed);
  const jwt = /[\w-]+\.[\w-]+\.[\w-]+/.exec(text)?.[0];
  if (jwt !== undefined) return inspectToken(jwt, publicKey);
  if (key !== undefined) return { what: "seed", kind: key.kind, public_key: publicKey! };
  const public_ = parsePublicNkey(text.trim(), ["user", "account", "operator"]);
  return typeof public_ === "string"
    ? { what: "unknown", problem: public_ }
    : { what: "public key", kind: public_.kind, public_key: public_.text };
}

/** `seedKey`: public key of the seed that was beside the token, as in a creds file. */
function inspectToken(jwt: string, seedKey: string | undefined): KeyFacts {
  try {
    const token = decodeToken(jwt);
    const facts: Record<string, string | number | boolean> = {
      what: seedKey === undefined ? "JWT" : "creds file",
      kind: token.type ?? "unknown",
      subject: token.subject ?? "none",
      issuer: token.issuer ?? "none",
    };
    const { name, exp } = token.claims;
    if (typeof name === "string") facts.name = name;
    if (token.issuerAccount !== undefined) facts.issuer_account = token.issuerAccount;
    if (typeof exp === "number") facts.expires = new Date(exp * 1000).toISOString();
    if (seedKey !== undefined && seedKey !== token.subject) {
      return { ...facts, problem: "the seed is another one's" };
    }
    requireSignature(token, ["operator", "account"]);
    // Whether somebody trusts the issuer is a matter of the configuration.
    return { ...facts, signature: "good" };
  } catch (error) {
    if (!(error instanceof JwtRefusal)) throw error;
    return { what: "JWT", problem: error.message };
  }
}
