/**
 * Clients that came to the wrong port, by the first bytes that they sent: their session can only
 * say that it did not understand.
 */

/** The first four bytes as one number, the first the highest; zeros for what has not come yet. */
export function firstWord(bytes: Uint8Array): number {
  return ((bytes[0] ?? 0) << 24 | (bytes[1] ?? 0) << 16 | (bytes[2] ?? 0) << 8 |
    (bytes[3] ?? 0)) >>>
    0;
}

const word = (text: string) => firstWord(new TextEncoder().encode(text));

const HTTP = new Set(["GET ", "HEAD", "POST", "PUT ", "OPTI", "DELE", "PATC", "PRI "].map(word));
/** The two versions of the PROXY header; the second begins with blank lines. */
const PROXY = new Set(["PROX", "\r\n\r\n"].map(word));
/** First byte of a TLS handshake (RFC 8446, 5.1), and of an MQTT CONNECT. */
const TLS_HANDSHAKE = 0x16;
const MQTT_CONNECT = 0x10;
const NATS_CONNECT = word("CONN");

/**
 * What begins like that instead of the protocol of a session; undefined when nothing known does.
 * @param first As `firstWord` gives it.
 */
export function wrongProtocol(protocol: "nats" | "mqtt", first: number): string | undefined {
  const here = protocol === "nats" ? "a NATS" : "an MQTT";
  if (first >>> 24 === TLS_HANDSHAKE) return `TLS on ${here} listener without TLS`;
  if (HTTP.has(first)) return `HTTP on ${here} listener that is no WebSocket`;
  if (PROXY.has(first)) return "a PROXY header, but proxy_protocol is off";
  if (protocol === "nats" && first >>> 24 === MQTT_CONNECT) return "MQTT on a NATS listener";
  if (protocol === "mqtt" && first === NATS_CONNECT) return "NATS on an MQTT listener";
  return undefined;
}
