/**
 * The kinds of setting that all sections are made of, each with the words for "expected ...".
 * What a kind turns the text of the file into is said at each.
 */
import * as v from "valibot";
import { type Bind, parseNetwork } from "../../address.ts";
import { templateProblem, type TemplateScope } from "../template.ts";
import {
  parseBind,
  parseCount,
  parseDuration,
  parseRate,
  parseServer,
  parseSize,
  type Server,
} from "../values.ts";

/** A table whose keys are all known. */
export function table<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.strictObject(entries);
}

/** A table that may be left out as a whole: then every key has its default. */
export function section<const Entries extends v.ObjectEntries>(entries: Entries) {
  return v.optional(
    v.strictObject(entries),
    {} as v.InferInput<v.StrictObjectSchema<Entries, undefined>>,
  );
}

/** A switch with its default. */
export const flag = (value: boolean) => v.optional(v.boolean("expected true or false"), value);

/** Text with its default. */
export const text = (value: string) => v.optional(v.string("expected text"), value);

/** Text that may be left out; no default. */
export const optionalText = v.optional(v.string("expected text"));

/** Text that must be there and must not be empty. */
export const requiredText = v.pipe(
  v.string("expected text"),
  v.nonEmpty("must not be empty"),
);

/** One of a few words, with its default. */
export function choice<const Words extends readonly string[]>(words: Words, value: Words[number]) {
  return v.optional(oneOf(words), value);
}

/** One of a few words; required. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.picklist(words, `expected ${words.map((word) => `"${word}"`).join(" or ")}`);
}

/** A whole number within limits, both included; required. */
export function wholeNumber(min: number, max: number) {
  const expected = max === Infinity
    ? `expected a whole number, ${min} or more`
    : `expected a whole number from ${min} to ${max}`;
  return v.pipe(
    v.number(expected),
    v.safeInteger(expected),
    v.minValue(min, expected),
    v.maxValue(max, expected),
  );
}

/** A whole number with its default. */
export const integer = (value: number, min: number, max: number) =>
  v.optional(wholeNumber(min, max), value);

/** A whole number, or Infinity for `"infinity"`. */
export function count(value: number | "infinity", min = 0, max = Infinity) {
  return v.optional(
    reading(
      `expected a whole number, ${min} or more, or "infinity"`,
      (input) => inRange(orInfinity(input, parseCount), min, max),
    ),
    value,
  );
}

/** A duration, in milliseconds. `unit_ms`: what a bare number counts. */
export function duration(value: string, unit_ms = 1, min_ms = 0) {
  return v.optional(
    reading(
      `expected a duration such as "30s" or "1h30m"${min_ms > 0 ? `, ${min_ms} ms or more` : ""}`,
      (input) => inRange(parseDuration(input, unit_ms), min_ms, Infinity),
    ),
    value,
  );
}

/** A duration in milliseconds, or Infinity for `"infinity"`. */
export function durationOrInfinity(value: string) {
  return v.optional(
    reading(
      `expected a duration such as "30s" or "1h30m", or "infinity"`,
      (input) => orInfinity(input, parseDuration),
    ),
    value,
  );
}

/** A size, in bytes. */
export function size(value: string, min = 0) {
  return v.optional(requiredSize(min), value);
}

/** A size in bytes; no default. */
export function requiredSize(min = 0) {
  return reading(
    `expected a size such as "1MB"${min > 0 ? `, ${min} bytes or more` : ""}`,
    (input) => inRange(parseSize(input), min, Infinity),
  );
}

/** A size in bytes, or Infinity for `"infinity"`. */
export function sizeOrInfinity(value: string) {
  return v.optional(
    reading(
      `expected a size such as "1MB", or "infinity"`,
      (input) => orInfinity(input, parseSize),
    ),
    value,
  );
}

/** Events per second; Infinity for `"infinity"`. */
export function rate(value: string) {
  return v.optional(
    reading(
      `expected a rate such as "1000/s", or "infinity"`,
      (input) => parseRate(input),
    ),
    value,
  );
}

/** Bytes per second; Infinity for `"infinity"`. */
export function byteRate(value: string) {
  return v.optional(
    reading(
      `expected a rate such as "10MB/s", or "infinity"`,
      (input) => parseRate(input, parseSize),
    ),
    value,
  );
}

const EXPECTED_BIND =
  `expected where to listen, such as 4222, "127.0.0.1:4222", "[::1]:4222" or "unix:/run/x.sock"`;

