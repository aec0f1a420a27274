/**
 * The NATS test client.
 */
import { OperationalError } from "../errors.ts";
import {
  encodeConnect,
  encodePing,
  encodePong,
  encodePub,
  encodeSub,
  encodeUnsub,
  NatsClientDecoder,
  publishPrefix,
  ServerOp,
} from "../nats/client.ts";
import { decodeHeaders, encodeHeaders } from "../nats/headers.ts";
import { VERSION } from "../version.ts";
import type { Answer, PublishOptions, Received, SubscribeOptions, TestClient } from "./client.ts";
import { closedError, Pump } from "./client.ts";
import type { DialedStream } from "./dial.ts";
import { UsageError } from "./usage.ts";

/** Who the client is. */
export interface NatsLogin {
  readonly name: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Fields of CONNECT that answer the server's nonce: nkey, jwt, sig. */
  readonly sign?: (nonce: string | undefined) => Record<string, string>;
  /** Ask for `+OK` after each operation. */
  readonly verbose: boolean;
}

/** The part of INFO that the client looks at. */
interface ServerInfo {
  readonly nonce?: string;
  readonly tls_required?: boolean;
  readonly headers?: boolean;
}

/** Logs in over a fresh stream. */
export async function connectNats(
  stream: DialedStream,
  login: NatsLogin,
  encrypt: boolean,
): Promise<TestClient> {
  const client = new NatsClient(stream);
  try {
    await client.login(login, encrypt);
  } catch (error) {
    stream.close();
    throw error;
  }
  return client;
}

class NatsClient implements TestClient {
  onMessage: ((message: Received) => void) | undefined;
  onPayload: ((bytes: Uint8Array, start: number, end: number) => void) | undefined;
  readonly closed: Promise<Error | undefined>;
  readonly #pump: Pump;
  readonly #decoder = new NatsClientDecoder();
  #info: ServerInfo | undefined;
  #sid = 0;
  /** PONGs that are still to come, in order. */
  readonly #pongs: (() => void)[] = [];
  /** `+OK`s that are still to come. */
  #unacknowledged = 0;
  #verbose = false;
  readonly #answers = new Map<number, (answer: Received) => void>();
  /** The publish prefix used last: benchmarks publish to one subject. */
  #prefixName = "";
  #prefix: Uint8Array = new Uint8Array(0);

  constructor(readonly stream: DialedStream) {
    this.#pump = new Pump(stream);
    this.closed = this.#pump.closed;
  }

