/**
 * mosquitto as a process, to compare with. `MOSQUITTO` names the program; else the one on the
 * PATH is taken.
 */
import { freePorts, listens } from "./conn.ts";
import { until, within } from "./wait.ts";

/** The program; undefined when there is none. */
export const MOSQUITTO: string | undefined = findProgram();

/** A running mosquitto. */
export class Mosquitto implements AsyncDisposable {
  private constructor(
    readonly child: Deno.ChildProcess,
    readonly dir: string,
    readonly port: number,
    readonly webSocketPort: number,
  ) {}

  /**
   * Starts it on free ports: MQTT, and MQTT over WebSocket.
   * @param options lines of its configuration for the first of the two
   */
  static async start(options = ""): Promise<Mosquitto> {
    const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
    const [port, webSocketPort] = freePorts(2) as [number, number];
    const config = `listener ${port} localhost\n${options}` +
      `listener ${webSocketPort} 127.0.0.1\n` +
      "protocol websockets\nallow_anonymous true\n";
    Deno.writeTextFileSync(`${dir}/mosquitto.conf`, config);
    const child = new Deno.Command(MOSQUITTO!, {
      args: ["-c", `${dir}/mosquitto.conf`],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until(() => listens(port), "mosquitto to listen");
    await until(() => listens(webSocketPort), "mosquitto to listen for WebSockets");
    return new Mosquitto(child, dir, port, webSocketPort);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGTERM");
    await within(this.child.status, "mosquitto to stop");
    await Deno.remove(this.dir, { recursive: true });
  }
}

function findProgram(): string | undefined {
  const program = Deno.env.get("MOSQUITTO") ?? "mosquitto";
  try {
    // It has no --version, and answers -h with its help and 3.
    new Deno.Command(program, { args: ["-h"] }).outputSync();
    return program;
  } catch {
    return undefined;
  }
}
