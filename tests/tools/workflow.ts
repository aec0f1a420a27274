/**
 * Runs a workflow of GitHub Actions on this machine: its jobs in the order of `needs`, each in a
 * directory of its own, its scripts by the shells that GitHub would take. What GitHub itself or
 * somebody's action would do is done by the stand-ins of `workflow_actions.ts`. A key or an
 * expression that is not known here is an error, so that nothing is passed over in silence.
 */
import { parse } from "yaml";
import { ACTIONS, type Hub, type Machine, StepFailed } from "./workflow_actions.ts";

/** One step, as it stands in the file. */
interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Values of a matrix' row, by name. */
type Row = Readonly<Record<string, string>>;

/** One job, as it stands in the file. */
interface Job {
  readonly needs?: string | readonly string[];
  readonly uses?: string;
  readonly "runs-on"?: string;
  readonly container?: Readonly<Record<string, string>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include: readonly Row[] } };
  readonly steps?: readonly Step[];
}

/** A workflow, as it stands in the file. */
export interface Workflow {
  readonly on: {
    readonly push?: { readonly tags?: readonly string[]; readonly branches?: readonly string[] };
    readonly workflow_call?: null;
  };
  readonly permissions?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly defaults?: { readonly run: { readonly shell: string } };
  readonly jobs: Readonly<Record<string, Job>>;
}

const KEYS = {
  workflow: ["name", "on", "permissions", "env", "defaults", "jobs"],
  job: [
    ...["needs", "uses", "runs-on", "container", "permissions", "strategy", "steps"],
    "timeout-minutes",
  ],
  step: ["name", "uses", "with", "run", "env"],
} as const;

/** What GitHub calls each shell; {0} is the script's file. */
const SHELLS: Readonly<Record<string, readonly string[]>> = {
  bash: ["bash", "--noprofile", "--norc", "-eo", "pipefail"],
  unnamed: ["bash", "-e"],
  "unnamed in a container": ["sh", "-e"],
};

/** How a job ended; skipped when one that it needs did not succeed. */
export type Result = "success" | "failure" | "skipped";

/** A run of a workflow for a tag. */
export class WorkflowRun {
  /** By name of the job; that of a called workflow is `caller/job`. */
  readonly results = new Map<string, Result>();
  /** What all steps printed. */
  log = "";
  #jobs = 0;
  constructor(readonly hub: Hub, readonly tag: string, readonly workflow: Workflow) {}

  /** Runs all jobs, each after those that it needs. */
  async all(): Promise<void> {
    const waiting = new Set(Object.keys(this.workflow.jobs));
    while (waiting.size > 0) {
      const next = [...waiting].find((name) =>
        needsOf(this.#job(name)).every((n) => !waiting.has(n))
      );
      if (next === undefined) throw new Error(`these jobs need each other: ${[...waiting]}`);
      waiting.delete(next);
      const ready = needsOf(this.#job(next)).every((name) => this.results.get(name) === "success");
      if (ready) await this.job(next);
      else this.results.set(next, "skipped");
    }
  }

  /** Runs one job, whatever became of those that it needs. */
  async job(name: string): Promise<void> {
    const job = this.#job(name);
    try {
      if (job.uses !== undefined) await this.#called(name, job.uses);
      const rows = job.strategy?.matrix.include ?? [{}];
      for (const row of job.uses === undefined ? rows : []) await this.#steps(job, row);
      this.results.set(name, "success");
    } catch (error) {
      if (!(error instanceof StepFailed)) throw error;
      this.log += `${error.message}\n`;
      this.results.set(name, "failure");
    }
  }

  #job(name: string): Job {
    const job = this.workflow.jobs[name];
    if (job === undefined) throw new Error(`there is no job ${name}`);
    known(job, KEYS.job);
    return job;
  }

  async #called(name: string, path: string): Promise<void> {
    const workflow = readWorkflow(Deno.readTextFileSync(`${this.hub.origin}/${path}`));
    if (!("workflow_call" in workflow.on)) throw new Error(`${path} may not be called`);
    const run = new WorkflowRun(this.hub, this.tag, workflow);
    await run.all();
    this.log += run.log;
    for (const [job, result] of run.results) this.results.set(`${name}/${job}`, result);
    const failed = [...run.results].find(([, result]) => result !== "success");
    if (failed !== undefined) throw new StepFailed(`${path}: job ${failed[0]}: ${failed[1]}`);
  }

