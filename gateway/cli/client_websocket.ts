/**
 * The client's side of a WebSocket as a byte stream (RFC 6455), for the test clients.
 */
import { createHash, randomBytes } from "node:crypto";
import { formatBind } from "../address.ts";
import { OperationalError } from "../errors.ts";
import { ChunkQueue } from "../transport/chunk_queue.ts";
import { type ByteStream, writeAll } from "../transport/stream.ts";
import { CLOSE, FrameParser, OPCODE, writeFrameHeader } from "../transport/websocket_frames.ts";
import type { Target } from "./target.ts";

/** Longest answer to the upgrade request. */
const ANSWER_BYTES_MAX = 16 * 1024;
/** Header of a frame: 2 bytes, 8 of length, 4 of mask. */
const HEADER_BYTES_MAX = 14;

/** Asks for the upgrade and returns the stream inside. */
export async function openWebSocket(stream: ByteStream, target: Target): Promise<ByteStream> {
  const key = randomBytes(16).toString("base64");
  const { host, port } = target;
  const lines = [
    `GET ${target.path || "/"} HTTP/1.1`,
    `Host: ${formatBind({ host, port })}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    ...(target.protocol === "mqtt" ? ["Sec-WebSocket-Protocol: mqtt"] : []),
  ];
  await writeAll(stream, new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
  const { head, rest } = await readHead(stream);
  const status = /^HTTP\/1\.1 (\d{3})[^\r\n]*/.exec(head);
  if (status?.[1] !== "101") {
    throw new OperationalError(
      `The server does not open a WebSocket at ${target.path || "/"}: ` +
        `${status?.[0] ?? "its answer is not HTTP"}. Check the path of the URL.`,
    );
  }
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  if (!head.toLowerCase().includes(`sec-websocket-accept: ${accept}`.toLowerCase())) {
    throw new OperationalError("The server's answer is no WebSocket handshake.");
  }
  return new ClientWebSocket(stream, rest);
}

async function readHead(stream: ByteStream): Promise<{ head: string; rest: Uint8Array }> {
  const bytes = new Uint8Array(ANSWER_BYTES_MAX);
  for (let length = 0; length < bytes.length;) {
    const count = await stream.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
    const head = new TextDecoder("latin1").decode(bytes.subarray(0, length));
    const end = head.indexOf("\r\n\r\n");
    if (end >= 0) return { head: head.slice(0, end), rest: bytes.slice(end + 4, length) };
  }
  throw new OperationalError("The server closed the connection before it answered.");
}

class ClientWebSocket implements ByteStream {
  readonly #parser: FrameParser;
  /** Bytes that came and were not asked for yet. */
  readonly #ready = new ChunkQueue();
  #ended = false;
  readonly #buffer = new Uint8Array(64 * 1024);
  constructor(readonly inner: ByteStream, rest: Uint8Array) {
    const rules = {
      maskRequired: false,
      compression: false,
      messageBytesMax: Number.MAX_SAFE_INTEGER,
    };
    this.#parser = new FrameParser(rules, {
      payload: (bytes, from, to) => this.#ready.push(bytes.slice(from, to)),
      messageEnd: () => {},
      control: (opcode, payload) => this.#control(opcode, payload),
    });
    this.#parser.push(rest, 0, rest.length);
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#ready.bytes === 0) {
      if (this.#ended) return null;
      const count = await this.inner.read(this.#buffer);
      if (count === null) return null;
      this.#parser.push(this.#buffer, 0, count);
    }
    return this.#ready.take(into);
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#send(OPCODE.binary, bytes);
    return bytes.length;
  }

  async closeWrite(): Promise<void> {
    await this.#send(OPCODE.close, new Uint8Array([CLOSE.normal >> 8, CLOSE.normal & 0xff]));
  }

  close(): void {
    this.inner.close();
  }

  #control(opcode: number, payload: Uint8Array): boolean {
    if (opcode === OPCODE.close) this.#ended = true;
    // The test client is at rest while it reads, or its next write carries the answer's turn.
    if (opcode === OPCODE.ping) this.#send(OPCODE.pong, payload).catch(() => {});
    return opcode !== OPCODE.close;
  }

  #sending: Promise<void> = Promise.resolve();

  /** One frame after the other; masked, as clients must (section 5.3). */
  #send(opcode: number, payload: Uint8Array): Promise<void> {
    const frame = maskedFrame(opcode, payload);
    this.#sending = this.#sending.then(() => writeAll(this.inner, frame));
    return this.#sending;
  }
}

/** A whole frame with a mask. */
function maskedFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES_MAX + payload.length);
  writeFrameHeader(frame, 0, opcode, payload.length);
  const header = payload.length < 126 ? 2 : payload.length < 65536 ? 4 : 10;
  frame[1]! |= 0x80;
  const mask = randomBytes(4);
  frame.set(mask, header);
  const body = header + 4;
  for (let i = 0; i < payload.length; i++) frame[body + i] = payload[i]! ^ mask[i & 3]!;
  return frame.subarray(0, body + payload.length);
}
