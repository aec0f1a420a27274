/**
 * MQTT transcripts: what stands in the lines of `transcript.ts`. They run against mosquitto as well.
 *
 * ```
 * > CONNECT c v=4 clean=0                  the client sends
 * < CONNACK present=0                      the next packet must be this
 * > PINGREQ | c0 00                        ... and these are its bytes
 * > hex 10 00                              bytes as they are
 * < PUBLISH t "x" qos=1 id=$a              binds $a to what comes, or compares
 * < (nothing)                              everything is dealt with and nothing came
 * < (closed)                               the server closes, without another byte
 * > (end)                                  the client's connection breaks
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
  /** Set with the first CONNECT: how to read what comes. */
  version: ProtocolVersion;
  send(bytes: Uint8Array): void | Promise<void>;
  /** The connection breaks. */
  end(): void | Promise<void>;
  /** The next packet; null when the server has closed. */
  packet(): AnyPacket | null | Promise<AnyPacket | null>;
}

/** Plays one case: see `playCase`. */
export function play(transcript: Transcript, one: Case, world: World<Peer>): Promise<void> {
  const variables = new Map<string, number>();
  return playCase(transcript, one, world, (peer) => new Connection(peer, variables));
}

class Connection implements Conversation {
  over = false;
  #connected = false;
  constructor(readonly peer: Peer, readonly variables: Map<string, number>) {}

  async do({ kind, text }: Step): Promise<void> {
    assert.notEqual(kind, ">>", "packets are sent whole");
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
export const MQTT_TRANSCRIPTS: readonly Transcript[] = readTranscripts(".mqtt");
