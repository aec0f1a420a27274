/**
 * A connection as lists and the admin API show it.
 */
import { type Link, type SessionInfo, UNKNOWN_SOFTWARE } from "../protocol/session.ts";
import type { Connected } from "./connected.ts";
import type { ProtocolVersion } from "./packets.ts";

/** What the session counts itself. */
export interface SessionNumbers {
  readonly version: ProtocolVersion;
  readonly connectedAt: number;
  readonly lastReceivedAt: number;
  readonly bytesIn: number;
  readonly messagesIn: number;
}

/** What people call the versions that CONNECT numbers. */
export const VERSION_NAMES: Readonly<Record<number, string>> = {
  3: "3.1",
  4: "3.1.1",
  5: "5.0",
};

/** Describes a connection; `at` is undefined until its CONNECT is accepted. */
export function describe(
  link: Link,
  at: Connected | undefined,
  numbers: SessionNumbers,
): SessionInfo {
  const client = at?.client;
  return {
    protocol: "mqtt",
    version: VERSION_NAMES[numbers.version] ?? "",
    clientId: client?.clientId ?? "",
    username: at?.principal.username,
    introduced: at !== undefined,
    authMethod: at?.principal.method ?? "",
    connectedAt: numbers.connectedAt,
    lastReceivedAt: numbers.lastReceivedAt,
    roundTrip_ms: undefined,
    software: UNKNOWN_SOFTWARE,
    keepalive: at?.keepAlive ?? 0,
    mountpoint: at?.mountpoint ?? "",
    cleanStart: at?.cleanStart ?? true,
    expiryInterval: client?.expiryInterval ?? 0,
    subscriptions: client?.subscriptions.size ?? 0,
    messagesIn: numbers.messagesIn,
    messagesOut: at?.sender.messages ?? 0,
    bytesIn: numbers.bytesIn,
    bytesOut: link.out.sentBytes,
    dropped: client?.deliveries.dropped ?? 0,
    pendingBytes: link.out.pendingBytes,
  };
}
