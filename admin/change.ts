/**
 * Changes of the configuration on behalf of a caller.
 */
import type { Path } from "../gateway/config/path.ts";
import type { ConfigEdit, ConfigEdits } from "../gateway/control.ts";
import type { AdminContext, AdminDeps } from "./api.ts";
import type { Caller } from "./auth/caller.ts";
import { Problem } from "./problem.ts";

/** Most settings that one request changes; a list counts as one. */
const EDITS_MAX = 200;

/**
 * Makes the changes, and notes for the audit trail what they were.
 * @param edits those that depend on what is there are a function: see `ConfigControl.change`
 * @throws {Problem} 412, see `checkVersion`
 */
export async function change(
  { control }: AdminDeps,
  { context, caller }: { readonly context: AdminContext; readonly caller: Caller },
  edits: ConfigEdits,
): Promise<void> {
  const changes = await control.config.change(() => {
    checkVersion(context, control.config.version);
    const all = typeof edits === "function" ? edits() : edits;
    if (all.length <= EDITS_MAX) return all;
    throw new Problem(400, "BAD_REQUEST", `the body has more than ${EDITS_MAX} settings`);
  }, caller.name);
  context.set("note", changes.map(({ path }) => path).join(", "));
}

/**
 * Changes of a section: keys that are left out stay as they are, those of tables within it too,
 * and null stands for the default.
 */
export function sectionEdits(path: Path, body: Readonly<Record<string, unknown>>): ConfigEdit[] {
  return Object.entries(body).flatMap(([key, value]) => {
    const at = [...path, key];
    const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
    return isSection
      ? sectionEdits(at, value as Record<string, unknown>)
      : [{ path: at, value: value ?? undefined }];
  });
}

/**
 * Two people who edit at once must not undo each other's change: whoever sends the version it
 * started from is told when that is not the present one.
 * @throws {Problem} 412
 */
export function checkVersion(context: AdminContext, version: string): void {
  const expected = context.req.header("if-match");
  if (expected === undefined || expected === "*") return;
  const versions = expected.split(",").map((tag) => tag.trim().replace(/^W\/|"/g, ""));
  if (versions.includes(version)) return;
  const message = "somebody else has changed the configuration meanwhile; load it again";
  throw new Problem(412, "CONFLICT", message);
}

/** JSON with the version of the configuration that it shows. */
export function versioned(value: unknown, version: string, status = 200): Response {
  return Response.json(value, { status, headers: { etag: `"${version}"` } });
}
