/**
 * What one PUBLISH costs the MQTT codec. One iteration is 1000 packets: divide by that.
 */
import { Decoder, NEED_MORE } from "../../gateway/mqtt/decode.ts";
import { encodePublish, publishTopic } from "../../gateway/mqtt/encode.ts";
import type { PayloadSource, ProtocolVersion, QoS } from "../../gateway/mqtt/packets.ts";
import { Outbox } from "../../gateway/protocol/outbox.ts";

const PACKETS = 1000;
const topic = publishTopic("sensors/room7/temperature");

for (const version of [4, 5] as const) {
  for (const qos of [0, 1] as const) {
    for (const size of [16, 128, 1024]) {
      const name = `1000 PUBLISH, version ${version}, QoS ${qos}, ${size} B`;
      const chunks = chunksOf(version, qos, size);
      const decoder = new Decoder(1 << 20);
      decoder.version = version;
      Deno.bench({ name: `decode ${name}`, group: "decode", fn: () => decode(decoder, chunks) });
      const out = new Outbox(undefined, () => {});
      const payload = payloadOf(size);
      Deno.bench({
        name: `encode ${name}`,
        group: "encode",
        fn: () => encode(out, version, payload, qos),
      });
    }
  }
}

function decode(decoder: Decoder, chunks: readonly Uint8Array[]): void {
  let bytes = 0;
  for (const chunk of chunks) {
    decoder.feed(chunk);
    while (decoder.next() !== NEED_MORE) {
      bytes += decoder.publish.payloadEnd - decoder.publish.payloadStart;
    }
  }
  if (bytes === 0) throw new Error("nothing was decoded");
}

/** Writes the packets and takes them out as a transport does, one slab at a time. */
function encode(out: Outbox, version: ProtocolVersion, payload: PayloadSource, qos: QoS): void {
  for (let i = 1; i <= PACKETS; i++) {
    encodePublish(out, version, topic, payload, qos, false, false, i);
  }
  for (let segment = out.take(); segment !== undefined; segment = out.take()) out.done(segment);
}

/** The packets as a socket would give them: in chunks of 64 KiB, cut anywhere. */
function chunksOf(version: ProtocolVersion, qos: QoS, size: number): Uint8Array[] {
  const out = new Outbox(undefined, () => {});
  const payload = payloadOf(size);
  for (let i = 1; i <= PACKETS; i++) {
    encodePublish(out, version, topic, payload, qos, false, false, i);
  }
  const parts: number[] = [];
  for (let segment = out.take(); segment !== undefined; segment = out.take()) {
    for (const byte of segment.bytes) parts.push(byte);
    out.done(segment);
  }
  const all = Uint8Array.from(parts);
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < all.length; at += 65536) chunks.push(all.slice(at, at + 65536));
  return chunks;
}

function payloadOf(size: number): PayloadSource {
  const bytes = new Uint8Array(size).fill(0x61);
  return { bytes, start: 0, end: size, payload: bytes };
}
