/**
 * Speaks just enough of MongoDB's wire protocol (OP_MSG) for the real driver to log nothing
 * amiss: hello, ping and find with equality filters. There is no MongoDB package for Debian.
 */
import { BSON } from "mongodb";

type Doc = Record<string, unknown>;

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const HEADER_BYTES = 16;

/** A server with one collection. */
export class MongodbStandIn implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  /** What each find asked for. */
  readonly filters: Doc[] = [];
  /** True: requests are read and never answered. */
  silent = false;
  readonly #accepting: Promise<void>;

  constructor(readonly documents: readonly Doc[], readonly setName?: string) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      this.#open.add(conn);
      void this.#serve(conn).catch(() => {}).finally(() => this.#open.delete(conn));
    }
  }

  async #serve(conn: Deno.Conn): Promise<void> {
    let held = new Uint8Array(0);
    for await (const chunk of conn.readable) {
      held = joined(held, chunk);
      while (held.length >= HEADER_BYTES) {
        const size = new DataView(held.buffer, held.byteOffset).getInt32(0, true);
        if (held.length < size) break;
        const answer = this.#answer(held.subarray(0, size));
        held = held.slice(size);
        if (answer !== undefined && !this.silent) await conn.write(answer);
      }
    }
  }

  #answer(message: Uint8Array): Uint8Array | undefined {
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const id = view.getInt32(4, true);
    const opcode = view.getInt32(12, true);
    if (opcode === OP_QUERY) {
      const nameEnd = message.indexOf(0, HEADER_BYTES + 4);
      const reply = this.#run(BSON.deserialize(message.subarray(nameEnd + 9)));
      const head = new Uint8Array(20);
      new DataView(head.buffer).setInt32(16, 1, true);
      return frame(id, OP_REPLY, joined(head, BSON.serialize(reply)));
    }
    if (opcode !== OP_MSG) return undefined;
    // Flags, then section kind 0: one document.
    const reply = this.#run(BSON.deserialize(message.subarray(HEADER_BYTES + 5)));
    return frame(id, OP_MSG, joined(new Uint8Array(5), BSON.serialize(reply)));
  }

  #run(command: Doc): Doc {
    if ("hello" in command || "ismaster" in command || "isMaster" in command) return this.#hello();
    if ("find" in command) {
      const filter = command.filter as Doc;
      this.filters.push(filter);
      const matching = this.documents.filter((document) =>
        Object.entries(filter).every(([name, value]) => document[name] === value)
      );
      const batch = matching.slice(0, Number(command.limit ?? 0) || undefined);
      const ns = `${command.$db}.${command.find}`;
      return { cursor: { id: BSON.Long.ZERO, ns, firstBatch: batch }, ok: 1 };
    }
    return { ok: 1 };
  }

  #hello(): Doc {
    const me = `127.0.0.1:${this.port}`;
    const set = this.setName === undefined
      ? {}
      : { setName: this.setName, setVersion: 1, hosts: [me], me, primary: me, secondary: false };
    return {
      helloOk: true,
      isWritablePrimary: true,
      ismaster: true,
      maxBsonObjectSize: 16_777_216,
      maxMessageSizeBytes: 48_000_000,
      maxWriteBatchSize: 100_000,
      localTime: new Date(),
      minWireVersion: 0,
      maxWireVersion: 21,
      readOnly: false,
      ...set,
      ok: 1,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) {
      try {
        conn.close();
      } catch {
        // Closed by the other side already.
      }
    }
    await this.#accepting;
  }
}

function frame(responseTo: number, opcode: number, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(HEADER_BYTES);
  const view = new DataView(head.buffer);
  view.setInt32(0, HEADER_BYTES + body.length, true);
  view.setInt32(8, responseTo, true);
  view.setInt32(12, opcode, true);
  return joined(head, body);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a, 0);
  both.set(b, a.length);
  return both;
}