  async login(login: NatsLogin, encrypt: boolean): Promise<void> {
    while (this.#info === undefined) {
      const more = await this.#pump.readOnce((chunk) => this.#receive(chunk));
      if (!more) throw new OperationalError("The server closed the connection before its INFO.");
    }
    const info: ServerInfo = this.#info;
    if ((encrypt || info.tls_required === true) && this.stream.startTls !== undefined) {
      await this.stream.startTls();
    }
    const { name, username, password, sign } = login;
    // As in the URLs of other NATS clients, a user without password is a token.
    const who = password === undefined
      ? (username === undefined ? {} : { auth_token: username })
      : { user: username ?? "", pass: password };
    this.#verbose = login.verbose;
    encodeConnect(this.#pump.out, {
      verbose: login.verbose,
      pedantic: false,
      name,
      lang: "natsgate",
      version: VERSION,
      protocol: 1,
      headers: true,
      no_responders: true,
      ...who,
      ...sign?.(info.nonce),
    });
    if (login.verbose) this.#unacknowledged++;
    this.#pump.run((chunk) => this.#receive(chunk));
    await this.flush();
  }

  get isReady(): boolean {
    return this.#pump.hasRoom;
  }

  async ready(): Promise<void> {
    while (!this.isReady) await this.#pump.change();
  }

  publish(name: string, payload: Uint8Array, options: PublishOptions): void {
    const headers = [...options.headers];
    if (options.retain) headers.push(["Mqtt-Retain", "1"]);
    if (options.qos > 0) headers.push(["Mqtt-QoS", String(options.qos)]);
    if (this.#verbose) this.#unacknowledged++;
    if (headers.length === 0 && options.reply === undefined) {
      if (name !== this.#prefixName) {
        checkSubject(name);
        this.#prefix = publishPrefix(name);
        this.#prefixName = name;
      }
      encodePub(this.#pump.out, this.#prefix, payload);
      return;
    }
    checkSubject(name);
    const block = headers.length === 0 ? undefined : headerBlock(headers);
    const prefix = publishPrefix(name, options.reply, block !== undefined);
    encodePub(this.#pump.out, prefix, payload, block);
  }

  async subscribe(filter: string, options: SubscribeOptions): Promise<void> {
    checkSubject(filter);
    if (this.#verbose) this.#unacknowledged++;
    encodeSub(this.#pump.out, filter, ++this.#sid, options.group);
    await this.flush();
  }

  async request(
    name: string,
    payload: Uint8Array,
    options: PublishOptions,
  ): Promise<Answer | undefined> {
    const reply = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
    const sid = ++this.#sid;
    const answer = new Promise<Received>((resolve) => this.#answers.set(sid, resolve));
    if (this.#verbose) this.#unacknowledged += 2;
    encodeSub(this.#pump.out, reply, sid);
    encodeUnsub(this.#pump.out, sid, 1);
    this.publish(name, payload, { ...options, reply });
    const first = await Promise.race([answer, this.closed]);
    if (first === undefined || first instanceof Error) throw first ?? closedError();
    return first.status === 503 ? undefined : first;
  }

  async flush(): Promise<void> {
    let answered = false;
    this.#pongs.push(() => answered = true);
    encodePing(this.#pump.out);
    while (!answered || this.#unacknowledged > 0) await this.#pump.change();
    this.#pump.throwComplaint();
  }

  async close(): Promise<void> {
    await this.#pump.close();
  }

  #receive(chunk: Uint8Array): void {
    const decoder = this.#decoder;
    decoder.feed(chunk);
    for (;;) {
      switch (decoder.next()) {
        case ServerOp.None:
          return;
        case ServerOp.Msg:
          this.#message();
          break;
        case ServerOp.Ping:
          encodePong(this.#pump.out);
          break;
        case ServerOp.Pong:
          this.#pongs.shift()?.();
          break;
        case ServerOp.Ok:
          this.#unacknowledged--;
          break;
        case ServerOp.Err:
          this.#pump.complaint = `The server says: ${this.#text().trim()}`;
          if (this.#unacknowledged > 0) this.#unacknowledged--;
          break;
        case ServerOp.Info:
          this.#info = JSON.parse(this.#text()) as ServerInfo;
          break;
      }
    }
  }

  #message(): void {
    const { bytes, bodyStart, bodyEnd, headerSize, sid } = this.#decoder;
    const answer = this.#answers.get(sid);
    const payloadStart = bodyStart + Math.max(0, headerSize);
    if (answer === undefined && this.onPayload !== undefined) {
      this.onPayload(bytes, payloadStart, bodyEnd);
      return;
    }
    const { subjectStart, subjectEnd, replyStart, replyEnd } = this.#decoder;
    const block = headerSize > 0 ? decodeHeaders(bytes, bodyStart, payloadStart) : undefined;
    const message: Received = {
      name: decode(bytes, subjectStart, subjectEnd),
      payload: answer === undefined
        ? bytes.subarray(payloadStart, bodyEnd)
        : bytes.slice(payloadStart, bodyEnd),
      headers: block?.headers ?? [],
      reply: replyEnd > replyStart ? decode(bytes, replyStart, replyEnd) : undefined,
      ...(block?.status === undefined ? {} : { status: block.status }),
    };
    if (answer === undefined) this.onMessage?.(message);
    else {
      this.#answers.delete(sid);
      answer(message);
    }
  }

  #text(): string {
    return decode(this.#decoder.bytes, this.#decoder.textStart, this.#decoder.textEnd);
  }
}

const decoder = new TextDecoder();

function decode(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** `Mqtt-` headers are the client's to set, so the gateway's encoder will not do for them. */
function headerBlock(headers: PublishOptions["headers"]): Uint8Array {
  const plain = headers.filter(([name]) => !/^mqtt-/i.test(name));
  const block = encodeHeaders({ headers: plain }, false, 0);
  const base = block === undefined ? "NATS/1.0\r\n" : decoder.decode(block).slice(0, -2);
  const own = headers.filter(([name]) => /^mqtt-/i.test(name))
    .map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, " ")}\r\n`);
  return new TextEncoder().encode(`${base}${own.join("")}\r\n`);
}

function checkSubject(subject: string): void {
  if (/^[^\s\0]+$/.test(subject)) return;
  throw new UsageError(
    `"${subject}" is no NATS subject: it must not be empty or hold blanks. ` +
      "`natsgate translate` shows how a topic is spelled.",
  );
}
