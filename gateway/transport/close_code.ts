/**
 * What a WebSocket client is told when its connection ends.
 */
import type { CloseCause } from "../protocol/session.ts";
import { CLOSE } from "./websocket_frames.ts";

/** MQTT's reason code for "packet too large". */
const PACKET_TOO_LARGE = 0x95;

/** The close code for a cause (RFC 6455, 7.4.1); the choices are nats-server's. */
export function closeCode(cause: CloseCause): number {
  switch (cause.kind) {
    case "protocol":
      return cause.error.reasonCode === PACKET_TOO_LARGE ? CLOSE.tooBig : CLOSE.protocolError;
    case "auth":
    case "auth-timeout":
    case "expired":
    case "kicked":
    case "slow-consumer":
    case "taken-over":
      return CLOSE.policy;
    case "idle-timeout":
    case "keepalive-timeout":
    case "shutdown":
      return CLOSE.goingAway;
    case "bug":
      return CLOSE.internalError;
    case "peer":
    case "client-disconnect":
      return CLOSE.normal;
  }
}
