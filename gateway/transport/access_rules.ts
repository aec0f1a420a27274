/** Which addresses may connect (`access_rules`). */
import { networksMatcher } from "../address.ts";

/** One entry of `access_rules`, ready to be asked. */
export interface AccessRule {
  readonly allow: boolean;
  matches(address: string): boolean;
}

/**
 * Reads `allow X` or `deny X`, where X is an address, a network or `all`. Undefined when the
 * text is none of these.
 */
export function parseAccessRule(text: string): AccessRule | undefined {
  const [verb, block, rest] = text.trim().split(/\s+/);
  if ((verb !== "allow" && verb !== "deny") || block === undefined || rest !== undefined) {
    return undefined;
  }
  const matches = block === "all" ? () => true : networksMatcher([block]);
  return matches === undefined ? undefined : { allow: verb === "allow", matches };
}

/** The first rule that matches decides; when none does, the address is let in. */
export function allowed(rules: readonly AccessRule[], address: string): boolean {
  for (const rule of rules) if (rule.matches(address)) return rule.allow;
  return true;
}

/**
 * The usual spelling of an address: an IPv4 peer of a socket that listens on `::` shows up as
 * `::ffff:192.0.2.1` and would slip past every IPv4 rule.
 */
export function plainAddress(address: string): string {
  return /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}
