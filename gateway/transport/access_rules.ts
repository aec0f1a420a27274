/**
 * Which addresses may connect (`access_rules`), and which may speak for others (PROXY headers,
 * `X-Forwarded-For`).
 */
import { BlockList, isIP } from "node:net";

/** One entry of `access_rules`, ready to be asked. */
export interface AccessRule {
  readonly allow: boolean;
  matches(address: string): boolean;
}

/**
 * Reads `allow X` or `deny X`, where X is an address, a CIDR block or `all`. Undefined when the
 * text is none of these.
 */
export function parseAccessRule(text: string): AccessRule | undefined {
  const [verb, block, rest] = text.trim().split(/\s+/);
  if ((verb !== "allow" && verb !== "deny") || block === undefined || rest !== undefined) {
    return undefined;
  }
  const matches = block === "all" ? () => true : addressMatcher([block]);
  return matches === undefined ? undefined : { allow: verb === "allow", matches };
}

/** The first rule that matches decides; when none does, the address is let in. */
export function allowed(rules: readonly AccessRule[], address: string): boolean {
  for (const rule of rules) if (rule.matches(address)) return rule.allow;
  return true;
}

/**
 * A test for "is one of these": each entry is an IPv4 or IPv6 address or a CIDR block. Undefined
 * when an entry is not. What is no address (a Unix socket's peer) is in no block.
 */
export function addressMatcher(
  blocks: readonly string[],
): ((address: string) => boolean) | undefined {
  const list = new BlockList();
  for (const block of blocks) if (!addBlock(list, block)) return undefined;
  return (address) => {
    const kind = isIP(address);
    return kind !== 0 && list.check(address, kind === 4 ? "ipv4" : "ipv6");
  };
}

function addBlock(list: BlockList, block: string): boolean {
  const slash = block.indexOf("/");
  const address = slash < 0 ? block : block.slice(0, slash);
  const kind = isIP(address);
  if (kind === 0) return false;
  const family = kind === 4 ? "ipv4" : "ipv6";
  if (slash < 0) {
    list.addAddress(address, family);
    return true;
  }
  const length = block.slice(slash + 1);
  if (!/^\d{1,3}$/.test(length) || Number(length) > (kind === 4 ? 32 : 128)) return false;
  list.addSubnet(address, Number(length), family);
  return true;
}

/**
 * The usual spelling of an address: an IPv4 peer of a socket that listens on `::` shows up as
 * `::ffff:192.0.2.1` and would slip past every IPv4 rule.
 */
export function plainAddress(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}
