/**
 * Parts that many operations have in common.
 */
import * as v from "valibot";
import type { Page } from "../gateway/control.ts";

/** A text of moderate length. */
export const Text = v.pipe(v.string("expected text"), v.maxLength(65_535, "is too long"));
/** The same, and not empty. */
export const Name = v.pipe(Text, v.nonEmpty("must not be empty"));
/** `true` or `false` in a query. */
export const QueryFlag = v.pipe(
  v.picklist(["true", "false"], "expected true or false"),
  v.transform((text) => text === "true"),
);

const wholeNumber = (max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,9}$/, "expected a whole number"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(max),
  );

/** `page` and `limit` of a query. */
export const Paging = {
  page: v.optional(wholeNumber(999_999_999), "1"),
  limit: v.optional(wholeNumber(10_000), "100"),
};

/** One value or several: a parameter that may be repeated. */
export const OneOrMore = v.pipe(
  v.union([Text, v.array(Text)]),
  v.transform((value) => typeof value === "string" ? [value] : value),
);

/** A time as RFC 3339 or milliseconds since the epoch, in a query. */
export const QueryTime = v.pipe(
  Text,
  v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
    const time = /^\d+$/.test(dataset.value) ? Number(dataset.value) : Date.parse(dataset.value);
    if (Number.isFinite(time)) return time;
    addIssue({ message: "expected a time such as 2026-01-31T12:00:00Z, or milliseconds" });
    return NEVER;
  }),
);

/** QoS of a message. */
export const Qos = v.picklist([0, 1, 2], "expected 0, 1 or 2");
/** A switch that older programs write as 0 or 1. */
export const Bit = v.pipe(
  v.union([v.picklist([0, 1]), v.boolean()], "expected 0 or 1"),
  v.transform((bit) => bit === 1 || bit === true),
);

/** A free-form object whose content the configuration checks. */
export const Settings = v.pipe(
  v.custom<Record<string, unknown>>((value) => !Array.isArray(value), "expected an object"),
  v.record(v.string(), v.unknown(), "expected an object"),
);
/** Any JSON at all: settings of every kind. */
export const JsonValue: v.GenericSchema = v.union([
  v.null(),
  v.boolean(),
  v.number(),
  v.string(),
  v.array(v.lazy(() => JsonValue)),
  v.record(v.string(), v.lazy(() => JsonValue)),
]);

/** What a list answers with. */
export function pageOf<Item extends v.GenericSchema>(item: Item) {
  return v.object({
    data: v.array(item),
    meta: v.object({
      page: v.number(),
      limit: v.number(),
      count: v.optional(v.number()),
      hasnext: v.boolean(),
    }),
  });
}

/** A page of the gateway as the API writes it. */
export function pageBody<Item>(
  page: Page<Item>,
  query: { readonly page: number; readonly limit: number },
  write: (item: Item) => unknown,
) {
  const { count, hasNext } = page;
  return {
    data: page.data.map(write),
    meta: {
      page: query.page,
      limit: query.limit,
      ...(count !== undefined && { count }),
      hasnext: hasNext,
    },
  };
}

/** A page of a list that is there as a whole. */
export function slice<Item>(
  items: readonly Item[],
  { page, limit }: { readonly page: number; readonly limit: number },
): Page<Item> {
  const from = (page - 1) * limit;
  return {
    data: items.slice(from, from + limit),
    count: items.length,
    hasNext: items.length > from + limit,
  };
}

/** RFC 3339 with milliseconds, or null. */
export function timeText(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString().replace("Z", "+00:00");
}

/** Limits without an end are the word. */
export function limitText(limit: number): number | "infinity" {
  return limit === Infinity ? "infinity" : limit;
}
