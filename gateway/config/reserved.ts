/** Names that nothing in the configuration can have. */
import type { Finding } from "./issue.ts";
import type { Path } from "./path.ts";
import { isTable } from "./tree.ts";

/** The library that reads by the schema leaves keys with these names out without a word. */
const RESERVED = new Set(["__proto__", "constructor", "prototype"]);

/** Every key of the tree that would be left out, such as a listener of that name. */
export function reservedNames(value: unknown, path: Path = []): Finding[] {
  if (Array.isArray(value)) return value.flatMap((part, i) => reservedNames(part, [...path, i]));
  if (!isTable(value)) return [];
  return Object.entries(value).flatMap(([key, part]): Finding[] =>
    RESERVED.has(key)
      ? [{
        path: [...path, key],
        severity: "error",
        message: "this name is JavaScript's own and cannot be used here; choose another",
        remove: "value",
      }]
      : reservedNames(part, [...path, key])
  );
}
