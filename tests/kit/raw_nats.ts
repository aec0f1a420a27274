/** A NATS client of bytes and lines, for what no client library would send. */
import assert from "node:assert/strict";
import { closeConn, dial, readSome, writeAll } from "./conn.ts";

/** A delivery, taken apart. */
export interface RawMessage {
  readonly subject: string;
  readonly sid: string;
  readonly reply: string | undefined;
  /** The header block as it came; empty for MSG. */
  readonly header: string;
  readonly payload: Uint8Array;
}

/** One connection. Reads only when asked, so it can also play the reader that never reads. */
export class RawNats implements Disposable {
  /** The first line that the server sent, decoded. */
  info: Record<string, unknown> = {};
  #buffer = new Uint8Array(0);
  #ended = false;
  private constructor(readonly conn: Deno.Conn) {}

  /** Connects, and reads INFO. */
  static async connect(port: number): Promise<RawNats> {
    const raw = new RawNats(await dial(port));
    const line = await raw.line();
    if (line === null) raw.close();
    assert.match(line ?? "nothing", /^INFO \{.*\} ?$/);
    raw.info = JSON.parse(line!.slice(5));
    return raw;
  }

  /** Connects and introduces itself; not verbose, with headers, unless `options` say otherwise. */
  static async open(port: number, options: Record<string, unknown> = {}): Promise<RawNats> {
    const raw = await RawNats.connect(port);
    const connect = { verbose: false, pedantic: false, headers: true, ...options };
    await raw.send(`CONNECT ${JSON.stringify(connect)}\r\nPING\r\n`);
    if (connect.verbose) await raw.expect("+OK");
    await raw.expect("PONG");
    return raw;
  }

  /** Sends text or bytes as they are. */
  send(data: string | Uint8Array): Promise<void> {
    return writeAll(this.conn, typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** Publishes. */
  publish(subject: string, payload: string | Uint8Array = "", reply = ""): Promise<void> {
    const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
    return this.send(concat(`PUB ${subject} ${reply} ${bytes.length}\r\n`, bytes, "\r\n"));
  }

  /** Publishes with header lines. */
  publishWithHeaders(
    subject: string,
    lines: readonly string[],
    payload = "",
    reply = "",
  ): Promise<void> {
    const block = ["NATS/1.0", ...lines, "", ""].join("\r\n");
    const size = new TextEncoder().encode(block).length;
    const total = size + new TextEncoder().encode(payload).length;
    return this.send(`HPUB ${subject} ${reply} ${size} ${total}\r\n${block}${payload}\r\n`);
  }

  /** Subscribes and waits until it holds. */
  async subscribe(subject: string, sid: string | number = 1, queue = ""): Promise<void> {
    await this.send(`SUB ${subject} ${queue} ${sid}\r\n`);
    await this.flush();
  }

  /** The next line without its end; null when the server has closed. */
  async line(): Promise<string | null> {
    while (true) {
      const end = this.#buffer.indexOf(LINE_FEED);
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#buffer.subarray(0, end));
        this.#buffer = this.#buffer.slice(end + 1);
        return line.replace(/\r$/, "");
      }
      if (!await this.#more()) {
        assert.equal(this.#buffer.length, 0, "the server closed within a line");
        return null;
      }
    }
  }

  /** The next `count` bytes. */
  async bytes(count: number): Promise<Uint8Array> {
    while (this.#buffer.length < count) {
      assert.ok(await this.#more(), `the server closed; ${count} bytes were due`);
    }
    const bytes = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.slice(count);
    return bytes;
  }

  /** The next lines must be these. */
  async expect(...lines: (string | RegExp | null)[]): Promise<void> {
    for (const wanted of lines) {
      const line = await this.line();
      if (wanted instanceof RegExp) assert.match(line ?? "(closed)", wanted);
      else assert.equal(line, wanted);
    }
  }

  /** The next thing must be a delivery. */
  async message(): Promise<RawMessage> {
    const line = await this.line();
    assert.match(line ?? "(closed)", /^H?MSG /);
    const [op, subject, sid, ...rest] = line!.split(" ");
    const total = Number(rest.pop());
    const headerSize = op === "HMSG" ? Number(rest.pop()) : 0;
    const body = await this.bytes(total + 2);
    assert.deepEqual([...body.subarray(total)], [13, 10]);
    return {
      subject: subject!,
      sid: sid!,
      reply: rest[0],
      header: new TextDecoder().decode(body.subarray(0, headerSize)),
      payload: body.subarray(headerSize, total),
    };
  }

  /** Everything sent so far has been dealt with, and nothing came back. */
  async nothing(): Promise<void> {
    await this.send("PING\r\n");
    await this.expect("PONG");
  }

  /** As `nothing`; the name says why it is called. */
  flush(): Promise<void> {
    return this.nothing();
  }

  /** Everything that comes until the server closes. */
  async rest(): Promise<string> {
    while (await this.#more());
    return new TextDecoder().decode(this.#buffer);
  }

  /** Lets go of the connection. */
  close(): void {
    closeConn(this.conn);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const chunk = await readSome(this.conn, "bytes from the NATS port");
    this.#ended = chunk === undefined;
    if (chunk !== undefined) this.#buffer = concat(this.#buffer, chunk);
    return chunk !== undefined;
  }
}

const LINE_FEED = 0x0a;

/** Texts and bytes one after the other. */
export function concat(...parts: readonly (string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const all = parts.map((part) => typeof part === "string" ? new TextEncoder().encode(part) : part);
  const joined = new Uint8Array(all.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of all) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
