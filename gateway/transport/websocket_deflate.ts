/**
 * The permessage-deflate extension (RFC 7692), always without context takeover: a connection then
 * holds no compressor state between messages.
 */
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { CLOSE, FrameError } from "./websocket_frames.ts";

/** Messages below this size are sent as they are; compressing them makes them no smaller. */
export const DEFLATE_FROM_BYTES = 64;

/** What both ends agreed on. */
export interface Deflate {
  /** Base-2 logarithm of the window this server compresses with. */
  readonly windowBits: number;
  /** The extension as the answer to the upgrade names it. */
  readonly response: string;
}

/**
 * Picks the first acceptable offer of a `Sec-WebSocket-Extensions` header; undefined when there is
 * none, and then nothing is compressed.
 */
export function negotiateDeflate(header: string | undefined): Deflate | undefined {
  for (const offer of header?.split(",") ?? []) {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    if (name?.toLowerCase() !== "permessage-deflate") continue;
    const deflate = acceptOffer(parameters);
    if (deflate !== undefined) return deflate;
  }
  return undefined;
}

/** An offer with a parameter that is unknown, repeated or out of range is declined (7.1). */
function acceptOffer(parameters: readonly string[]): Deflate | undefined {
  let windowBits = 15;
  let limited = false;
  const seen = new Set<string>();
  for (const parameter of parameters) {
    const [name = "", value] = parameter.split("=").map((part) => part.trim().toLowerCase());
    if (seen.has(name)) return undefined;
    seen.add(name);
    const bits = bitsOf(value);
    if (name === "server_no_context_takeover" || name === "client_no_context_takeover") {
      if (value !== undefined) return undefined;
    } else if (name === "client_max_window_bits") {
      // Any window the client has, this end can read; so the answer does not limit it.
      if (value !== undefined && bits === undefined) return undefined;
    } else if (name === "server_max_window_bits") {
      // zlib has no raw window of 2^8.
      if (bits === undefined || bits === 8) return undefined;
      windowBits = bits;
      limited = true;
    } else {
      return undefined;
    }
  }
  const takeover = "server_no_context_takeover; client_no_context_takeover";
  const limit = limited ? `; server_max_window_bits=${windowBits}` : "";
  return { windowBits, response: `permessage-deflate; ${takeover}${limit}` };
}

function bitsOf(value: string | undefined): number | undefined {
  const text = value?.replace(/^"(.*)"$/, "$1") ?? "";
  return /^([89]|1[0-5])$/.test(text) ? Number(text) : undefined;
}

/** Every compressed message ends in an empty block that is not sent (7.2.1). */
const TAIL = new Uint8Array([0, 0, 0xff, 0xff]);

/** The payload of one message, ready for a frame marked as compressed. */
export function deflateMessage(bytes: Uint8Array, deflate: Deflate): Uint8Array {
  const compressed = deflateRawSync(bytes, {
    windowBits: deflate.windowBits,
    finishFlush: constants.Z_SYNC_FLUSH,
  });
  return compressed.subarray(0, compressed.length - TAIL.length);
}

/**
 * The message as it was before compression.
 * @throws FrameError when it is not deflated data, or would be larger than `bytesMax`.
 */
export function inflateMessage(parts: readonly Uint8Array[], bytesMax: number): Uint8Array {
  const input = new Uint8Array(parts.reduce((sum, part) => sum + part.length, TAIL.length));
  let at = 0;
  for (const part of parts) {
    input.set(part, at);
    at += part.length;
  }
  input.set(TAIL, at);
  try {
    return inflateRawSync(input, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: bytesMax,
    });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new FrameError(CLOSE.tooBig, `compressed message of more than ${bytesMax} bytes`);
    }
    throw new FrameError(CLOSE.invalidText, "message is not valid deflate data");
  }
}
