/** An MQTT client of single packets, for what client libraries hide. */
import assert from "node:assert/strict";
import { generate, type IConnectPacket, type Packet, parser } from "mqtt-packet";
import { Buffer } from "node:buffer";
import { closeConn, dial, readSome, writeAll } from "./conn.ts";

/** CONNECT fields; `protocolVersion` 5 unless given. */
export type ConnectFields = Partial<Omit<IConnectPacket, "cmd">>;
type Of<C extends Packet["cmd"]> = Extract<Packet, { cmd: C }>;

/** One connection. Acknowledges nothing by itself and reads only when asked. */
export class RawMqtt implements Disposable {
  readonly #parser;
  readonly #packets: Packet[] = [];
  #connack: Of<"connack"> | undefined;
  #ended = false;
  #packetId = 0;
  private constructor(readonly conn: Deno.Conn, readonly version: 3 | 4 | 5) {
    this.#parser = parser({ protocolVersion: version });
    this.#parser.on("packet", (packet: Packet) => this.#packets.push(packet));
  }

  /** Connects, without a CONNECT. */
  static async connect(port: number, version: 3 | 4 | 5 = 5): Promise<RawMqtt> {
    return new RawMqtt(await dial(port), version);
  }

  /** Connects and logs in. */
  static async open(port: number, fields: ConnectFields = {}): Promise<RawMqtt> {
    const version = fields.protocolVersion ?? 5;
    const raw = await RawMqtt.connect(port, version);
    const clientId = `raw-${crypto.randomUUID()}`;
    await raw.send({
      cmd: "connect",
      protocolId: "MQTT",
      protocolVersion: version,
      clean: true,
      keepalive: 60,
      clientId,
      ...fields,
    });
    const connack = await raw.expect("connack");
    assert.equal(version === 5 ? connack.reasonCode : connack.returnCode, 0);
    raw.#connack = connack;
    return raw;
  }

  /** What the server said to the CONNECT of `open`. */
  get connack(): Of<"connack"> {
    assert.ok(this.#connack !== undefined, "connected without open");
    return this.#connack;
  }

  /** Sends a packet. */
  send(packet: Packet): Promise<void> {
    return this.sendBytes(generate(packet, { protocolVersion: this.version }));
  }

  /** Sends bytes as they are. */
  sendBytes(bytes: Uint8Array): Promise<void> {
    return writeAll(this.conn, bytes);
  }

  /** Publishes; with QoS 1, waits for PUBACK and gives its reason code. */
  async publish(
    topic: string,
    payload: string | Uint8Array,
    fields: Partial<Of<"publish">> = {},
  ): Promise<number> {
    const qos = fields.qos ?? 0;
    const messageId = ++this.#packetId;
    await this.send({
      cmd: "publish",
      topic,
      payload: typeof payload === "string" ? payload : Buffer.from(payload),
      qos,
      dup: false,
      retain: false,
      ...(qos > 0 ? { messageId } : {}),
      ...fields,
    });
    if (qos !== 1) return 0;
    const puback = await this.expect("puback");
    assert.equal(puback.messageId, messageId);
    return puback.reasonCode ?? 0;
  }

  /** Subscribes to one filter and gives the granted QoS or reason code. */
  async subscribe(filter: string, options: Record<string, unknown> = {}): Promise<number> {
    const messageId = ++this.#packetId;
    const subscription = { topic: filter, qos: 0 as const, ...options };
    await this.send({ cmd: "subscribe", messageId, subscriptions: [subscription] });
    const suback = await this.expect("suback");
    return Number(suback.granted[0]);
  }

  /** The next packet; undefined when the server has closed. */
  async packet(): Promise<Packet | undefined> {
    while (this.#packets.length === 0) {
      if (this.#ended) return undefined;
      const chunk = await readSome(this.conn, "bytes from the MQTT port");
      if (chunk === undefined) this.#ended = true;
      else this.#parser.parse(Buffer.from(chunk));
    }
    return this.#packets.shift();
  }

  /** The next packet must be of this kind. */
  async expect<C extends Packet["cmd"]>(cmd: C): Promise<Of<C>> {
    const packet = await this.packet();
    assert.equal(packet?.cmd, cmd, `instead of ${cmd}: ${JSON.stringify(packet)}`);
    return packet as Of<C>;
  }

  /** Everything sent so far has been dealt with, and nothing came back. */
  async nothing(): Promise<void> {
    await this.send({ cmd: "pingreq" });
    await this.expect("pingresp");
  }

  /** What came until now. */
  async received(): Promise<Packet[]> {
    await this.send({ cmd: "pingreq" });
    const packets: Packet[] = [];
    for (let packet; (packet = await this.packet())?.cmd !== "pingresp";) {
      assert.ok(packet !== undefined, "the server closed");
      packets.push(packet);
    }
    return packets;
  }

  /** Says goodbye, and waits until the server has closed. */
  async disconnect(fields: Partial<Omit<Of<"disconnect">, "cmd">> = {}): Promise<void> {
    await this.send({ cmd: "disconnect", ...fields });
    assert.deepEqual(await this.rest(), []);
  }

  /** The server closes, after any number of packets, which are returned. */
  async rest(): Promise<Packet[]> {
    const packets: Packet[] = [];
    for (let packet; (packet = await this.packet()) !== undefined;) packets.push(packet);
    return packets;
  }

  /** Lets go of the connection. */
  close(): void {
    closeConn(this.conn);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
