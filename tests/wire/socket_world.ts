/** Plays transcripts over real sockets. */
import { RawNats } from "../kit/raw_nats.ts";
import type { Peer, World } from "./transcript.ts";

/** Connections to a port of this machine. Time passes by itself: a wait is the next answer. */
export class SocketWorld implements World, Disposable {
  readonly #open: SocketPeer[] = [];
  constructor(readonly port: number) {}

  async connect(): Promise<Peer> {
    const peer = await SocketPeer.connect(this.port);
    this.#open.push(peer);
    return peer;
  }

  pass(): void {}

  [Symbol.dispose](): void {
    for (const peer of this.#open) peer.raw.close();
  }
}

class SocketPeer implements Peer {
  #info: string | undefined;
  private constructor(readonly raw: RawNats) {
    this.#info = `INFO ${JSON.stringify(raw.info)}`;
  }

  static async connect(port: number): Promise<SocketPeer> {
    return new SocketPeer(await RawNats.connect(port));
  }

  async send(text: string): Promise<void> {
    try {
      await this.raw.send(text);
    } catch (error) {
      // The server has closed meanwhile; what it said before that can still be read.
      if (!isClosed(error)) throw error;
    }
  }

  end(): Promise<void> {
    return this.raw.conn.closeWrite();
  }

  line(): string | null | Promise<string | null> {
    const info = this.#info;
    this.#info = undefined;
    return info ?? this.raw.line();
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}
