/**
 * From the configuration of an authorization source to the source.
 */
import type { SourceConfig } from "../config/types.ts";
import type { BuiltinRules } from "./builtin_rules.ts";
import type { PartDeps } from "./deps.ts";
import { fileSource } from "./file_source.ts";
import type { AclSource } from "./source.ts";

/** Makes a source; backends are connected to at the first question. */
export function createSource(
  config: SourceConfig,
  rules: BuiltinRules,
  hardened: boolean,
  deps: Omit<PartDeps, "failClosed">,
): AclSource {
  switch (config.type) {
    case "file":
      return fileSource(config, deps.subjects, hardened ? "hardened" : "legacy");
    case "built_in_database":
      return rules.source();
    default:
      throw new Error("not yet");
  }
}
