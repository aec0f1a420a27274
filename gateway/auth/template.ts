/**
 * Texts with `${placeholders}`, taken apart once. `${$}` is a dollar sign.
 */

/** Literal texts and placeholder names, in order. */
export type Template = readonly (string | { readonly name: string })[];

/** Gives the value of a placeholder; undefined when there is none. */
export type Lookup = (name: string) => string | undefined;

/** Takes a text apart. */
export function parseTemplate(text: string): Template {
  const parts: (string | { name: string })[] = [];
  let at = 0;
  for (const match of text.matchAll(/\$\{([^{}]*)\}/g)) {
    if (match.index > at) parts.push(text.slice(at, match.index));
    parts.push(match[1] === "$" ? "$" : { name: match[1]! });
    at = match.index + match[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

/** True when the text is the same for everybody. */
export function isLiteral(template: Template): boolean {
  return template.every((part) => typeof part === "string");
}

/** Fills in; a value that is not there becomes nothing. `escape` is applied to values only. */
export function render(
  template: Template,
  lookup: Lookup,
  escape: (value: string) => string = (value) => value,
): string {
  return template
    .map((part) => typeof part === "string" ? part : escape(lookup(part.name) ?? ""))
    .join("");
}

/** Fills in; undefined when a value is not there, is empty, or is not `accepted`. */
export function renderStrict(
  template: Template,
  lookup: Lookup,
  accepted: (value: string) => boolean,
): string | undefined {
  let text = "";
  for (const part of template) {
    const value = typeof part === "string" ? part : lookup(part.name);
    if (value === undefined) return undefined;
    if (typeof part !== "string" && (value === "" || !accepted(value))) return undefined;
    text += value;
  }
  return text;
}

/** True when the text holds one of the placeholders, or any at all when none is named. */
export function holdsPlaceholder(text: string, ...names: readonly string[]): boolean {
  return parseTemplate(text).some((part) =>
    typeof part !== "string" && (names.length === 0 || names.includes(part.name))
  );
}
