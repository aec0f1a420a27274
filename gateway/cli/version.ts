/** `natsgate version`. */
import { EXIT } from "../errors.ts";
import { BUILT, COMMIT, VERSION } from "../version.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Prints what this build is, as one line or as JSON. */
export function run(args: Arguments, io: Io): number {
  const facts = {
    version: VERSION,
    commit: COMMIT || null,
    built: BUILT || null,
    target: Deno.build.target,
    runtime: `deno ${Deno.version.deno}`,
  };
  if (args.flag("json")) io.out(`${JSON.stringify(facts)}\n`);
  else {
    const build = [COMMIT, BUILT].filter((part) => part !== "").join(" ");
    const origin = build === "" ? "from source" : build;
    io.out(`natsgate ${VERSION} (${origin}, ${facts.target}, ${facts.runtime})\n`);
  }
  return EXIT.ok;
}
