/**
 * `data` of a NATS JWT: the bytes of message bodies (headers and payload) that one connection may
 * move, those it publishes and those it is sent together.
 */
import type { NatsSession } from "./session.ts";

/**
 * Takes from what a session with such a limit has left. False when it is not enough: the client is
 * told, and its connection ends.
 */
export function spendData(session: NatsSession, bytes: number): boolean {
  session.dataLeft! -= bytes;
  if (session.dataLeft! >= 0) return true;
  session.fail("maximum data exceeded", { kind: "auth", detail: "its data limit is used up" });
  return false;
}
