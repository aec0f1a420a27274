/** The client libraries that people use, with what tests need around them. */
import mqtt from "mqtt";
import { Buffer } from "node:buffer";
import {
  connect,
  type Msg,
  type NatsConnection,
  type NodeConnectionOptions,
} from "@nats-io/transport-node";
import { within } from "./wait.ts";

/** nats.js, connected; not connecting again by itself. */
export class NatsClient implements AsyncDisposable {
  private constructor(readonly nc: NatsConnection) {}

  /** Connects. */
  static async open(port: number, options: NodeConnectionOptions = {}): Promise<NatsClient> {
    const servers = `127.0.0.1:${port}`;
    return new NatsClient(await connect({ servers, reconnect: false, ...options }));
  }

  /** Subscribes, waits until it holds, and gives a way to ask for message after message. */
  async subscribe(subject: string, queue?: string): Promise<() => Promise<Msg>> {
    const subscription = this.nc.subscribe(subject, queue === undefined ? {} : { queue });
    const messages = subscription[Symbol.asyncIterator]();
    await this.nc.flush();
    return async () => (await within(messages.next(), `a message on ${subject}`)).value;
  }

  /** Answers every request with what `reply` makes of its text. Returns once it holds. */
  async answer(subject: string, reply: (text: string) => string): Promise<void> {
    this.nc.subscribe(subject, {
      callback: (_error, message) => {
        message.respond(reply(message.string()));
      },
    });
    await this.nc.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nc.close();
  }
}

/** What MQTT.js received. */
export interface MqttMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly packet: mqtt.IPublishPacket;
}

/** MQTT.js, connected; not connecting again by itself. */
export class MqttClient implements AsyncDisposable {
  readonly #messages: MqttMessage[] = [];
  #wake: () => void = () => {};
  private constructor(readonly client: mqtt.MqttClient) {
    client.on("message", (topic, payload, packet) => {
      this.#messages.push({ topic, payload, packet });
      this.#wake();
    });
  }

  /** Connects over TCP. */
  static async open(
    port: number,
    protocolVersion: 4 | 5,
    options: mqtt.IClientOptions = {},
  ): Promise<MqttClient> {
    const client = mqtt.connect({
      host: "127.0.0.1",
      port,
      protocolVersion,
      reconnectPeriod: 0,
      ...options,
    });
    // A message of a session that lives on may follow CONNACK at once: listen before.
    const opened = new MqttClient(client);
    await within(
      new Promise<void>((resolve, reject) => {
        client.once("connect", () => resolve());
        client.once("error", reject);
        client.once("close", () => reject(new Error("closed before CONNACK")));
      }),
      "MQTT.js to connect",
    );
    return opened;
  }

  /** Subscribes and waits until it holds. */
  async subscribe(filter: string | string[], options: Partial<mqtt.IClientSubscribeOptions> = {}) {
    return await within(
      this.client.subscribeAsync(filter, { qos: 0, ...options }),
      `SUBACK for ${filter}`,
    );
  }

  /** Publishes and waits for the acknowledgement that its QoS has. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    options: mqtt.IClientPublishOptions = {},
  ): Promise<void> {
    const data = typeof payload === "string" ? payload : Buffer.from(payload);
    await within(this.client.publishAsync(topic, data, options), `${topic} to be published`);
  }

  /** The next message. */
  async next(): Promise<MqttMessage> {
    while (this.#messages.length === 0) {
      await within(new Promise<void>((resolve) => this.#wake = resolve), "an MQTT message");
    }
    return this.#messages.shift()!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.endAsync();
  }
}

/** A program with its output, line by line. */
export class Program implements AsyncDisposable {
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";
  private constructor(readonly child: Deno.ChildProcess, readonly name: string) {
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts it; what it writes to standard error is shown with the test's. */
  static start(name: string, ...args: string[]): Program {
    const command = new Deno.Command(name, { args, stdin: "null", stdout: "piped" });
    return new Program(command.spawn(), name);
  }

  /** The next line of its output; undefined at the end. */
  async line(): Promise<string | undefined> {
    while (!this.#rest.includes("\n")) {
      const { value, done } = await within(this.#lines.read(), `a line from ${this.name}`);
      if (done) return undefined;
      this.#rest += value;
    }
    const end = this.#rest.indexOf("\n");
    const line = this.#rest.slice(0, end);
    this.#rest = this.#rest.slice(end + 1);
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.child.kill("SIGTERM");
    } catch {
      // It ended by itself.
    }
    await within(this.child.status, `${this.name} to end`);
    await this.#lines.cancel();
  }
}

/** Runs a program to its end; throws when it fails. */
export async function run(name: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(name, { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await within(command.output(), `${name} to end`);
  if (!success) throw new Error(`${name} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** True when a program can be started. */
export function hasProgram(name: string, ...args: string[]): boolean {
  try {
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    new Deno.Command(name, options).outputSync();
    return true;
  } catch {
    return false;
  }
}
