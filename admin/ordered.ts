/**
 * Lists whose order matters: authenticators of the chain, sources of permissions.
 */
import { Problem } from "./problem.ts";

/** One element as the configuration has it. */
export type Element = Readonly<Record<string, unknown>>;

/**
 * The list with one element moved to `front`, `rear`, `before:<id>` or `after:<id>`.
 * @throws {Problem} 400 for another position
 */
export function moved(
  list: readonly Element[],
  idOf: (element: Element) => string,
  id: string,
  position: string,
): Element[] {
  const element = list.find((one) => idOf(one) === id)!;
  const rest = list.filter((one) => one !== element);
  if (position === "front") return [element, ...rest];
  if (position === "rear") return [...rest, element];
  const [, side, other] = /^(before|after):(.+)$/.exec(position) ?? [];
  const at = rest.findIndex((one) => idOf(one) === other);
  if (side === undefined || at < 0) {
    const message = "position: expected front, rear, before:<id> or after:<id> of another one";
    throw new Problem(400, "BAD_REQUEST", message);
  }
  rest.splice(side === "before" ? at : at + 1, 0, element);
  return rest;
}

/**
 * The list in the order of the ids.
 * @throws {Problem} 400 when they do not name each element exactly once
 */
export function ordered(
  list: readonly Element[],
  idOf: (element: Element) => string,
  ids: readonly string[],
): Element[] {
  const known = list.map(idOf);
  const unknown = ids.filter((id) => !known.includes(id));
  const missing = known.filter((id) => !ids.includes(id));
  if (unknown.length > 0 || missing.length > 0 || ids.length !== known.length) {
    const message = `name each exactly once; unknown: ${unknown.join(", ") || "none"}, ` +
      `missing: ${missing.join(", ") || "none"}`;
    throw new Problem(400, "BAD_REQUEST", message);
  }
  return ids.map((id) => list[known.indexOf(id)]!);
}
