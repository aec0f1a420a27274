/**
 * The files that browsers load beside the pages. They are read when first asked for, from a path
 * relative to this module: `tools/compile.ts` puts them at the same place in the binary.
 */

/** Content types of what there is, by name; anything else does not exist. */
const TYPES: Readonly<Record<string, string>> = {
  "style.css": "text/css; charset=utf-8",
  "live.js": "text/javascript; charset=utf-8",
  "grafana.json": "application/json",
};

const read = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();

/** A file of `admin/assets` as an answer; undefined when there is none of that name. */
export async function asset(name: string): Promise<Response | undefined> {
  if (!Object.hasOwn(TYPES, name)) return undefined;
  let bytes = read.get(name);
  if (bytes === undefined) {
    bytes = Deno.readFile(new URL(`./assets/${name}`, import.meta.url));
    read.set(name, bytes);
  }
  return new Response(await bytes, {
    headers: { "content-type": TYPES[name]!, "cache-control": "no-cache" },
  });
}
