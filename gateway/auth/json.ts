/**
 * Reading JSON from strangers: every reader answers undefined (or nothing) for the wrong type.
 */

/** An object of which nothing is known but that it is one. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value as an object; undefined for anything else, arrays and null included. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as JsonObject
    : undefined;
}

/** The value as a text that is not empty. */
export function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The texts of a list; numbers become text, "" and everything else is left out. */
export function asTexts(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value
    .map((item) => typeof item === "number" ? String(item) : item)
    .filter((item): item is string => typeof item === "string" && item !== "");
}

/** The value as a finite number. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** What backends mean by true: `true`, `"true"`, and any number from 1 on, also as text. */
export function asFlag(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (typeof value === "number" || typeof value === "bigint") return value >= 1;
  return typeof value === "string" && (value === "true" || /^[1-9]\d*$/.test(value));
}

/** The parsed text; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
