/**
 * What both test clients can do, whichever protocol they speak. Names are in the spelling of the
 * protocol: subjects for NATS, topics for MQTT.
 */
import { EXIT, OperationalError } from "../errors.ts";
import { Outbox } from "../protocol/outbox.ts";
import { writeAll } from "../transport/stream.ts";
import type { DialedStream } from "./dial.ts";

/** A message that came in. */
export interface Received {
  readonly name: string;
  /** Valid during the call only. */
  readonly payload: Uint8Array;
  /** NATS headers, MQTT 5 user properties. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly reply: string | undefined;
  /** MQTT only. */
  readonly qos?: number;
  readonly retain?: boolean;
  /** NATS only: status of a header block, such as 503. */
  readonly status?: number;
}

/** How to publish. */
export interface PublishOptions {
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly reply: string | undefined;
  /** MQTT 5, with `reply`. */
  readonly correlationData?: Uint8Array;
}

/** How to subscribe. */
export interface SubscribeOptions {
  readonly qos: 0 | 1 | 2;
  /** Queue group or share name. */
  readonly group: string | undefined;
}

/** A connected client. */
export interface TestClient {
  /** Called with each message, unless `onPayload` is there. */
  onMessage: ((message: Received) => void) | undefined;
  /** The fast way for load: only where the payload is, `bytes[start..end)`. */
  onPayload: ((bytes: Uint8Array, start: number, end: number) => void) | undefined;
  /** False while too much is on its way: wait for `ready()`. */
  readonly isReady: boolean;
  /** Resolves when `isReady` is true; rejects when the connection is lost. */
  ready(): Promise<void>;
  /** Sends at the end of the turn. */
  publish(name: string, payload: Uint8Array, options: PublishOptions): void;
  /** Resolves when the subscription is in place. */
  subscribe(filter: string, options: SubscribeOptions): Promise<void>;
  /** Publishes and waits for one answer; undefined when nobody is there to give one. */
  request(name: string, payload: Uint8Array, options: PublishOptions): Promise<Answer | undefined>;
  /** Resolves when the server has taken everything that was published. */
  flush(): Promise<void>;
  /** Says goodbye. */
  close(): Promise<void>;
  /** Why the connection ended; undefined after `close`. */
  readonly closed: Promise<Error | undefined>;
}

/** The answer to a request; its payload may be kept. */
export type Answer = Received;

/** Bytes on their way at which a publisher has to wait. */
const PENDING_BYTES_MAX = 512 * 1024;
const READ_BYTES = 64 * 1024;

/**
 * Moves bytes between a stream and a protocol: what is written to `out` leaves at the end of the
 * turn, what comes in goes to `receive`.
 */
export class Pump {
  readonly out: Outbox;
  readonly #closed = Promise.withResolvers<Error | undefined>();
  readonly closed: Promise<Error | undefined> = this.#closed.promise;
  /** What the server complained about last: it explains why a connection ends. */
  complaint: string | undefined;
  #isClosing = false;
  #ended: Error | undefined | false = false;
  #flushing: Promise<void> | undefined;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(readonly stream: DialedStream) {
    this.out = new Outbox(this, () => {
      this.#flushing ??= this.#flush();
    });
  }

  /** True when there is room for more to send. */
  get hasRoom(): boolean {
    return this.out.pendingBytes < PENDING_BYTES_MAX;
  }

  /** Reads until the end; `receive` may throw, which ends the connection. */
  async run(receive: (chunk: Uint8Array) => void): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (;;) {
        const count = await this.#read(buffer);
        if (count === null) break;
        receive(buffer.subarray(0, count));
        this.wake();
      }
      this.#end(new OperationalError("The server closed the connection."));
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** With TLS 1.3, a server that wants a certificate says so only after the handshake: here. */
  async #read(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.stream.read(buffer);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new OperationalError(`The connection broke: ${reason}`, EXIT.unavailable, { cause });
    }
  }

  /** One read, for a greeting that comes before `run`; false at the end. */
  async readOnce(receive: (chunk: Uint8Array) => void): Promise<boolean> {
    const buffer = new Uint8Array(READ_BYTES);
    const count = await this.#read(buffer);
    if (count === null) return false;
    receive(buffer.subarray(0, count));
    return true;
  }

  /** Resolves at the next change: bytes came, bytes left. Rejects when the connection is lost. */
  change(): Promise<void> {
    if (this.#ended !== false) return Promise.reject(this.#ended ?? closedError());
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Throws what the server has complained about since the last time. */
  throwComplaint(): void {
    const { complaint } = this;
    this.complaint = undefined;
    if (complaint !== undefined) throw new OperationalError(complaint, 1);
  }

  /** Tells those who wait for a change. */
  wake(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const each of waiting) each.resolve();
  }

  /** Resolves when everything written so far has left. */
  async drained(): Promise<void> {
    await this.#flushing;
  }

  /** Sends what is left, then ends the connection. */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    try {
      await this.drained();
      await this.stream.closeWrite();
    } catch {
      // The other side was faster.
    }
    this.#end(undefined);
  }

  async #flush(): Promise<void> {
    // Everything written in this turn leaves together.
    await Promise.resolve();
    try {
      for (;;) {
        const segment = this.out.take();
        if (segment === undefined) break;
        await writeAll(this.stream, segment.bytes);
        this.out.done(segment);
        this.wake();
      }
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
    }
    this.#flushing = undefined;
  }

  #end(error: Error | undefined): void {
    if (this.#ended !== false) return;
    this.#ended = this.#isClosing ? undefined : this.#explained(error);
    this.stream.close();
    for (const each of this.#waiting) each.reject(this.#ended ?? closedError());
    this.#waiting = [];
    this.#closed.resolve(this.#ended);
  }

  #explained(error: Error | undefined): Error | undefined {
    if (error === undefined || this.complaint === undefined) return error;
    return new OperationalError(this.complaint, 1);
  }
}

/** For those who wait for something on a connection that we closed. */
export function closedError(): OperationalError {
  return new OperationalError("The connection is closed.");
}
