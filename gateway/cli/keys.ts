/** `natsgate nkey gen`, `natsgate nkey show`. */
import { generateNkey, publicNkeyOfSeed } from "../auth/nkey.ts";
import { type NkeyKind, parseSeed } from "../nkey_text.ts";
import type { Arguments } from "./parse.ts";
import { EXIT, type Io } from "./io.ts";
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
