/**
 * Backup, restore, and the audit trail.
 */
import * as v from "valibot";
import { type Api, json } from "../api.ts";
import { pageBody, pageOf, Paging, slice } from "../schemas.ts";
import { tooLarge } from "../body.ts";
import { Problem } from "../problem.ts";

const common = { tag: "System", scope: "system" } as const;

const Entry = v.strictObject({
  at: v.string(),
  who: v.string(),
  by: v.string(),
  address: v.string(),
  what: v.string(),
  note: v.string(),
});
/** What is in a backup, and when it counts. */
const Contents = v.strictObject({
  sessions: v.number(),
  messages: v.number(),
  retained: v.number(),
  documents: v.number(),
  effect: v.string(),
});

/** `/backup`, `/restore` and `/audit`. */
export function systemRoutes(api: Api): void {
  const { control, audit } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/audit",
    summary: "Who changed what, newest first",
    scope: "audit",
    query: v.object(Paging),
    answers: { 200: pageOf(Entry) },
  }, ({ query }) => json(pageBody(slice(audit.list(), query), query, (entry) => entry)));

  api.on({
    ...common,
    method: "get",
    path: "/backup",
    summary: "A copy of all durable state, password hashes included: administrators only",
    answers: { 200: v.string() },
    answerType: "application/octet-stream",
    errors: [403],
  }, async ({ caller }) => {
    if (caller.role !== "administrator") {
      throw new Problem(
        403,
        "UNAUTHORIZED_ROLE",
        "a backup holds secrets: it needs an administrator",
      );
    }
    const directory = await Deno.makeTempDir({ dir: control.config.current.node.data_dir });
    const target = `${directory}/backup`;
    try {
      await control.backup.save(target);
      const file = await Deno.open(target);
      return new Response(file.readable, {
        headers: {
          "content-type": "application/octet-stream",
          "content-disposition": 'attachment; filename="natsgate.backup"',
        },
      });
    } finally {
      // The open file lives on until it is sent.
      await Deno.remove(directory, { recursive: true });
    }
  });

  api.on({
    ...common,
    method: "post",
    path: "/restore",
    summary: "Check a backup and lay it ready: it takes the place of all state at the next start",
    body: v.string(),
    bodyType: "application/octet-stream",
    answers: { 200: Contents },
    errors: [413],
  }, async ({ context }) => {
    const directory = await Deno.makeTempDir({ dir: control.config.current.node.data_dir });
    try {
      const source = `${directory}/backup`;
      const file = await Deno.open(source, { write: true, createNew: true, mode: 0o600 });
      const body = context.req.raw.body ?? new Blob([]).stream();
      const { max_size } = control.config.current.store;
      await body.pipeThrough(atMost(max_size)).pipeTo(file.writable);
      const contents = await control.backup.restore(source);
      return json({ ...contents, effect: "at the next start" });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

/** Lets so many bytes through. @throws {Problem} 413 for more */
function atMost(bytes_max: number): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0;
  return new TransformStream({
    transform(chunk, out) {
      bytes += chunk.length;
      if (bytes > bytes_max) throw tooLarge(bytes_max);
      out.enqueue(chunk);
    },
  });
}
