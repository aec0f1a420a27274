/**
 * Transcripts of NATS conversations: what a client sends and what it must get, as data. The same
 * file runs against a session without sockets, against a started gateway, and (where it says
 * `portable`) against nats-server, which proves that it is real NATS.
 *
 * ```
 * set gateway.nats.protocol.max_payload_size=1024     for the whole file
 * == PR-16 t_unsubscribe_with_max_msgs [portable]      one case
 * # why
 * > PING                  send a line (CR LF is added)
 * >> PI                   send without CR LF
 * < PONG                  the next line must be this
 * < /^-ERR /              ... or match this
 * < INFO {"proto":1}      ... or be JSON that holds this ("*": anything; false: or absent)
 * < (nothing)             everything is dealt with and nothing came
 * < (closed)              the server closes, without another byte
 * > (end)                 the client ends its side
 * ~ 2000                  this many milliseconds pass
 * b> PING                 the same on a second connection, named b
 * ```
 *
 * A connection is made when it is first named, and its INFO is read then. `\r \n \t \0 \xHH \\`
 * stand for those characters, `\(x*9)` for nine times x. At the end of a case `(nothing)` holds on
 * every connection that is still open.
 */
import assert from "node:assert/strict";

/** One transcript file. */
export interface Transcript {
  readonly name: string;
  /** `path=value` settings. */
  readonly settings: readonly string[];
  readonly cases: readonly Case[];
}

/** One conversation. */
export interface Case {
  readonly name: string;
  /** nats-server says the same. */
  readonly portable: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  /** Line of the file. */
  readonly at: number;
  readonly who: string;
  readonly kind: ">" | ">>" | "<" | "~";
  readonly text: string;
}

/** The client's end of one connection. */
export interface Peer {
  send(text: string): void | Promise<void>;
  /** The client ends its side. */
  end(): void | Promise<void>;
  /** The next line without CR LF; null when the server has closed. */
  line(): string | null | Promise<string | null>;
}

/** Where a transcript runs. */
export interface World {
  connect(): Peer | Promise<Peer>;
  /** Milliseconds pass. */
  pass(ms: number): void | Promise<void>;
}

/** Reads a transcript file. */
function parseTranscript(name: string, text: string): Transcript {
  const settings: string[] = [];
  const cases: { name: string; portable: boolean; steps: Step[] }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const at = index + 1;
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (line.startsWith("set ")) settings.push(line.slice(4).trim());
    else if (line.startsWith("== ")) {
      const title = line.slice(3).replace(/ \[portable\]$/, "");
      cases.push({ name: title, portable: title !== line.slice(3), steps: [] });
    } else {
      const match = /^([a-z]*)(>>|>|<|~)(?: (.*))?$/.exec(line);
      assert.ok(match !== null && cases.length > 0, `${name}:${at}: cannot read "${line}"`);
      const kind = match[2] as Step["kind"];
      cases.at(-1)!.steps.push({ at, who: match[1]!, kind, text: match[3] ?? "" });
    }
  }
  return { name, settings, cases };
}

/** Plays one case; throws, naming the line of the file, when an answer is not as written. */
export async function play(transcript: Transcript, one: Case, world: World): Promise<void> {
  const connections = new Map<string, Connection>();
  let step = one.steps[0]!;
  try {
    for (step of one.steps) {
      if (step.kind === "~") {
        await world.pass(Number(step.text));
        continue;
      }
      let connection = connections.get(step.who);
      if (connection === undefined) {
        connection = new Connection(await world.connect());
        await connection.open();
        connections.set(step.who, connection);
      }
      await connection.do(step);
    }
    for (const connection of connections.values()) await connection.finish();
  } catch (error) {
    const line = `${step.who}${step.kind} ${step.text}`;
    throw new Error(`${transcript.name}:${step.at}: ${line}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

class Connection {
  #info = "";
  #closed = false;
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
    if (!this.#closed) await this.#expect("(nothing)");
  }

  async #expect(wanted: string): Promise<void> {
    if (wanted === "(nothing)") {
      await this.peer.send("PING\r\n");
      assert.equal(await this.peer.line(), "PONG");
    } else if (wanted === "(closed)") {
      this.#closed = true;
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

/** Every transcript of this folder. */
export const TRANSCRIPTS: readonly Transcript[] = [
  ...Deno.readDirSync(new URL(".", import.meta.url)),
]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".nats"))
  .sort()
  .map((name) => parseTranscript(name, Deno.readTextFileSync(new URL(name, import.meta.url))));
