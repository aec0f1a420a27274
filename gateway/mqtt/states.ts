/**
 * Which packets may come in which state of a connection, and who takes them.
 */
import type { MqttCounters } from "../observe/metrics.ts";
import type { CloseCause } from "../protocol/session.ts";
import { ReasonCode, reasonText } from "./codes.ts";
import { connect } from "./connect.ts";
import { encodePingresp } from "./encode.ts";
import {
  type ConnectPacket,
  type DisconnectPacket,
  PacketType,
  type SubscribePacket,
  type UnsubscribePacket,
} from "./packets.ts";
import { protocolError } from "./reader.ts";
import type { MqttSession } from "./session.ts";
import { subscribe, unsubscribe } from "./subscribe.ts";

/** Where a connection is. */
export type State = "connecting" | "authenticating" | "connected" | "closed";

type Handler = (session: MqttSession) => void;

/** Anything that is not here is a protocol error. Indexed by packet type. */
export const ACCEPTED: Readonly<Record<State, readonly (Handler | undefined)[]>> = {
  connecting: table({
    [PacketType.Connect]: (session) => connect(session, session.decoder.packet as ConnectPacket),
  }),
  // Reading is off until the authenticator has answered.
  authenticating: table({}),
  connected: table({
    [PacketType.Publish]: (session) => session.publisher.handle(session.decoder.publish),
    [PacketType.Puback]: acknowledged,
    [PacketType.Pubrec]: received,
    [PacketType.Pubrel]: (session) => session.publisher.release(session.decoder.ack.packetId),
    [PacketType.Pubcomp]: completed,
    [PacketType.Subscribe]: (session) =>
      subscribe(session, session.decoder.packet as SubscribePacket),
    [PacketType.Unsubscribe]: (session) =>
      unsubscribe(session, session.decoder.packet as UnsubscribePacket),
    [PacketType.Pingreq]: ping,
    [PacketType.Disconnect]: (session) =>
      disconnected(session, session.decoder.packet as DisconnectPacket),
    [PacketType.Auth]: () => {
      // No method was agreed on in CONNECT. [MQTT-4.12.0-7]
      throw protocolError("AUTH without an authentication method");
    },
  }),
  closed: table({}),
};

function table(handlers: Partial<Record<PacketType, Handler>>): readonly (Handler | undefined)[] {
  return Array.from({ length: 16 }, (_, type) => handlers[type as PacketType]);
}

/** The names under which packets are counted, by type. */
export const RECEIVED: readonly (keyof MqttCounters["received"] | undefined)[] = [
  undefined,
  "connect",
  undefined,
  "publish",
  "puback",
  "pubrec",
  "pubrel",
  "pubcomp",
  "subscribe",
  undefined,
  "unsubscribe",
  undefined,
  "pingreq",
  undefined,
  "disconnect",
  "auth",
];

/** [MQTT-3.12.4-1] */
function ping({ broker, link }: MqttSession): void {
  broker.counters.sent.pingresp++;
  encodePingresp(link.out);
}

function acknowledged({ at, decoder }: MqttSession): void {
  const { deliveries } = at!.client;
  deliveries.acknowledged(decoder.ack.packetId);
  deliveries.relieve();
}

/** PUBREC is answered by PUBREL unless it refuses. [MQTT-4.3.3-4] */
function received({ at, decoder }: MqttSession): void {
  const { packetId, reasonCode } = decoder.ack;
  const { client, sender } = at!;
  const known = client.deliveries.received(packetId, reasonCode);
  if (known && reasonCode >= 0x80) return;
  const code = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
  sender.ackOut(PacketType.Pubrel, packetId, code);
}

function completed({ at, decoder }: MqttSession): void {
  const { deliveries } = at!.client;
  deliveries.completed(decoder.ack.packetId);
  deliveries.relieve();
}

/** DISCONNECT takes the will back, unless it asks for it. [MQTT-3.14.4-3] */
function disconnected(session: MqttSession, packet: DisconnectPacket): void {
  const { client } = session.at!;
  const { sessionExpiry } = packet.properties;
  if (sessionExpiry !== undefined) {
    if (client.expiryInterval === 0 && sessionExpiry > 0) { // [MQTT-3.14.2-2]
      throw protocolError("DISCONNECT gives an expiry to a session that had none");
    }
    client.changeExpiry(sessionExpiry);
  }
  const cause: CloseCause = packet.reasonCode === ReasonCode.Success
    ? { kind: "client-disconnect" }
    : { kind: "peer", detail: reasonText(packet.reasonCode) };
  session.left(cause);
}
