/** `natsgate hash-password`. */
import { createHasher } from "../auth/hasher.ts";
import type { HashAlgorithm, MacFunction, SaltPosition } from "../auth/password.ts";
import { realClock } from "../clock.ts";
import { EXIT } from "../errors.ts";
import { silentLog } from "../observe/log.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { UsageError } from "./usage.ts";

/** Hashes the password on standard input, for a bootstrap file or a database. */
export async function run(args: Arguments, io: Io): Promise<number> {
  if (io.inIsTerminal) {
    throw new UsageError(
      "Pass the password on standard input, so that no history keeps it: ... < password.txt",
    );
  }
  const bytes = await io.readInput();
  const password = bytes.at(-1) === 0x0a ? bytes.subarray(0, -1) : bytes;
  if (password.length === 0) throw new UsageError("The password is empty.");
  const hasher = createHasher(realClock(), silentLog);
  try {
    const { hash, salt } = await hasher.hash(algorithmOf(args), password);
    if (args.flag("json")) io.out(`${JSON.stringify({ password_hash: hash, salt })}\n`);
    else io.out(salt === "" ? `${hash}\n` : `password_hash  ${hash}\nsalt           ${salt}\n`);
    return EXIT.ok;
  } finally {
    hasher.close();
  }
}

function algorithmOf(args: Arguments): HashAlgorithm {
  const name = args.text("algorithm") ?? "bcrypt";
  switch (name) {
    case "bcrypt":
      return { name, salt_rounds: args.integer("rounds") };
    case "pbkdf2":
      return {
        name,
        mac_fun: args.text("mac") as MacFunction,
        iterations: args.integer("iterations"),
      };
    default:
      return {
        name: name as "md5" | "sha" | "sha256" | "sha512",
        salt_position: args.text("salt-position") as SaltPosition,
      };
  }
}
