/**
 * nats-server as a process, to compare with. `NATS_SERVER` names the program; else the one on the
 * PATH is taken.
 */
import { until, within } from "./wait.ts";

/** The program; undefined when there is none, and then why. */
export const NATS_SERVER: string | undefined = findProgram();

/** A running nats-server. */
export class NatsServer implements AsyncDisposable {
  private constructor(
    readonly child: Deno.ChildProcess,
    readonly dir: string,
    readonly port: number,
    /** Of its monitoring URLs. */
    readonly monitorPort: number,
  ) {}

  /** Starts it on a free port with lines of its configuration. */
  static async start(config = ""): Promise<NatsServer> {
    const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
    Deno.writeTextFileSync(`${dir}/server.conf`, config);
    const child = new Deno.Command(NATS_SERVER!, {
      args: [
        ...["-a", "127.0.0.1", "-p", "-1", "-m", "-1"],
        ...["--ports_file_dir", dir, "-c", `${dir}/server.conf`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const { nats, monitoring } = await until(() => portsFile(dir), "nats-server to listen");
    const [port, monitorPort] = [nats, monitoring].map(([url]) => Number(new URL(url!).port));
    return new NatsServer(child, dir, port!, monitorPort!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await within(this.child.status, "nats-server to stop");
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** URLs by what they are for. */
type Ports = Readonly<Record<"nats" | "monitoring", readonly string[]>>;

function portsFile(dir: string): Ports | undefined {
  for (const entry of Deno.readDirSync(dir)) {
    if (!entry.name.endsWith(".ports")) continue;
    const text = Deno.readTextFileSync(`${dir}/${entry.name}`);
    if (text.endsWith("}")) return JSON.parse(text);
  }
  return undefined;
}

function findProgram(): string | undefined {
  const program = Deno.env.get("NATS_SERVER") ?? "nats-server";
  try {
    const { success } = new Deno.Command(program, { args: ["--version"] }).outputSync();
    return success ? program : undefined;
  } catch {
    return undefined;
  }
}
