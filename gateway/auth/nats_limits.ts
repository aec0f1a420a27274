/**
 * Where, when and how a NATS user may connect (`src`, `times`, `allowed_connection_types`), and
 * how much it may ask for.
 */
import { inNetwork, parseNetwork } from "../address.ts";
import type { PeerInfo } from "../protocol/session.ts";
import { asNumber, asObject, asText, asTexts, type JsonObject } from "./json.ts";
import { refuse } from "./nats_claims.ts";
import type { Principal } from "./types.ts";

/** Refuses a connection from an address that `src` does not name. Version 1 has a comma list. */
export function requireSource(nats: JsonObject, address: string): void {
  const sources = typeof nats.src === "string" ? nats.src.split(",") : asTexts(nats.src);
  const listed = sources.map((source) => source.trim()).filter((source) => source !== "");
  if (listed.length === 0) {
    if (nats.src === undefined || nats.src === null || isEmpty(nats.src)) return;
    refuse("jwt_source_not_allowed");
  }
  const allowed = listed.some((source) => {
    const network = parseNetwork(source);
    return network !== undefined && inNetwork(network, address);
  });
  if (!allowed) refuse("jwt_source_not_allowed");
}

/**
 * Refuses a connection outside of the time windows of a day, and answers when the present window
 * ends (milliseconds since the epoch). Undefined: no windows.
 */
export function requireTime(nats: JsonObject, now: number): number | undefined {
  if (nats.times === undefined || nats.times === null || isEmpty(nats.times)) return undefined;
  if (!Array.isArray(nats.times)) refuse("jwt_time_not_allowed");
  const second = secondOfDay(asText(nats.times_location) ?? asText(nats.locale), now);
  let left_s = 0;
  for (const item of nats.times) {
    const range = asObject(item);
    const start = clockSeconds(range?.start), end = clockSeconds(range?.end);
    if (start === undefined || end === undefined || second === undefined) continue;
    // A window whose end is not after its start reaches over midnight.
    const length = ((end - start) + DAY_S) % DAY_S || DAY_S;
    const into = ((second - start) + DAY_S) % DAY_S;
    if (into < length) left_s = Math.max(left_s, length - into);
  }
  if (left_s === 0) refuse("jwt_time_not_allowed");
  return now - now % 1000 + left_s * 1000;
}

/** Refuses a way of connecting that the user's list leaves out. */
export function requireConnectionType(nats: JsonObject, peer: PeerInfo): void {
  const types = nats.allowed_connection_types;
  if (types === undefined || types === null || isEmpty(types)) return;
  const wanted = peer.transport === "ws" || peer.transport === "wss" ? "WEBSOCKET" : "STANDARD";
  if (!asTexts(types).some((type) => type.toUpperCase() === wanted)) {
    refuse("jwt_connection_type_not_allowed");
  }
}

/**
 * The lower of the user's and the account's limits; -1, null or absent is no limit. They are held
 * against each connection: NATS names `data` beside `subs` and `payload`, as "maximum bytes", and
 * its servers enforce the other two that way, this one not at all. `conn` is the account's alone.
 */
export function limitsOf(user: JsonObject, account: JsonObject): NonNullable<Principal["limits"]> {
  const least = (name: string, sources = [user, account]) => {
    const given = sources.map((source) => asNumber(source[name]))
      .filter((limit): limit is number => limit !== undefined && limit >= 0);
    return given.length === 0 ? undefined : Math.min(...given);
  };
  const accountConnections = least("conn", [account]);
  const subscriptions = least("subs"), payloadBytes = least("payload"), dataBytes = least("data");
  return {
    ...(subscriptions === undefined ? {} : { subscriptions }),
    ...(payloadBytes === undefined ? {} : { payloadBytes }),
    ...(dataBytes === undefined ? {} : { dataBytes }),
    ...(accountConnections === undefined ? {} : { accountConnections }),
  };
}

const DAY_S = 86_400;

function isEmpty(value: unknown): boolean {
  return value === "" || (Array.isArray(value) && value.length === 0);
}

function clockSeconds(value: unknown): number | undefined {
  const match = /^(\d{1,2}):(\d{2}):(\d{2})$/.exec(typeof value === "string" ? value : "");
  if (match === null) return undefined;
  const [hours, minutes, seconds] = match.slice(1).map(Number) as [number, number, number];
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return hours * 3600 + minutes * 60 + seconds;
}

/** Second of the day in a time zone (IANA name; UTC when absent); undefined for unknown zones. */
function secondOfDay(zone: string | undefined, now: number): number | undefined {
  try {
    const format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone ?? "UTC",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
    });
    return clockSeconds(format.format(now));
  } catch {
    return undefined;
  }
}
