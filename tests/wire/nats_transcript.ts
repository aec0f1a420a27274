/**
 * NATS transcripts: what stands in the lines of `transcript.ts`. They run against nats-server as
 * well.
 *
 * ```
 * > PING                  send a line (CR LF is added)
 * >> PI                   send without CR LF
 * < PONG                  the next line must be this
 * < /^-ERR /              ... or match this
 * < INFO {"proto":1}      ... or be JSON that holds this ("*": anything; false: or absent)
 * < (nothing)             everything is dealt with and nothing came
 * < (closed)              the server closes, without another byte
 * > (end)                 the client ends its side
 * ```
 *
 * INFO is read as soon as a connection is made. `\r \n \t \0 \xHH \\` stand for those
 * characters, `\(x*9)` for nine times x. At the end of a case `(nothing)` holds on every connection
 * that is still open.
 */
import assert from "node:assert/strict";
import {
  type Case,
  type Conversation,
  playCase,
  readTranscripts,
  type Step,
  type Transcript,
  type World,
} from "./transcript.ts";

/** The client's end of one connection. */
export interface Peer {
  send(text: string): void | Promise<void>;
  /** The client ends its side. */
  end(): void | Promise<void>;
  /** The next line without CR LF; null when the server has closed. */
  line(): string | null | Promise<string | null>;
}

/** Plays one case: see `playCase`. */
export function play(transcript: Transcript, one: Case, world: World<Peer>): Promise<void> {
  return playCase(transcript, one, world, async (peer) => {
    const connection = new Connection(peer);
    await connection.open();
    return connection;
  });
}

class Connection implements Conversation {
  #info = "";
  over = false;
  constructor(readonly peer: Peer) {}

  async open(): Promise<void> {
    this.#info = await this.peer.line() ?? "(closed)";
    assert.match(this.#info, /^INFO \{/);
  }

  async do({ kind, text }: Step): Promise<void> {
    if (kind === "<") await this.#expect(unescape(text));
    else if (text === "(end)") await this.peer.end();
    else await this.peer.send(unescape(text) + (kind === ">" ? "\r\n" : ""));
  }

  async finish(): Promise<void> {
    if (!this.over) await this.#expect("(nothing)");
  }

  async #expect(wanted: string): Promise<void> {
    if (wanted === "(nothing)") {
      await this.peer.send("PING\r\n");
      assert.equal(await this.peer.line(), "PONG");
    } else if (wanted === "(closed)") {
      this.over = true;
      assert.equal(await this.peer.line(), null);
    } else if (wanted.startsWith("INFO ")) {
      assertHolds(JSON.parse(this.#info.slice(5)), JSON.parse(wanted.slice(5)));
    } else if (wanted.startsWith("/") && wanted.endsWith("/") && wanted.length > 1) {
      assert.match(await this.peer.line() ?? "(closed)", new RegExp(wanted.slice(1, -1)));
    } else {
      assert.equal(await this.peer.line(), wanted);
    }
  }
}

function assertHolds(actual: Record<string, unknown>, wanted: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(wanted)) {
    if (value === "*") assert.notEqual(actual[key], undefined, key);
    else assert.deepEqual(actual[key] ?? false, value, key);
  }
}

function unescape(text: string): string {
  return text.replace(
    /\\(?:([rnt0\\])|x([0-9a-f]{2})|\((.)\*(\d+)\))/gi,
    (_all, letter?: string, hex?: string, repeated?: string, times?: string) => {
      if (letter !== undefined) return ESCAPES[letter]!;
      if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
      return repeated!.repeat(Number(times));
    },
  );
}

const ESCAPES: Readonly<Record<string, string>> = {
  r: "\r",
  n: "\n",
  t: "\t",
  "0": "\0",
  "\\": "\\",
};

/** Every NATS transcript of this folder. */
export const NATS_TRANSCRIPTS: readonly Transcript[] = readTranscripts(".nats");
