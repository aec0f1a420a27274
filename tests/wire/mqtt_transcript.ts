/**
 * Transcripts of MQTT conversations: what clients send and what they must get, as data. The same
 * file runs against sessions without sockets, against a started gateway, and (where it says
 * `portable`) against mosquitto, which proves that it is real MQTT.
 *
 * ```
 * set max_inflight=1                       an option, for the whole file
 * == Session Present [MQTT-3.2.2-2] [portable]
 * # why
 * > CONNECT c v=4 clean=0                  the client sends
 * < CONNACK present=0                      the next packet must be this
 * > PINGREQ | c0 00                        ... and these are its bytes
 * > hex 10 00                              bytes as they are
 * b> CONNECT b                             the same on a second connection, named b
 * < PUBLISH t "x" qos=1 id=$a              binds $a to what comes, or compares
 * < (nothing)                              everything is dealt with and nothing came
 * < (closed)                               the server closes, without another byte
 * > (end)                                  the client's connection breaks
 * ~ 2000                                   this many milliseconds pass
 * ```
 *
 * Fields are those of `gateway/mqtt/packets.ts`; properties go by their names there, those of a
 * will with `will.` in front. In CONNACK only what is written is compared, elsewhere everything
 * but reason strings. At the end of a case `(nothing)` holds on every open connection.
 */
import assert from "node:assert/strict";
import type { ProtocolVersion } from "../../gateway/mqtt/packets.ts";
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type AnyPacket, encode, fromHex, toHex } from "../mqtt/wire.ts";
import { assertPacket, parsePacket } from "./mqtt_words.ts";

/** One transcript file. */
export interface Transcript {
  readonly name: string;
  /** Options of `[mqtt]` by name. */
  readonly settings: Readonly<Record<string, number | boolean | string>>;
  readonly cases: readonly Case[];
}

/** One conversation. */
export interface Case {
  readonly name: string;
  /** mosquitto says the same. */
  readonly portable: boolean;
  readonly steps: readonly Step[];
}

interface Step {
  /** Line of the file. */
  readonly at: number;
  readonly who: string;
  readonly kind: ">" | "<" | "~";
  readonly text: string;
}

/** The client's end of one connection. */
export interface Peer {
  /** Set with the first CONNECT: how to read what comes. */
  version: ProtocolVersion;
  send(bytes: Uint8Array): void | Promise<void>;
  /** The connection breaks. */
  end(): void | Promise<void>;
  /** The next packet; null when the server has closed. */
  packet(): AnyPacket | null | Promise<AnyPacket | null>;
}

/** Where a transcript runs. */
export interface World {
  connect(): Peer | Promise<Peer>;
  /** Milliseconds pass. */
  pass(ms: number): void | Promise<void>;
}

/** Reads a transcript file. */
function parseTranscript(name: string, text: string): Transcript {
  const settings: Record<string, number | boolean | string> = {};
  const cases: { name: string; portable: boolean; steps: Step[] }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const at = index + 1;
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (line.startsWith("set ")) {
      const [key, value] = line.slice(4).trim().split("=");
      settings[key!] = JSON.parse(value!);
    } else if (line.startsWith("== ")) {
      const title = line.slice(3).replace(/ \[portable\]$/, "");
      cases.push({ name: title, portable: title !== line.slice(3), steps: [] });
    } else {
      const match = /^([a-z]*)(>|<|~) (.*)$/.exec(line);
      assert.ok(match !== null && cases.length > 0, `${name}:${at}: cannot read "${line}"`);
      const kind = match[2] as Step["kind"];
      cases.at(-1)!.steps.push({ at, who: match[1]!, kind, text: match[3]! });
    }
  }
  return { name, settings, cases };
}

/** Plays one case; throws, naming the line of the file, when an answer is not as written. */
export async function play(transcript: Transcript, one: Case, world: World): Promise<void> {
  const connections = new Map<string, Connection>();
  const variables = new Map<string, number>();
  let step = one.steps[0]!;
  try {
    for (step of one.steps) {
      if (step.kind === "~") {
        await world.pass(Number(step.text));
        continue;
      }
      let connection = connections.get(step.who);
      // A broken or closed connection makes room for a new one of the same name.
      if (connection === undefined || (connection.over && step.kind === ">")) {
        connection = new Connection(await world.connect(), variables);
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
  over = false;
  #connected = false;
  constructor(readonly peer: Peer, readonly variables: Map<string, number>) {}

  async do({ kind, text }: Step): Promise<void> {
    if (kind === "<") await this.#expect(text);
    else if (text === "(end)") {
      this.over = true;
      await this.peer.end();
    } else await this.peer.send(this.#bytes(text));
  }

  async finish(): Promise<void> {
    if (!this.over && this.#connected) await this.#expect("(nothing)");
  }

  #bytes(text: string): Uint8Array {
    if (text.startsWith("hex ")) return fromHex(text.slice(4));
    const [words, hex] = text.split(" | ");
    const packet = parsePacket(words!, this.peer.version, this.variables);
    if (packet.type === PacketType.Connect) {
      this.peer.version = packet.version;
      this.#connected = true;
    }
    const bytes = encode(this.peer.version, packet);
    if (hex !== undefined) assert.equal(toHex(bytes), hex.replaceAll(" ", ""), "bytes of a packet");
    return bytes;
  }

  async #expect(text: string): Promise<void> {
    if (text === "(nothing)") {
      await this.peer.send(encode(4, { type: PacketType.Pingreq }));
      const packet = await this.peer.packet();
      assert.deepEqual(packet, { type: PacketType.Pingresp });
    } else if (text === "(closed)") {
      this.over = true;
      assert.equal(await this.peer.packet(), null);
    } else {
      const [words, hex] = text.split(" | ");
      const packet = await this.peer.packet();
      assert.ok(packet !== null, "the server has closed");
      assertPacket(packet, words!, this.peer.version, this.variables);
      if (hex === undefined) return;
      assert.equal(toHex(encode(this.peer.version, packet)), hex.replaceAll(" ", ""));
    }
  }
}

/** Every MQTT transcript of this folder. */
export const MQTT_TRANSCRIPTS: readonly Transcript[] = [
  ...Deno.readDirSync(new URL(".", import.meta.url)),
]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".mqtt"))
  .sort()
  .map((name) => parseTranscript(name, Deno.readTextFileSync(new URL(name, import.meta.url))));
