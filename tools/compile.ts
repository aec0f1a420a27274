/**
 * Makes the single binary: `deno task compile [--small] [TARGET… | all]`.
 *
 * Bundled first, because one file of our own code starts three times faster than a graph of
 * modules, and in pieces, so that a database driver is only read when it is configured. Without
 * a target the binary is for this machine (`dist/natsgate`), else `dist/TARGET/natsgate`.
 * `DENORT_BIN` names a runtime to use instead of the one that `deno compile` downloads.
 */

/** What is released. Deno has no other 64-bit targets with glibc, and no 32-bit ones. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** Everything that natsgate may do. It starts no programs and loads no native code. */
const PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--no-prompt",
  // Else code could be fetched from a handful of well-known hosts.
  "--deny-import",
  // For SO_REUSEPORT and for the datagrams to the service manager.
  "--unstable-net",
];

/**
 * Messages leave no garbage, so a large young generation makes nothing faster; it only stays in
 * memory after many clients have come at once. `deno task start` has the same.
 */
const V8_FLAGS = "--max-semi-space-size=4";
/** Less memory before speed; tests/bench/README.md has the figures of both. */
const SMALL_V8_FLAGS = "--max-semi-space-size=1,--max-old-space-size=128,--optimize-for-size";

const ROOT = new URL("../", import.meta.url).pathname;
const BUNDLE = `${ROOT}dist/bundle`;

if (import.meta.main) {
  const small = Deno.args.includes("--small");
  const named = Deno.args.filter((word) => !word.startsWith("-"));
  const targets = named.includes("all") ? TARGETS : named;
  await bundle();
  if (targets.length === 0) await compile(undefined, small);
  for (const target of targets) await compile(target, small);
}

/** Writes the program, the worker and the dashboard's files to `dist/bundle`. */
async function bundle(): Promise<void> {
  await Deno.remove(BUNDLE, { recursive: true }).catch(() => {});
  const options = ["bundle", "--quiet", "--platform=deno"];
  await deno([...options, "--code-splitting", "--outdir", BUNDLE, "main.ts"]);
  // A worker begins with a file of its own; `gateway/auth/hasher.ts` looks for it here.
  const worker = "gateway/auth/password_worker.ts";
  await deno([...options, "--output", `${BUNDLE}/password_worker.js`, worker]);
  await minifyLibraries();
  await copyAssets();
  await stamp();
}

/**
 * The runtime holds every embedded byte in memory, so the drivers are made small. Our own code is
 * left as it is, for stack traces that can be read.
 */
async function minifyLibraries(): Promise<void> {
  for await (const { name } of Deno.readDir(BUNDLE)) {
    const path = `${BUNDLE}/${name}`;
    const text = await Deno.readTextFile(path);
    // "// gateway/cli/run.ts", "// ../.cache/deno/npm/…": where the lines that follow came from.
    const origins = [...text.matchAll(/^\/\/ (\S+\.[cm]?[jt]sx?)$/gm)].map(([, path]) => path!);
    const isLibrary = origins.length > 0 && origins.every((origin) => origin.includes("/npm/"));
    // What several files share keeps the names under which they import it.
    if (!isLibrary || name.startsWith("chunk-")) continue;
    const options = ["--quiet", "--platform=deno", "--minify", "--external", "./chunk-*.js"];
    await deno(["bundle", ...options, "--output", `${path}.min`, path]);
    await Deno.rename(`${path}.min`, path);
  }
}

/** `admin/assets` goes beside the bundle's files, where `./assets/` of an `admin/*.ts` now points. */
async function copyAssets(): Promise<void> {
  const from = `${ROOT}admin/assets`;
  if (!await exists(from)) return;
  await Deno.mkdir(`${BUNDLE}/assets`, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(`${from}/${name}`, `${BUNDLE}/assets/${name}`);
  }
}

/** Puts commit and day into the one file of the bundle that `gateway/version.ts` went to. */
async function stamp(): Promise<void> {
  const commit = Deno.env.get("GITHUB_SHA") ?? await gitCommit();
  const built = new Date(Number(Deno.env.get("SOURCE_DATE_EPOCH") ?? NaN) * 1000 || Date.now())
    .toISOString().slice(0, 10);
  let stamped = 0;
  for await (const { name } of Deno.readDir(BUNDLE)) {
    if (!name.endsWith(".js")) continue;
    const path = `${BUNDLE}/${name}`;
    const text = await Deno.readTextFile(path);
    const next = text.replace(/^var COMMIT = "";$/m, `var COMMIT = "${commit.slice(0, 12)}";`)
      .replace(/^var BUILT = "";$/m, `var BUILT = "${built}";`);
    if (next === text) continue;
    await Deno.writeTextFile(path, next);
    stamped++;
  }
  if (stamped !== 1) throw new Error(`version.ts was found in ${stamped} files of the bundle`);
}

/** The commit that is checked out; "" where there is no git. */
async function gitCommit(): Promise<string> {
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["rev-parse", "HEAD"],
      cwd: ROOT,
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : "";
  } catch {
    return "";
  }
}

async function compile(target: string | undefined, small: boolean): Promise<void> {
  const name = target?.includes("windows") ? "natsgate.exe" : "natsgate";
  const output = `${ROOT}dist/${target === undefined ? "" : `${target}/`}${name}`;
  await deno([
    "compile",
    "--quiet",
    // The bundle needs neither the import map nor the types.
    "--no-config",
    "--no-check",
    ...PERMISSIONS,
    `--v8-flags=${small ? SMALL_V8_FLAGS : V8_FLAGS}`,
    ...(target === undefined ? [] : ["--target", target]),
    "--include",
    BUNDLE,
    "--output",
    output,
    `${BUNDLE}/main.js`,
  ]);
  const { size } = await Deno.stat(output);
  await write(`${output} (${(size / 1e6).toFixed(1)} MB)\n`);
}

/** Runs the Deno that runs this, so that bundle, runtime and script are of one release. */
async function deno(args: string[]): Promise<void> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "null" });
  const { code } = await command.spawn().status;
  if (code !== 0) throw new Error(`deno ${args[0]} ended with ${code}`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function write(text: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(text));
}
