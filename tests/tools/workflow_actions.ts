/**
 * Stand-ins for the actions that the workflows use. They do to files what the real ones do, as
 * far as it can go wrong: artifacts lose the executable bit and keep the folders after the first
 * `*`, a checkout is a fresh clone, and an image can only be built of files that are there.
 * Nothing is sent anywhere.
 */
/** What the runs of one test share, and where they leave what they did. */
export interface Hub {
  /** Repository that is checked out. */
  readonly origin: string;
  /** Directory for artifacts, jobs and programs; `programs/` is on the path of every job. */
  readonly dir: string;
  /** Text of the `deno` that a job gets from `denoland/setup-deno`. */
  readonly deno: string;
  /** Text of files that a checkout has in place of the repository's. */
  readonly replaced: Record<string, string>;
  /** Registries that somebody logged in to. */
  readonly loggedIn: Set<string>;
  /** Images that were built and pushed: the inputs of `docker/build-push-action`. */
  readonly pushed: Record<string, string>[];
}

/** The machine of one job. */
export interface Machine {
  readonly hub: Hub;
  readonly tag: string;
  /** The checked-out repository, or an empty directory. */
  readonly work: string;
  /** Programs of this job alone. */
  readonly bin: string;
  /** Environment that steps left for those after them. */
  readonly env: Record<string, string>;
}

type Inputs = Readonly<Record<string, string>>;

/** A step that ended as it may end: GitHub would show its job in red. */
export class StepFailed extends Error {}

/** An action: the inputs that it may be given, and what it does. Throws `StepFailed`. */
interface Action {
  readonly inputs: readonly string[];
  readonly run: (inputs: Inputs, machine: Machine) => Promise<void>;
}

/** By name, without the version. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  "actions/checkout": { inputs: [], run: checkout },
  "denoland/setup-deno": { inputs: ["deno-version"], run: setupDeno },
  "actions/upload-artifact": { inputs: ["name", "path", "if-no-files-found"], run: upload },
  "actions/download-artifact": { inputs: ["name", "path"], run: download },
  "docker/setup-qemu-action": { inputs: [], run: () => Promise.resolve() },
  "docker/setup-buildx-action": { inputs: [], run: () => Promise.resolve() },
  "docker/login-action": { inputs: ["registry", "username", "password"], run: login },
  "docker/build-push-action": {
    inputs: ["context", "platforms", "push", "tags"],
    run: buildAndPush,
  },
};

async function checkout(_: Inputs, { hub, tag, work }: Machine): Promise<void> {
  const words = ["clone", "--quiet", "--depth=1", `--branch=${tag}`, `file://${hub.origin}`, "."];
  const { success, stderr } = await new Deno.Command("git", {
    args: ["-c", "advice.detachedHead=false", ...words],
    cwd: work,
    env: { GIT_CONFIG_GLOBAL: `${hub.dir}/gitconfig` },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  for (const [path, text] of Object.entries(hub.replaced)) {
    // Only the text is replaced: a script that may not be executed stays so.
    await Deno.stat(`${work}/${path}`);
    await Deno.writeTextFile(`${work}/${path}`, text);
  }
}

/** Gives this job a `deno`, provided that it asks for the one that everything is tested with. */
async function setupDeno(inputs: Inputs, { hub, bin }: Machine): Promise<void> {
  const pinned = /deno@([\d.]+)/.exec(await Deno.readTextFile(`${hub.origin}/.ci/run`))?.[1];
  if (inputs["deno-version"] !== pinned) throw new StepFailed(`the pinned Deno is ${pinned}`);
  await Deno.writeTextFile(`${bin}/deno`, hub.deno, { mode: 0o755 });
}

