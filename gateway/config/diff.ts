/**
 * What a reload would change: two configurations, key by key, and whether each change takes
 * effect in the running process.
 */
import { formatPath, type Path } from "./path.ts";
import { redact } from "./redact.ts";
import { isTable } from "./tree.ts";
import type { Config } from "./types.ts";

/** One setting that differs. Secrets are hidden. */
export interface Change {
  /** As `formatPath` spells it; a whole table where one came or went. */
  readonly path: string;
  /** Undefined: was not there. */
  readonly old: unknown;
  /** Undefined: is gone. */
  readonly new: unknown;
  /** False: the process must be restarted for it. */
  readonly live: boolean;
  /** What happens, or why it needs a restart. */
  readonly reason: string;
  /**
   * Path of the listener that has to be closed and opened again for it (or opened, or closed);
   * its clients lose their connection, all others stay.
   */
  readonly listener?: string;
}

/** Settings that are only read at the start. */
const NEEDS_RESTART: readonly (readonly [path: string, reason: string])[] = [
  ["node.name", "the node keeps its name while it runs"],
  ["node.data_dir", "the store and its lock stay where they were opened"],
  ["store.type", "the store is opened once"],
  ["store.sync", "the store is opened once"],
  ["store.max_size", "the store is opened once"],
];

/** Where listeners are; `*` stands for one name. */
const LISTENERS: readonly (readonly string[])[] = [
  ["gateway", "nats", "listeners", "*", "*"],
  ["listeners", "*", "*"],
  ["dashboard", "listeners", "*"],
];

/** Every difference between two configurations, in the order of the new one. */
export function diffConfigs(old: Config, next: Config): Change[] {
  const changes: Change[] = [];
  compare(old, next, [], (path, before, after) => {
    changes.push({
      path: formatPath(path),
      old: redact(before, path),
      new: redact(after, path),
      ...effectOf(path, before, after),
    });
  });
  return changes;
}

function effectOf(
  path: Path,
  before: unknown,
  after: unknown,
): Pick<Change, "live" | "reason" | "listener"> {
  const restart = NEEDS_RESTART.find(([at]) => at === formatPath(path));
  if (restart !== undefined) return { live: false, reason: restart[1] };
  const pattern = LISTENERS.find((names) => fits(names, path));
  if (pattern !== undefined) {
    const listener = formatPath(path.slice(0, pattern.length));
    if (path.length === pattern.length) {
      return before === undefined
        ? { live: true, reason: "the listener is opened", listener }
        : after === undefined
        ? { live: true, reason: "the listener is closed", listener }
        : { live: true, reason: "the listener is opened again", listener };
    }
    const key = path[pattern.length];
    if (key === "enable") {
      const reason = after === true ? "the listener is opened" : "the listener is closed";
      return { live: true, reason, listener };
    }
    // What cannot change while it is open. (Its type is part of its path.)
    if (key === "bind") {
      return { live: true, reason: "the listener is closed and opened again", listener };
    }
    return { live: true, reason: "for new connections" };
  }
  return { live: true, reason: "at once" };
}

/** True when the path goes through a place that the names describe. */
function fits(names: readonly string[], path: Path): boolean {
  return path.length >= names.length &&
    names.every((name, i) => name === "*" || name === path[i]);
}

function compare(
  before: unknown,
  after: unknown,
  path: Path,
  differ: (path: Path, before: unknown, after: unknown) => void,
): void {
  if (isTable(before) && isTable(after) && !isBind(before) && !isBind(after)) {
    for (const key of new Set([...Object.keys(after), ...Object.keys(before)])) {
      compare(before[key], after[key], [...path, key], differ);
    }
  } else if (!same(before, after)) {
    differ(path, before, after);
  }
}

/** An address or a path to listen on: one value, although it is a table. */
function isBind(table: object): boolean {
  const keys = Object.keys(table).join();
  return keys === "host,port" || keys === "path";
}

function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((part, i) => same(part, b[i]));
  }
  if (isTable(a) && isTable(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
  }
  return Object.is(a, b);
}
