/** A connection without a network: bytes travel in pieces, and are lost when it is cut. */
import type { CloseCause, Session } from "../../gateway/protocol/session.ts";
import { FakeLink } from "../kit/fake_link.ts";
import type { Chance } from "../kit/random.ts";

/** Largest piece that arrives at once, bytes: small, so that frames are split at any place. */
const PIECE_BYTES_MAX = 200;

/** The far end of a connection. */
export interface Client {
  readonly name: string;
  /** The next bytes from the gateway. */
  receive(bytes: Uint8Array): void;
  /** The connection is gone. */
  lost(): void;
}

/** What the gateway's side of a connection is made of: `run` makes a turn of a piece of work. */
export type Turn = (job: () => void) => void;

class SimLink extends FakeLink {
  constructor(readonly run: Turn, listener: string) {
    super({ listener });
  }

  override turn(job: () => void): void {
    this.run(job);
  }
}

/** Both directions of one connection, and the session at its end. */
export class SimConnection {
  readonly link: SimLink;
  readonly session: Session;
  /** True once the session was told that it is over. */
  ended = false;
  /** True once the client has given it up, which the gateway has yet to find out. */
  deserted = false;
  readonly #turn: Turn;
  #toGateway = new Uint8Array(0);
  #toClient = new Uint8Array(0);

  constructor(
    readonly client: Client,
    turn: Turn,
    listener: string,
    open: (link: SimLink) => Session,
  ) {
    this.#turn = turn;
    this.link = new SimLink(turn, listener);
    this.session = open(this.link);
  }

  /** The client sends. */
  send(bytes: Uint8Array): void {
    if (!this.ended) this.#toGateway = join(this.#toGateway, bytes);
  }

  /** True while bytes are on their way and may go on. */
  get busy(): boolean {
    const { reading, cause } = this.link;
    return this.#toClient.length > 0 ||
      (this.#toGateway.length > 0 && reading && cause === undefined);
  }

  /** Lets some bytes arrive, in one of the two directions. */
  move(chance: Chance): void {
    if (this.#toClient.length > 0 && chance.happens(0.5)) {
      const piece = this.#toClient.slice(0, 1 + chance.below(PIECE_BYTES_MAX));
      this.#toClient = this.#toClient.slice(piece.length);
      this.client.receive(piece);
    } else if (this.#toGateway.length > 0 && this.link.reading && this.link.cause === undefined) {
      this.#turn(() => this.#offer(1 + chance.below(PIECE_BYTES_MAX)));
    }
  }

  /** As the transport does: straight into the session's own buffer where it asks for that. */
  #offer(count: number): void {
    const { session } = this;
    const wanted = session.wanted?.();
    const piece = this.#toGateway.slice(0, Math.min(count, wanted?.length ?? count));
    this.#toGateway = this.#toGateway.slice(piece.length);
    if (wanted === undefined) {
      session.receive(piece);
      // The transport reads into it again: nothing may be kept of it.
      piece.fill(0xee);
    } else {
      wanted.set(piece);
      session.filled!(piece.length);
    }
  }

  /** The end of a turn: what the session wrote goes on its way. True when there was something. */
  flush(): boolean {
    const written = this.link.written();
    if (!this.deserted) this.#toClient = join(this.#toClient, written);
    return written.length > 0;
  }

  /** The session is told that it is over; part of a turn. */
  end(cause: CloseCause): void {
    this.ended = true;
    this.session.closed(cause);
  }

  /** The client gives up and tells nobody; what it sent before still arrives. */
  desert(): void {
    this.deserted = true;
    this.#toClient = new Uint8Array(0);
    this.client.lost();
  }

  /** The client hears of it, after all that was sent to it before, or after some of it. */
  hangUp(chance: Chance, everything: boolean): void {
    const count = everything ? this.#toClient.length : chance.below(this.#toClient.length + 1);
    const last = this.#toClient.slice(0, count);
    this.#toClient = this.#toGateway = new Uint8Array(0);
    if (this.deserted) return;
    if (last.length > 0) this.client.receive(last);
    this.client.lost();
  }
}

function join(a: Uint8Array<ArrayBuffer>, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
