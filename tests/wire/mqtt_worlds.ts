/** Where MQTT transcripts are played: sessions without sockets, and real ports. */
import type { ProtocolVersion } from "../../gateway/mqtt/packets.ts";
import { closeConn, dial, isClosed, readSome, writeAll } from "../kit/conn.ts";
import { mqttOptionsOf } from "../kit/defaults.ts";
import { type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import { type AnyPacket, decodeAll, decoderOf } from "../mqtt/wire.ts";
import type { Peer } from "./mqtt_transcript.ts";
import type { World } from "./transcript.ts";

/** Sessions without sockets, and a clock that jumps. */
export class MqttSessionWorld implements World<Peer> {
  readonly #world: MqttWorld;

  constructor(settings: readonly string[]) {
    this.#world = new MqttWorld({ options: mqttOptionsOf(settings) });
  }

  connect(): Peer {
    return new SessionPeer(this.#world.link());
  }

  pass(ms: number): void {
    this.#world.pass(ms);
  }
}

class SessionPeer implements Peer {
  version: ProtocolVersion = 5;
  readonly #packets: AnyPacket[] = [];
  constructor(readonly client: FakeClient) {}

  send(bytes: Uint8Array): void {
    this.client.session.receive(bytes);
  }

  end(): void {
    this.client.drop();
  }

  packet(): AnyPacket | null {
    this.client.decoder.version = this.version;
    this.#packets.push(...this.client.take());
    const packet = this.#packets.shift();
    if (packet !== undefined) return packet;
    if (this.client.ended === undefined) throw new Error("nothing came");
    return null;
  }
}

/** Connections to a port of this machine. Time passes by itself: a wait is the next answer. */
export class MqttSocketWorld implements World<Peer>, Disposable {
  readonly #open: SocketPeer[] = [];
  constructor(readonly port: number) {}

  async connect(): Promise<Peer> {
    const peer = new SocketPeer(await dial(this.port));
    this.#open.push(peer);
    return peer;
  }

  pass(): void {}

  [Symbol.dispose](): void {
    for (const peer of this.#open) peer.end();
  }
}

class SocketPeer implements Peer {
  version: ProtocolVersion = 5;
  readonly #decoder = decoderOf(5, "client", 1 << 28);
  readonly #packets: AnyPacket[] = [];
  constructor(readonly conn: Deno.Conn) {}

  async send(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.conn, bytes);
    } catch (error) {
      // The server has closed meanwhile; what it said before that can still be read.
      if (!isClosed(error)) throw error;
    }
  }

  end(): void {
    closeConn(this.conn);
  }

  async packet(): Promise<AnyPacket | null> {
    this.#decoder.version = this.version;
    while (this.#packets.length === 0) {
      const chunk = await readSome(this.conn, "a packet");
      if (chunk === undefined) return null;
      this.#packets.push(...decodeAll(this.#decoder, chunk));
    }
    return this.#packets.shift()!;
  }
}