/** Where to listen; required. */
export const bind = reading(EXPECTED_BIND, (input): Bind | undefined => parseBind(input));

/** Where to listen, or undefined for `"off"`, which is the default. */
export const bindOrOff = orUndefined(["off"], `${EXPECTED_BIND}, or "off"`, parseBind, "off");

/**
 * Where an admin listener is, or undefined for a bare port 0, which turns it off. `"host:0"` is
 * any free port.
 */
export function bindOrZero(value: string | number) {
  return orUndefined([0, "0"], `${EXPECTED_BIND}; 0 for off`, parseBind, value);
}

/** A duration in milliseconds, or undefined for `"disabled"`, which is the default. */
export const durationOrDisabled = orUndefined(
  ["disabled"],
  `expected a duration such as "30s", or "disabled"`,
  (input) => parseDuration(input),
  "disabled",
);

/** A kind that some values turn off: then it is undefined. */
function orUndefined<Output>(
  off: readonly (string | number)[],
  expected: string,
  read: (value: string | number) => Output | undefined,
  value: string | number,
) {
  const kind = reading(expected, (input): { readonly output: Output | undefined } | undefined => {
    if (off.includes(input)) return { output: undefined };
    const output = read(input);
    return output === undefined ? undefined : { output };
  });
  return v.optional(v.pipe(kind, v.transform(({ output }) => output)), value);
}

/** One server to connect to; required. */
export function server(port_default: number) {
  return reading(
    `expected a server such as "127.0.0.1:${port_default}"`,
    (input): Server | undefined =>
      typeof input === "string" ? parseServer(input, port_default) : undefined,
  );
}

/** Several servers: `"a:1,b:2"` or an array of texts; required. */
export function servers(port_default: number) {
  const expected = `expected servers such as "host1:${port_default},host2:${port_default}"`;
  return v.pipe(
    v.union([v.string(), v.array(v.string())], expected),
    v.rawTransform<string | string[], Server[]>(({ dataset, addIssue, NEVER }) => {
      const parsed = words(dataset.value).map((word) => parseServer(word, port_default));
      if (parsed.length > 0 && parsed.every((server) => server !== undefined)) return parsed;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
}

/** Words: `"a, b"` or an array of texts. Gives an array. */
export function wordList(value: string[]) {
  return v.optional(
    v.pipe(
      v.union([v.string(), v.array(v.string())], `expected words such as "a, b" or ["a", "b"]`),
      v.transform(words),
    ),
    value,
  );
}

/** An array of texts. */
export const textList = (value: string[]) =>
  v.optional(v.array(v.string("expected text"), "expected an array of texts"), value);

/** An address or a network: `"10.0.0.0/8"`, `"::1"`; required. */
export const network = v.pipe(
  v.string("expected an address or a network"),
  v.check(
    (text) => parseNetwork(text) !== undefined,
    `expected an address or a network such as "10.0.0.0/8"`,
  ),
);

/** Networks or addresses: `["10.0.0.0/8", "::1"]`. */
export const networks = (value: string[]) =>
  v.optional(v.array(network, "expected an array of addresses and networks"), value);

/** Text with `${...}` placeholders out of a known set. */
export function template(scope: TemplateScope) {
  return v.pipe(
    v.string("expected text"),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const problem = templateProblem(dataset.value, scope);
      if (problem !== undefined) addIssue({ message: problem });
    }),
  );
}

/** Text with placeholders that must be there and must not be empty. */
export function requiredTemplate(scope: TemplateScope) {
  return v.pipe(template(scope), v.nonEmpty("must not be empty"));
}

/** A kind that is written as text or number and read by a function. */
function reading<Output>(
  expected: string,
  read: (value: string | number) => Output | undefined,
) {
  return v.pipe(
    v.union([v.string(), v.number()], expected),
    v.rawTransform<string | number, Output>(({ dataset, addIssue, NEVER }) => {
      const output = read(dataset.value);
      if (output !== undefined) return output;
      addIssue({ message: expected });
      return NEVER;
    }),
  );
}

function words(value: string | string[]): string[] {
  const list = typeof value === "string" ? value.split(",") : value;
  return list.map((word) => word.trim()).filter((word) => word !== "");
}

function orInfinity(
  value: string | number,
  parse: (value: string | number) => number | undefined,
): number | undefined {
  return value === "infinity" || value === Infinity ? Infinity : parse(value);
}

function inRange(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}
