/**
 * Header blocks of HPUB and HMSG, and what they mean on the MQTT side.
 *
 * A block is `NATS/1.0`, perhaps a status, then `Name: value` lines, then an empty line; every line
 * ends in CR LF. Headers are MQTT 5 user properties: ordered pairs, repeats kept. Four names stand
 * for what MQTT has of its own (`Mqtt-Retain`, `Mqtt-QoS`, `Mqtt-Message-Expiry`,
 * `Mqtt-Content-Type`): a publisher's are taken off, a receiver gets them put on.
 */

/** Name and value. */
export type Header = readonly [name: string, value: string];

/** A header block taken apart. */
export interface HeaderBlock {
  /** What is wrong with the block, in words for the log; then nothing else is filled in. */
  readonly problem: string | undefined;
  /** Three digits of the first line, such as 503; undefined when it has none. */
  readonly status: number | undefined;
  /** Text after the status; may be empty. */
  readonly statusText: string;
  /** In the order of the block. Names keep their case; values are trimmed. */
  readonly headers: readonly Header[];
}

/** The block of the answer to a request that nobody listens to. */
export const NO_RESPONDERS_BLOCK: Uint8Array = new TextEncoder().encode("NATS/1.0 503\r\n\r\n");

/**
 * Reads the block in `bytes[start..end)`. Never throws: from NATS to NATS a block passes byte for
 * byte whatever it holds, so a bad one is not an error of the protocol. [ADR-4]
 */
export function decodeHeaders(bytes: Uint8Array, start: number, end: number): HeaderBlock {
  let text: string;
  try {
    text = UTF8.decode(bytes.subarray(start, end));
  } catch {
    return bad("not UTF-8");
  }
  if (text.includes("\0")) return bad("contains NUL");
  if (!text.endsWith("\r\n\r\n")) return bad("does not end with an empty line");
  const lines = text.slice(0, -4).split("\r\n");
  const first = FIRST_LINE.exec(lines[0]!);
  if (first === null) return bad("does not begin with NATS/1.0");
  const headers: Header[] = [];
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i]!;
    const colon = line.indexOf(":");
    if (colon < 0) return bad("has a line without colon");
    const name = trimBlanks(line.slice(0, colon));
    if (name.length === 0) return bad("has a line without name");
    headers.push([name, trimBlanks(line.slice(colon + 1))]);
  }
  const status = first[1] === undefined ? undefined : Number(first[1]);
  return { problem: undefined, status, statusText: first[2] ?? "", headers };
}

/** What a NATS publisher asks of the MQTT side, taken out of its headers. */
export interface MqttHeaders {
  readonly retain: boolean;
  /** Undefined: as the connection publishes otherwise. */
  readonly qos: 0 | 1 | 2 | undefined;
  /** Seconds. */
  readonly messageExpiry: number | undefined;
  readonly contentType: string | undefined;
  /** The headers to forward. */
  readonly headers: readonly Header[];
  /** Name of the first of the four headers whose value means nothing; it was ignored. */
  readonly invalid: string | undefined;
}

/**
 * Takes the four names off, in whatever case client libraries write them. The last of repeated
 * ones counts.
 */
export function takeMqttHeaders(headers: readonly Header[]): MqttHeaders {
  let retain = false;
  let qos: 0 | 1 | 2 | undefined;
  let messageExpiry: number | undefined;
  let contentType: string | undefined;
  let invalid: string | undefined;
  const rest: Header[] = [];
  for (const header of headers) {
    const [name, value] = header;
    switch (name.toLowerCase()) {
      case "mqtt-retain":
        if (value === "0" || value === "1") retain = value === "1";
        else invalid ??= name;
        break;
      case "mqtt-qos":
        if (value === "0" || value === "1" || value === "2") qos = Number(value) as 0 | 1 | 2;
        else invalid ??= name;
        break;
      case "mqtt-message-expiry":
        if (/^\d{1,10}$/.test(value) && Number(value) <= EXPIRY_S_MAX) {
          messageExpiry = Number(value);
        } else invalid ??= name;
        break;
      case "mqtt-content-type":
        contentType = value;
        break;
      default:
        rest.push(header);
    }
  }
  return { retain, qos, messageExpiry, contentType, headers: rest, invalid };
}

/** What a message has to say in headers; `core/message.ts` extras are one. */
export interface HeaderFields {
  readonly headers?: readonly Header[];
  readonly contentType?: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/**
 * The block for a NATS receiver; undefined when there is nothing to say. `retained`: the message
 * comes from the retained store. `now`: milliseconds since the epoch.
 *
 * What cannot be a header line is left out or changed, for the sake of the lines around it: a name
 * that is empty or holds a colon, a blank or anything else but printable ASCII is left out, and so
 * is one of the four names (only the gateway may say those); CR and LF in a value become blanks.
 */
export function encodeHeaders(
  fields: HeaderFields | undefined,
  retained: boolean,
  now: number,
): Uint8Array | undefined {
  let text = FIRST_LINE_PLAIN;
  for (const [name, value] of fields?.headers ?? []) {
    if (HEADER_NAME.test(name) && !MQTT_NAMES.has(name.toLowerCase())) text += line(name, value);
  }
  if (retained) text += line("Mqtt-Retain", "1");
  if (fields?.contentType !== undefined) text += line("Mqtt-Content-Type", fields.contentType);
  if (fields?.expiresAt !== undefined) {
    const seconds = Math.max(0, Math.ceil((fields.expiresAt - now) / 1000));
    text += line("Mqtt-Message-Expiry", String(seconds));
  }
  return text === FIRST_LINE_PLAIN ? undefined : ENCODER.encode(text + "\r\n");
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();
const FIRST_LINE_PLAIN = "NATS/1.0\r\n";
const FIRST_LINE = /^NATS\/1\.0(?:[ \t]+(\d{3})(?:[ \t]+(.*?))?)?[ \t]*$/s;
const HEADER_NAME = /^[!-9;-~]+$/;
/** Most seconds an MQTT Message Expiry Interval can hold. [MQTT-3.3.2.3.3] */
const EXPIRY_S_MAX = 0xffff_ffff;
const MQTT_NAMES: ReadonlySet<string> = new Set([
  "mqtt-retain",
  "mqtt-qos",
  "mqtt-message-expiry",
  "mqtt-content-type",
]);

function bad(problem: string): HeaderBlock {
  return { problem, status: undefined, statusText: "", headers: [] };
}

function line(name: string, value: string): string {
  return `${name}: ${value.replace(/[\r\n]/g, " ")}\r\n`;
}

/** Optional white space around names and values is blanks and tabs, nothing else. */
function trimBlanks(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, "");
}
