/** NATS clients of the simulation. */
import assert from "node:assert/strict";
import { NatsClientDecoder, ServerOp } from "../../gateway/nats/client.ts";
import type { Chance } from "../kit/random.ts";
import type { Client, SimConnection } from "./connection.ts";
import { retainedPayload } from "./mqtt_clients.ts";
import { Received } from "./numbers.ts";
import { SECRET_TOPIC, type SimWorld } from "./world.ts";

const DECODER = new TextDecoder();
const ENCODER = new TextEncoder();
/** Messages of one publisher that may be unacknowledged. */
const WINDOW = 10;

/** Connects again whenever it likes. */
abstract class NatsClient implements Client {
  connection: SimConnection | undefined = undefined;
  mayConnect = true;
  #decoder = new NatsClientDecoder();

  constructor(readonly world: SimWorld, readonly chance: Chance, readonly name: string) {}

  /** Does one thing of its own accord. */
  act(): void {
    if (this.connection !== undefined) return this.work();
    if (!this.mayConnect) return;
    this.#decoder = new NatsClientDecoder();
    this.connection = this.world.connectNats(this);
    this.greet();
  }

  receive(bytes: Uint8Array): void {
    const decoder = this.#decoder;
    decoder.feed(bytes);
    for (let op; (op = decoder.next()) !== ServerOp.None;) {
      if (op === ServerOp.Ping) this.send("PONG\r\n");
      else if (op === ServerOp.Ok) this.accepted();
      else if (op === ServerOp.Msg) {
        const { bytes, subjectStart, subjectEnd, bodyStart, bodyEnd, headerSize } = decoder;
        const start = bodyStart + Math.max(0, headerSize);
        this.take(
          DECODER.decode(bytes.subarray(subjectStart, subjectEnd)).replaceAll(".", "/"),
          DECODER.decode(bytes.subarray(start, bodyEnd)),
        );
      } else if (op === ServerOp.Err) {
        assert.fail(`${this.name}: ${DECODER.decode(bytes)}`);
      }
    }
  }

  lost(): void {
    this.connection = undefined;
  }

  /** True when there is nothing left to do. */
  abstract get idle(): boolean;
  protected abstract greet(): void;
  protected abstract work(): void;
  protected abstract accepted(): void;
  protected abstract take(topic: string, payload: string): void;

  protected send(text: string): void {
    this.connection!.send(ENCODER.encode(text));
  }
}

/** Publishes 0, 1, 2 … in verbose mode, which is QoS 1, and sends again what has no `+OK`. */
export class NatsPublisher extends NatsClient {
  sent = 0;
  finishing = false;
  #acknowledged = 0;
  /** `+OK` that are due before those of messages. */
  #greetings = 0;

  constructor(world: SimWorld, chance: Chance, readonly topic: string, readonly retain = false) {
    super(world, chance, `NATS publisher of ${topic}`);
  }

  get idle(): boolean {
    return this.#acknowledged === this.sent;
  }

  protected greet(): void {
    this.#greetings = 1;
    this.send('CONNECT {"verbose":true,"pedantic":false,"headers":true}\r\n');
    for (let value = this.#acknowledged; value < this.sent; value++) this.#publish(value);
  }

  protected work(): void {
    if (!this.finishing && this.sent - this.#acknowledged < WINDOW) this.#publish(this.sent++);
  }

  protected accepted(): void {
    if (this.#greetings > 0) this.#greetings--;
    else this.#acknowledged++;
  }

  protected take(): void {
    assert.fail(`${this.name} has not subscribed`);
  }

  #publish(value: number): void {
    const subject = this.topic.replaceAll("/", ".");
    if (!this.retain) return this.send(`PUB ${subject} ${String(value).length}\r\n${value}\r\n`);
    const header = "NATS/1.0\r\nMqtt-Retain: 1\r\n\r\n";
    const payload = retainedPayload(value);
    const sizes = `${header.length} ${header.length + payload.length}`;
    this.send(`HPUB ${subject} ${sizes}\r\n${header}${payload}\r\n`);
  }
}

/** Subscribes anew with each connection; what comes meanwhile is not for it. */
export class NatsSubscriber extends NatsClient {
  /** What came, by topic, of each connection by itself. */
  readonly epochs: Map<string, Received>[] = [];

  constructor(
    world: SimWorld,
    chance: Chance,
    name: string,
    readonly subject: string,
    readonly queue = "",
  ) {
    super(world, chance, name);
  }

  get idle(): boolean {
    return true;
  }

  protected greet(): void {
    this.epochs.push(new Map());
    this.send('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n');
    this.send(`SUB ${this.subject} ${this.queue} 1\r\n`);
  }

  protected work(): void {}

  protected accepted(): void {
    assert.fail(`${this.name} is not verbose`);
  }

  protected take(topic: string, payload: string): void {
    assert.notEqual(topic, SECRET_TOPIC, `${this.name} hears a secret`);
    const epoch = this.epochs.at(-1)!;
    let received = epoch.get(topic);
    if (received === undefined) epoch.set(topic, received = new Received(this.queue === ""));
    received.note(Number(payload), `${this.name}, ${topic}`);
  }
}
