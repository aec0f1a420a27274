/**
 * The JSON of CONNECT, checked field by field.
 */
import { ProtocolError } from "../errors.ts";

/** What a client said of itself. Kept for the connection; credentials are not in here. */
export interface ConnectOptions {
  readonly verbose: boolean;
  readonly pedantic: boolean;
  readonly echo: boolean;
  readonly headers: boolean;
  readonly noResponders: boolean;
  /** 1: INFO may come at any time. */
  readonly protocol: number;
  readonly name: string;
  readonly lang: string;
  readonly version: string;
}

/** Credentials as they came; undefined when absent, null or empty. */
export interface ConnectCredentials {
  readonly user: string | undefined;
  readonly pass: string | undefined;
  readonly authToken: string | undefined;
  readonly jwt: string | undefined;
  readonly nkey: string | undefined;
  readonly sig: string | undefined;
}

/** A CONNECT taken apart. */
export interface Connect {
  readonly options: ConnectOptions;
  readonly credentials: ConnectCredentials;
  /** All fields, for `${Packet.x}` templates. */
  readonly packet: Readonly<Record<string, unknown>>;
}

/** What holds before CONNECT, and for fields that it leaves out: the defaults of nats-server. */
export const DEFAULT_OPTIONS: ConnectOptions = {
  verbose: true,
  pedantic: true,
  echo: true,
  headers: false,
  noResponders: false,
  protocol: 0,
  name: "",
  lang: "",
  version: "",
};

/**
 * Reads the JSON in `bytes[start..end)`. Names count without regard to case, null is absent,
 * absent fields keep what `before` says.
 * @throws {ProtocolError} not JSON, not an object, or a field of the wrong type
 */
export function parseConnect(
  bytes: Uint8Array,
  start: number,
  end: number,
  before: ConnectOptions,
): Connect {
  const packet = parseObject(bytes.subarray(start, end));
  const fields = withSmallNames(packet);
  const text = (name: string) => typed<string>(fields, name, "string") || undefined;
  const flag = (name: string, fallback: boolean) =>
    typed<boolean>(fields, name, "boolean") ?? fallback;
  const protocol = typed<number>(fields, "protocol", "number") ?? before.protocol;
  if (protocol !== 0 && protocol !== 1) {
    throw new ProtocolError(`protocol ${protocol}`, PROTOCOL_ERROR, "invalid client protocol");
  }
  return {
    packet,
    options: {
      verbose: flag("verbose", before.verbose),
      pedantic: flag("pedantic", before.pedantic),
      echo: flag("echo", before.echo),
      headers: flag("headers", before.headers),
      noResponders: flag("no_responders", before.noResponders),
      protocol,
      name: text("name") ?? before.name,
      lang: text("lang") ?? before.lang,
      version: text("version") ?? before.version,
    },
    credentials: {
      user: text("user"),
      pass: text("pass"),
      authToken: text("auth_token"),
      jwt: text("jwt"),
      nkey: text("nkey"),
      sig: text("sig"),
    },
  };
}

/** MQTT's number for a breach of the protocol; NATS has texts only. */
export const PROTOCOL_ERROR = 0x82;
const decoder = new TextDecoder("utf-8", { fatal: true });

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch {
    throw badConnect("is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badConnect("is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** The same object where names are in small letters already, which is nearly always. */
function withSmallNames(packet: Record<string, unknown>): Record<string, unknown> {
  for (const name in packet) {
    if (name !== name.toLowerCase()) {
      return Object.fromEntries(
        Object.entries(packet).map(([name, value]) => [name.toLowerCase(), value]),
      );
    }
  }
  return packet;
}

function typed<T>(fields: Record<string, unknown>, name: string, type: string): T | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] ?? undefined : undefined;
  if (value === undefined || typeof value === type) return value as T | undefined;
  throw badConnect(`field ${name} must be a ${type}`);
}

function badConnect(problem: string): ProtocolError {
  return new ProtocolError(`CONNECT ${problem}`, PROTOCOL_ERROR, `Invalid CONNECT: ${problem}`);
}
