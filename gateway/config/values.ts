/**
 * How durations, sizes, rates and addresses are spelled in the configuration, and back. Pure;
 * each parser answers undefined for text that it does not understand.
 */
import { type Bind, isLoopback, parseAddress } from "../address.ts";

/** A server to connect to. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const UNITS_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
};

/** What a bare port number listens on. */
export const ANY_HOST = "0.0.0.0";

/**
 * Duration in milliseconds: `"1h30m"`, or a bare number of the base unit (`unit_ms`: how many
 * milliseconds that unit has).
 */
export function parseDuration(value: string | number, unit_ms = 1): number | undefined {
  if (typeof value === "number") return exact(value * unit_ms);
  const text = value.trim().toLowerCase();
  if (/^\d+$/.test(text)) return exact(Number(text) * unit_ms);
  if (!/^(\d+(\.\d+)?(ms|[smhdw]))+$/.test(text)) return undefined;
  let total_ms = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)) {
    total_ms += Number(amount) * UNITS_MS[unit!]!;
  }
  return exact(Math.round(total_ms));
}

/** Size in bytes: `"1MB"` (1024-based, any case), or a bare number of bytes. */
export function parseSize(value: string | number): number | undefined {
  if (typeof value === "number") return exact(value);
  const match = /^(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?$/.exec(value.trim().toLowerCase());
  if (match === null) return undefined;
  return exact(Math.round(Number(match[1]) * UNITS_BYTES[match[2] ?? "b"]!));
}

/**
 * Rate per second: `"1000/s"`, `"100/10s"`, `"infinity"`, or a bare number. `amount` reads what
 * stands before the slash (`parseSize` for byte rates).
 */
export function parseRate(
  value: string | number,
  amount: (text: string | number) => number | undefined = parseCount,
): number | undefined {
  if (typeof value === "number") return value >= 0 && Number.isFinite(value) ? value : undefined;
  const text = value.trim().toLowerCase();
  if (text === "infinity") return Infinity;
  const slash = text.indexOf("/");
  if (slash < 0) return amount(text);
  const count = amount(text.slice(0, slash));
  const per = text.slice(slash + 1).trim();
  const per_ms = parseDuration(/^[a-z]/.test(per) ? "1" + per : per);
  if (count === undefined || per_ms === undefined || per_ms === 0) return undefined;
  return count * 1000 / per_ms;
}

/** A count: a whole number, or its decimal digits. */
export function parseCount(value: string | number): number | undefined {
  if (typeof value === "number") return exact(value);
  return /^\d+$/.test(value.trim()) ? exact(Number(value)) : undefined;
}

/** `4222`, `"127.0.0.1:4222"`, `"[::1]:4222"`, `"localhost:4222"`, `"unix:/run/nats.sock"`. */
export function parseBind(value: string | number): Bind | undefined {
  if (typeof value === "number") return isPort(value) ? { host: ANY_HOST, port: value } : undefined;
  const text = value.trim();
  if (text.startsWith("unix:")) {
    return text.length > "unix:".length ? { path: text.slice("unix:".length) } : undefined;
  }
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]*)):)?(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (!isPort(port)) return undefined;
  const v6 = match[1];
  if (v6 !== undefined && parseAddress(v6) === undefined) return undefined;
  return { host: v6 ?? (match[2] || ANY_HOST), port };
}

/** True when only this machine can reach the bind. */
export function isLocal(bind: Bind): boolean {
  return "path" in bind || isLoopback(bind.host);
}

/** `host`, `host:port`, `[v6]:port`; `port_default` where none is given. */
export function parseServer(value: string, port_default: number): Server | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/@]+))(?::(\d{1,5}))?$/.exec(value.trim());
  if (match === null) return undefined;
  const port = match[3] === undefined ? port_default : Number(match[3]);
  return isPort(port) ? { host: match[1] ?? match[2]!, port } : undefined;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65535;
}

/** The number when it is a whole one that a double holds exactly. */
function exact(value: number): number | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