async function upload(inputs: Inputs, { hub, work }: Machine): Promise<void> {
  const path = inputs.path!.replace(/\/$/, "");
  const wildcard = path.indexOf("*");
  const base = wildcard < 0 ? path : path.slice(0, path.lastIndexOf("/", wildcard));
  const pattern = new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}(/|$)`);
  const files = filesBelow(`${work}/${base}`).filter((file) => pattern.test(`${base}/${file}`));
  if (files.length === 0 && inputs["if-no-files-found"] === "error") {
    throw new StepFailed(`no files were found with the path ${path}`);
  }
  const artifact = `${hub.dir}/artifacts/${inputs.name}`;
  for (const file of files) await copyPlain(`${work}/${base}/${file}`, `${artifact}/${file}`);
}

async function download(inputs: Inputs, { hub, work }: Machine): Promise<void> {
  const artifact = `${hub.dir}/artifacts/${inputs.name}`;
  const files = filesBelow(artifact);
  if (files.length === 0) throw new StepFailed(`there is no artifact ${inputs.name}`);
  for (const file of files) {
    await copyPlain(`${artifact}/${file}`, `${work}/${inputs.path ?? "."}/${file}`);
  }
}

/** Artifacts keep names and contents, and nothing of who may do what. */
async function copyPlain(from: string, to: string): Promise<void> {
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  await Deno.copyFile(from, to);
  await Deno.chmod(to, 0o644);
}

/** Paths of all files, relative to the directory; none when there is no such directory. */
function filesBelow(dir: string, prefix = ""): string[] {
  try {
    return [...Deno.readDirSync(`${dir}/${prefix}`)].flatMap(({ name, isDirectory }) =>
      isDirectory ? filesBelow(dir, `${prefix}${name}/`) : [`${prefix}${name}`]
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function login(inputs: Inputs, { hub }: Machine): Promise<void> {
  const { registry = "", username = "", password = "" } = inputs;
  if (registry === "" || username === "" || password === "") {
    throw new StepFailed("registry, username and password are needed");
  }
  hub.loggedIn.add(registry);
  return Promise.resolve();
}

/** Looks whether the Dockerfile finds what it copies and installs, for each platform. */
async function buildAndPush(inputs: Inputs, { hub, work }: Machine): Promise<void> {
  const context = `${work}/${inputs.context}`;
  const ignored = await Deno.readTextFile(`${context}/.dockerignore`);
  const sent = filesBelow(context).filter((file) => !isIgnored(file, ignored));
  const dockerfile = (await Deno.readTextFile(`${context}/Dockerfile`)).replaceAll("\\\n", "");
  for (const [, source] of dockerfile.matchAll(/^COPY (?!--from)(\S+) \S+$/gm)) {
    if (!sent.some((file) => file.startsWith(source!))) {
      throw new StepFailed(`${source}: not in the context`);
    }
  }
  const [, script] = /^RUN (.*)$/m.exec(dockerfile)!;
  for (const platform of inputs.platforms!.split(",")) {
    const [mode, file] = await installs(script!, platform.replace(/^linux\//, ""));
    if (mode !== "755") throw new StepFailed(`${file}: nobody could execute it`);
    if (!sent.includes(file.slice(1))) throw new StepFailed(`${file}: not in the context`);
  }
  const names = inputs.tags!.trim().split("\n");
  for (const name of names) {
    // As registries have it: small letters, and a tag behind the last colon.
    if (!/^[a-z0-9.-]+(\/[a-z0-9._-]+)+:[\w.-]+$/.test(name)) {
      throw new StepFailed(`${name}: not a name`);
    }
    if (!hub.loggedIn.has(name.split("/")[0]!)) throw new StepFailed(`${name}: not logged in`);
  }
  if (inputs.push === "true") hub.pushed.push({ ...inputs });
}

/** Mode and source of what a RUN line installs on a machine of this kind. */
async function installs(script: string, cpu: string): Promise<[mode: string, file: string]> {
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-ec", `install() { echo "$2 $3"; }; mkdir() { :; }; ${script}`],
    env: { TARGETARCH: cpu },
  }).output();
  const [mode = "", file = ""] = new TextDecoder().decode(stdout).trim().split(" ");
  return code === 0 ? [mode, file] : ["", script];
}

/** By the rules of .dockerignore: the last pattern that fits decides, for folders as well. */
function isIgnored(file: string, patterns: string): boolean {
  let ignored = false;
  for (const line of patterns.split("\n").filter((each) => each !== "")) {
    const pattern = line.replace(/^!/, "").replaceAll(".", "\\.").replaceAll("*", "[^/]*");
    if (new RegExp(`^${pattern}(/|$)`).test(file)) ignored = !line.startsWith("!");
  }
  return ignored;
}
