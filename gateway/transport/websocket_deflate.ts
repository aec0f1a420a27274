/**
 * What both ends of a WebSocket agree on about compression: the permessage-deflate extension
 * (RFC 7692, section 7.1). Pure; the work itself is in `websocket_codec.ts`.
 */

/** How this end would like it; keys and words are those of `deflate_opts`. */
export interface DeflateOptions {
  readonly level: "none" | "default" | "best_compression" | "best_speed";
  /** 1 to 9: more memory, a little less to send. */
  readonly mem_level: number;
  readonly strategy: "default" | "filtered" | "huffman_only" | "rle";
  /** `no_takeover`: nothing of a message is remembered for the next, which saves memory. */
  readonly server_context_takeover: "takeover" | "no_takeover";
  readonly client_context_takeover: "takeover" | "no_takeover";
  /** Base-2 logarithms of the windows, 9 to 15. */
  readonly server_max_window_bits: number;
  readonly client_max_window_bits: number;
}

/** What both ends agreed on. */
export interface Deflate {
  readonly options: DeflateOptions;
  /** Base-2 logarithm of the window this server compresses with. */
  readonly serverBits: number;
  /** Base-2 logarithm of the largest window that the client may use. */
  readonly clientBits: number;
  /** Whether each end remembers messages for the next ones. */
  readonly serverTakeover: boolean;
  readonly clientTakeover: boolean;
  /** The extension as the answer to the upgrade names it. */
  readonly response: string;
}

const BITS_MAX = 15;

/**
 * Picks the first acceptable offer of a `Sec-WebSocket-Extensions` header; undefined when there is
 * none, and then nothing is compressed.
 */
export function negotiateDeflate(
  header: string | undefined,
  options: DeflateOptions,
): Deflate | undefined {
  for (const offer of header?.split(",") ?? []) {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    if (name?.toLowerCase() !== "permessage-deflate") continue;
    const offered = readOffer(parameters);
    if (offered !== undefined) return agree(offered, options);
  }
  return undefined;
}

/** An offer; undefined: the parameter is not there. */
interface Offer {
  serverNoTakeover?: true;
  clientNoTakeover?: true;
  serverBits?: number;
  /** `true`: without a value, which says only that the client can be limited. */
  clientBits?: number | true;
}

/** An offer with a parameter that is unknown, repeated or out of range is declined (7.1). */
function readOffer(parameters: readonly string[]): Offer | undefined {
  const offer: Offer = {};
  const seen = new Set<string>();
  for (const parameter of parameters) {
    const [name = "", value] = parameter.split("=").map((part) => part.trim().toLowerCase());
    if (seen.has(name)) return undefined;
    seen.add(name);
    const bits = bitsOf(value);
    if (name === "server_no_context_takeover" && value === undefined) {
      offer.serverNoTakeover = true;
    } else if (name === "client_no_context_takeover" && value === undefined) {
      offer.clientNoTakeover = true;
    } else if (name === "client_max_window_bits" && (value === undefined || bits !== undefined)) {
      offer.clientBits = bits ?? true;
    } else if (name === "server_max_window_bits" && bits !== undefined && bits !== 8) {
      // zlib cannot compress with a window of 2^8.
      offer.serverBits = bits;
    } else {
      return undefined;
    }
  }
  return offer;
}

function bitsOf(value: string | undefined): number | undefined {
  const text = value?.replace(/^"(.*)"$/, "$1") ?? "";
  return /^([89]|1[0-5])$/.test(text) ? Number(text) : undefined;
}

/** Both get what the stricter of them wants. */
function agree(offer: Offer, options: DeflateOptions): Deflate {
  const serverTakeover = offer.serverNoTakeover === undefined &&
    options.server_context_takeover === "takeover";
  const clientTakeover = offer.clientNoTakeover === undefined &&
    options.client_context_takeover === "takeover";
  const serverBits = Math.min(offer.serverBits ?? BITS_MAX, options.server_max_window_bits);
  // Only a client that says that it can be limited may be (7.1.2.2).
  const wanted = offer.clientBits === true ? BITS_MAX : offer.clientBits ?? BITS_MAX;
  const clientBits = offer.clientBits === undefined
    ? BITS_MAX
    : Math.min(wanted, options.client_max_window_bits);
  const limited = offer.clientBits !== undefined && clientBits < BITS_MAX;
  const response = [
    "permessage-deflate",
    ...(serverTakeover ? [] : ["server_no_context_takeover"]),
    ...(clientTakeover ? [] : ["client_no_context_takeover"]),
    ...(serverBits < BITS_MAX || offer.serverBits !== undefined
      ? [`server_max_window_bits=${serverBits}`]
      : []),
    ...(limited ? [`client_max_window_bits=${clientBits}`] : []),
  ].join("; ");
  return { options, serverBits, clientBits, serverTakeover, clientTakeover, response };
}
