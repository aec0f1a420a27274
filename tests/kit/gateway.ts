/**
 * A gateway as users have it: a process of its own, real ports, real files. `NATSGATE_BIN` names a
 * compiled binary to test instead of the sources.
 */
import { until, within } from "./wait.ts";

/** Why TLS cannot be tried: the binary under test has a runtime for which it refuses TLS. */
export const NO_TLS: string | undefined = whyNoTls();

/** What to start. */
export interface GatewayOptions {
  /** Tables of TOML, put behind those of the listeners. */
  readonly config?: string;
  /** `path=value`, each given as `--set`. */
  readonly set?: readonly string[];
  /** Files and sockets it may have open. */
  readonly files_max?: number;
  /** More arguments. */
  readonly args?: readonly string[];
  /** Directory to use and keep, for tests that start again from what an earlier run left. */
  readonly dir?: string;
  /** Variables of its environment, beside those of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** Words that start it in a root of its own, which is `dir` and holds it as `/natsgate`. */
  readonly chroot?: readonly string[];
  /** Words in front of the program: what runs it and lends it its process id. */
  readonly under?: readonly string[];
}

/** A started gateway. Dispose of it to stop it and remove what it wrote. */
export class GatewayProcess implements AsyncDisposable {
  /** Ports by listener id, such as `nats:tcp:default`. */
  readonly ports = new Map<string, number>();
  constructor(
    readonly child: Deno.ChildProcess,
    readonly dir: string,
    readonly keepDir: boolean,
  ) {}

  /** Port of the NATS listener. */
  get nats(): number {
    return this.port("nats:tcp:default");
  }

  /** Port of the MQTT listener. */
  get mqtt(): number {
    return this.port("mqtt:tcp:default");
  }

  /** Port of a listener by its id. */
  port(listener: string): number {
    const port = this.ports.get(listener);
    if (port === undefined) throw new Error(`no listener ${listener}; log:\n${this.log()}`);
    return port;
  }

  /** Everything it wrote to standard error. */
  log(): string {
    return Deno.readTextFileSync(`${this.dir}/log`);
  }

  /** Bytes of memory that are resident now. */
  residentBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.child.pid}/status`);
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
  }

  /** CPU time of all its threads until now, seconds; nanoseconds exact. */
  cpuSeconds(): number {
    const { pid } = this.child;
    let ns = 0;
    for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const [onCpu] = Deno.readTextFileSync(`/proc/${pid}/task/${name}/schedstat`).split(" ");
      ns += Number(onCpu);
    }
    return ns / 1e9;
  }

  /** Number of files and sockets it holds open. */
  openFiles(): number {
    return [...Deno.readDirSync(`/proc/${this.child.pid}/fd`)].length;
  }

  /** Asks it to stop (or kills it), and gives its exit code. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.child.kill(signal);
    } catch {
      // It has gone by itself; its exit code tells how.
    }
    return (await within(this.child.status, "the gateway to stop")).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (!this.keepDir) await Deno.remove(this.dir, { recursive: true });
  }
}

/** Starts a gateway on free ports and waits until it says that it is ready. */
export async function startGateway(options: GatewayOptions = {}): Promise<GatewayProcess> {
  const gateway = spawnGateway(options);
  let ended: number | undefined;
  gateway.child.status.then((status) => ended = status.code);
  await until(() => ended !== undefined || gateway.log().includes("natsgate ready"), "ready");
  if (ended !== undefined) throw new Error(`the gateway ended with ${ended}:\n${gateway.log()}`);
  for (const [, port, listener] of gateway.log().matchAll(LISTENER_LINE)) {
    gateway.ports.set(listener!, Number(port));
  }
  return gateway;
}

/** Starts a gateway and waits for nothing: for tests of what keeps it from starting. */
export function spawnGateway(options: GatewayOptions): GatewayProcess {
  const dir = options.dir ?? Deno.makeTempDirSync({ prefix: "natsgate-test-" });
  Deno.writeTextFileSync(
    `${dir}/config.toml`,
    FREE_PORTS + FREE_ADMIN_PORT + (options.config ?? ""),
  );
  Deno.writeTextFileSync(`${dir}/log`, "");
  const binary = Deno.env.get("NATSGATE_BIN");
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const program = options.chroot !== undefined
    ? [...options.chroot, "/natsgate"]
    : binary === undefined
    ? [Deno.execPath(), "run", "-A", main]
    : [binary];
  const inside = options.chroot === undefined ? dir : "";
  const args = ["--config", `${inside}/config.toml`, "--data-dir", `${inside}/data`];
  for (const setting of options.set ?? []) args.push("--set", setting);
  args.push(...options.args ?? []);
  const limit = options.files_max === undefined ? "" : `ulimit -n ${options.files_max}; `;
  // The shell only lends its redirection: the gateway takes its place, and its process id.
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `${limit}unset NATSGATE_BIN; log=$1; shift; exec "$@" 2>>"$log"`,
      "sh",
      `${dir}/log`,
      ...options.under ?? [],
      ...program,
      ...args,
    ],
    env: options.env ?? {},
    stdin: "null",
    stdout: "null",
  }).spawn();
  return new GatewayProcess(child, dir, options.dir !== undefined);
}

/** Free ports for clients, so that tests never meet each other or a real broker. */
export const FREE_PORTS = `
[gateway.nats.listeners.tcp.default]
bind = "127.0.0.1:0"
[gateway.nats.listeners.ws.default]
enable = false
bind = "127.0.0.1:0"
[listeners.tcp.default]
bind = "127.0.0.1:0"
[listeners.ws.default]
enable = false
bind = "127.0.0.1:0"
`;
const FREE_ADMIN_PORT = `
[dashboard.listeners.http]
bind = "127.0.0.1:0"
`;

/** Port and listener id in a start-up line. */
const LISTENER_LINE = /:\/\/\S+?:(\d+)[^\s:]* \((\w+:\w+:[\w-]+)\): /g;

/**
 * A gateway for all tests of a file: started before the first, stopped after the last.
 */
export function sharedGateway(options: GatewayOptions = {}): { readonly process: GatewayProcess } {
  let process: GatewayProcess | undefined;
  Deno.test.beforeAll(async () => {
    process = await startGateway(options);
  });
  Deno.test.afterAll(async () => {
    await process?.[Symbol.asyncDispose]();
  });
  return {
    get process() {
      if (process === undefined) throw new Error("the gateway is started by the first test");
      return process;
    },
  };
}

function whyNoTls(): string | undefined {
  const binary = Deno.env.get("NATSGATE_BIN");
  if (binary === undefined) return undefined;
  const { stdout } = new Deno.Command(binary, { args: ["version"] }).outputSync();
  const [, minor] = /deno 2\.(\d+)\./.exec(new TextDecoder().decode(stdout)) ?? [];
  return Number(minor) < 9 ? `the binary's runtime is Deno 2.${minor}` : undefined;
}
