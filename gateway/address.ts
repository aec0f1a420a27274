/**
 * Where to listen, and IP addresses and networks (CIDR), v4 and v6. An IPv4 address that came in over IPv6
 * (`::ffff:10.0.0.1`) is the IPv4 address.
 */

/** Where to listen: an address and port (0: any free port), or a Unix socket. */
export type Bind =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** A bind as the configuration spells it: `127.0.0.1:4222`, `[::1]:4222`, `unix:/path`. */
export function formatBind(bind: Bind): string {
  if ("path" in bind) return `unix:${bind.path}`;
  return bind.host.includes(":") ? `[${bind.host}]:${bind.port}` : `${bind.host}:${bind.port}`;
}

/** A network: the first `bits` bits of `bytes`. */
export interface Network {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Reads `10.0.0.1`, `10.0.0.0/8`, `::1`, `fe80::/10`; undefined for anything else. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const mapped = /^::ffff:/i.test(address) && address.includes(".");
  const bytes = parseAddress(address);
  if (bytes === undefined) return undefined;
  if (slash < 0) return { bytes, bits: bytes.length * 8 };
  const suffix = text.slice(slash + 1);
  if (!/^\d{1,3}$/.test(suffix)) return undefined;
  const bits = Number(suffix) - (mapped ? 96 : 0);
  return bits >= 0 && bits <= bytes.length * 8 ? { bytes, bits } : undefined;
}

/** True when the address lies in the network. What is no address lies in none. */
export function inNetwork(network: Network, address: string): boolean {
  const bytes = parseAddress(address);
  return bytes !== undefined && holds(network, bytes);
}

/** A test for "lies in one of these"; undefined when one of the texts is not a network. */
export function networksMatcher(
  texts: readonly string[],
): ((address: string) => boolean) | undefined {
  const networks: Network[] = [];
  for (const text of texts) {
    const network = parseNetwork(text);
    if (network === undefined) return undefined;
    networks.push(network);
  }
  return (address) => {
    const bytes = parseAddress(address);
    return bytes !== undefined && networks.some((network) => holds(network, bytes));
  };
}

/** True for a host that only this machine can reach: a name or an address. */
export function isLoopback(host: string): boolean {
  if (host === "localhost") return true;
  const bytes = parseAddress(host);
  if (bytes === undefined) return false;
  return bytes.length === 4 ? bytes[0] === 127 : bytes.join("") === "0000000000000001";
}

function holds(network: Network, bytes: Uint8Array): boolean {
  if (bytes.length !== network.bytes.length) return false;
  for (let bit = 0; bit < network.bits; bit++) {
    const at = bit >> 3, mask = 0x80 >> (bit & 7);
    if ((bytes[at]! & mask) !== (network.bytes[at]! & mask)) return false;
  }
  return true;
}

/** The bytes of an address without port, zone id taken off; undefined when it is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  const address = text.replace(/%.*$/, "").replace(/^\[(.*)\]$/, "$1");
  if (!address.includes(":")) return parseV4(address);
  const bytes = parseV6(address);
  if (bytes === undefined) return undefined;
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff &&
    bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

function parseV4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  // "010" is eight to some and ten to others: refused.
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

function parseV6(text: string): Uint8Array | undefined {
  let rest = text;
  const dotted = text.slice(text.lastIndexOf(":") + 1);
  if (dotted.includes(".")) {
    const v4 = parseV4(dotted);
    if (v4 === undefined) return undefined;
    const hex = (at: number) => (v4[at]! << 8 | v4[at + 1]!).toString(16);
    rest = `${text.slice(0, -dotted.length)}${hex(0)}:${hex(2)}`;
  }
  const halves = rest.split("::");
  if (halves.length > 2) return undefined;
  const groups = (half: string) => half === "" ? [] : half.split(":");
  const head = groups(halves[0]!), tail = groups(halves[1] ?? "");
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const all = [...head, ...Array<string>(Math.max(missing, 0)).fill("0"), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return Uint8Array.from(all.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
}