  async #steps(job: Job, row: Row): Promise<void> {
    const dir = `${this.hub.dir}/job-${Date.now()}-${this.#jobs++}`;
    const machine = {
      hub: this.hub,
      tag: this.tag,
      work: `${dir}/work`,
      bin: `${dir}/bin`,
      env: {},
    };
    for (const path of [machine.work, machine.bin]) await Deno.mkdir(path, { recursive: true });
    const shell = this.workflow.defaults?.run.shell ??
      (job.container === undefined ? "unnamed" : "unnamed in a container");
    for (const step of job.steps ?? []) {
      known(step, KEYS.step);
      const words = this.#words(machine, job, row);
      const env = { ...this.workflow.env, ...machine.env, ...step.env };
      if (step.uses !== undefined) await this.#action(machine, step, words);
      else await this.#script(machine, shell, words(step.run!), mapValues(env, words));
    }
  }

  /** Puts values in place of the expressions of a text. */
  #words(machine: Machine, job: Job, row: Row): (text: string) => string {
    const names = job.strategy?.matrix.include.flatMap(Object.keys) ?? [];
    const contexts: Record<string, Row> = {
      github: githubContext(this.tag),
      env: { ...this.workflow.env, ...machine.env },
      // What only other rows have is nothing here.
      matrix: { ...Object.fromEntries(names.map((name) => [name, ""])), ...row },
      secrets: { GITHUB_TOKEN: "secret-of-the-run" },
    };
    return (text) =>
      text.replace(/\$\{\{(.*?)\}\}/g, (_, expression: string) => {
        const [, context, name] = /^ (\w+)\.(\w+) $/.exec(expression) ?? [];
        const value = contexts[context ?? ""]?.[name ?? ""];
        if (value === undefined) throw new Error(`no value for the expression${expression}`);
        return value;
      });
  }

  async #action(machine: Machine, step: Step, words: (text: string) => string): Promise<void> {
    const [name] = step.uses!.split("@");
    const action = ACTIONS[name!];
    if (action === undefined) throw new Error(`no stand-in for ${step.uses}`);
    const inputs = mapValues(step.with ?? {}, (value) => words(String(value)));
    known(inputs, action.inputs);
    await action.run(inputs, machine);
  }

  async #script(machine: Machine, shell: string, script: string, env: Row): Promise<void> {
    const words = SHELLS[shell];
    if (words === undefined) throw new Error(`no such shell: ${shell}`);
    const file = await Deno.makeTempFile({ dir: machine.bin });
    const left = await Deno.makeTempFile({ dir: machine.bin });
    await Deno.writeTextFile(file, script);
    const { code, stdout, stderr } = await new Deno.Command(words[0]!, {
      args: [...words.slice(1), file],
      cwd: machine.work,
      clearEnv: true,
      env: { ...machineEnv(machine), ...env, GITHUB_ENV: left },
    }).output();
    this.log += new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    if (code !== 0) throw new StepFailed(`exit code ${code} of:\n${script}`);
    for (const line of Deno.readTextFileSync(left).split("\n").filter((each) => each !== "")) {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line)!;
      machine.env[name!] = value!;
    }
  }
}

/** Reads the text of a workflow. Throws for what `WorkflowRun` would pass over. */
export function readWorkflow(text: string): Workflow {
  const workflow: Workflow = parse(text);
  known(workflow, KEYS.workflow);
  return workflow;
}

/** True when a push of this tag starts the workflow. */
export function startsAt(workflow: Workflow, tag: string): boolean {
  const patterns = workflow.on.push?.tags ?? [];
  return patterns.some((pattern) =>
    new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", "[^/]*")}$`).test(tag)
  );
}

/** The jobs that a job waits for. */
export function needsOf(job: Job): readonly string[] {
  return typeof job.needs === "string" ? [job.needs] : job.needs ?? [];
}

function known(value: object, keys: readonly string[]): void {
  const strange = Object.keys(value).find((key) => !keys.includes(key));
  if (strange !== undefined) throw new Error(`the test does not know the key ${strange}`);
}

function githubContext(tag: string): Row {
  return {
    actor: "somebody",
    ref_name: tag,
    repository: "Some-Body/natsgate",
    token: "token-of-the-run",
  };
}

/** What a runner has in its environment, as far as anything here asks for it. */
function machineEnv({ hub, tag, bin }: Machine): Record<string, string> {
  const home = Deno.env.get("HOME") ?? "/root";
  const env: Record<string, string> = {
    CI: "true",
    GITHUB_REF_NAME: tag,
    GITHUB_REPOSITORY: githubContext(tag).repository!,
    HOME: home,
    PATH: `${bin}:${hub.dir}/programs:/usr/local/bin:/usr/bin:/bin`,
    // Packages that are there already are not fetched again.
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${home}/.cache/deno`,
    // Compressed well, a package takes a minute.
    DPKG_DEB_COMPRESSOR_TYPE: "none",
    GIT_CONFIG_GLOBAL: `${hub.dir}/gitconfig`,
  };
  for (const name of ["DENO_TLS_CA_STORE", "NPM_CONFIG_REGISTRY", "HTTPS_PROXY"]) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

function mapValues(record: Row, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
