/**
 * What a message costs between two MQTT sessions, without sockets: 500 PUBLISH packets of 128
 * bytes in, 500 out, and their acknowledgements.
 */
import { PacketType } from "../../gateway/mqtt/packets.ts";
import { type ConnectFields, type FakeClient, MqttWorld } from "../kit/mqtt_world.ts";
import { type AnyPacket, encode } from "../mqtt/wire.ts";

const BATCH = 500;
const NO_PROPERTIES = {};

function publishes(version: 4 | 5, qos: 0 | 1 | 2): Uint8Array {
  const packets = Array.from({ length: BATCH }, (_, i): AnyPacket => ({
    type: PacketType.Publish,
    qos,
    retain: false,
    dup: false,
    packetId: qos === 0 ? 0 : i + 1,
    topic: "bench/topic/1",
    payload: new Uint8Array(128),
    properties: NO_PROPERTIES,
  }));
  return encode(version, ...packets);
}

/** Throws away what a client would read. */
function discard(client: FakeClient): void {
  const { out } = client.link;
  for (let segment = out.take(); segment !== undefined; segment = out.take()) out.done(segment);
}

function scenario(name: string, qos: 0 | 1, receivers: number, fields: ConnectFields): void {
  const version = fields.version === 5 ? 5 : 4;
  const world = new MqttWorld({ options: { max_inflight: 1000 } });
  const clients = Array.from({ length: receivers }, (_, i) => {
    const client = world.connect(`s${i}`, fields);
    client.subscribe("bench/#", qos);
    return client;
  });
  const publisher = world.connect("p", { version });
  const input = publishes(version, qos);
  let firstId = 1;
  Deno.bench({
    name: `${name}: ${BATCH} messages`,
    group: "mqtt session",
    fn() {
      publisher.session.receive(input);
      discard(publisher);
      const acks = qos === 0 ? undefined : pubacks(firstId, version);
      for (const client of clients) {
        discard(client);
        if (acks !== undefined) client.session.receive(acks);
      }
      firstId = (firstId - 1 + BATCH) % 65535 + 1;
    },
  });
}

const ACKS = new Uint8Array(BATCH * 4);
/** PUBACKs for a run of packet ids. */
function pubacks(firstId: number, _version: number): Uint8Array {
  let id = firstId;
  for (let i = 0; i < BATCH; i++) {
    ACKS[4 * i] = 0x40;
    ACKS[4 * i + 1] = 2;
    ACKS[4 * i + 2] = id >> 8;
    ACKS[4 * i + 3] = id & 0xff;
    id = id === 65535 ? 1 : id + 1;
  }
  return ACKS;
}

scenario("3.1.1 QoS 0, 1:1", 0, 1, { version: 4 });
scenario("5.0 QoS 0, 1:1", 0, 1, { version: 5 });
scenario("3.1.1 QoS 0, 1:10", 0, 10, { version: 4 });
scenario("3.1.1 QoS 1, 1:1", 1, 1, { version: 4 });
scenario("3.1.1 QoS 1, 1:10", 1, 10, { version: 4 });
scenario("3.1.1 QoS 1, 1:1, persistent", 1, 1, { version: 4, cleanStart: false });
scenario("3.1.1 QoS 1, 1:10, persistent", 1, 10, { version: 4, cleanStart: false });
