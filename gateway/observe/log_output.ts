/**
 * Where log lines go: filtered, cleaned of secrets, limited in repetition, as text or JSON.
 */
import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type LogRecord,
} from "@logtape/logtape";
import type { Clock, Timer } from "../clock.ts";
import type { Log, LogFields, LogLevel } from "./log.ts";

/** What the operator sets. */
export interface LogOptions {
  /** Lines below this level are not written. */
  readonly level: LogLevel;
  readonly format: "text" | "json";
  /** Client ids (`*` stands for any text) whose debug lines are written whatever the level. */
  readonly debugClients: readonly string[];
}

/** The log of the process and the way to change it. */
export interface LogOutput {
  readonly log: Log;
  /** Takes effect with the next line. */
  configure(options: LogOptions): void;
  /** The last lines that were written, oldest first: at most `RECENT_LINES_MAX`. */
  recent(): readonly LogLine[];
  /** Writes what is still being counted. */
  close(): void;
}

/** A line as the dashboard shows it. */
export interface LogLine {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly level: LogLevel;
  /** The part that wrote it, such as `nats`; "" for the gateway itself. */
  readonly part: string;
  readonly text: string;
  readonly fields: LogFields;
}

/** Lines kept for the dashboard; the oldest go first. */
export const RECENT_LINES_MAX = 1000;
/** Lines of one text and part that are written per window; the rest is counted and summed up. */
export const REPEATS_MAX = 20;
/** Length of the window in which repeats are counted. */
export const REPEATS_WINDOW_MS = 10_000;
/** Characters of a field's value that are written: a stack, but not a name of 64 KiB. */
export const FIELD_LENGTH_MAX = 4096;
/** The same for the names that clients give themselves, and for those that they use. */
export const NAME_LENGTH_MAX = 256;
/** Different texts watched for repeats in one window; beyond that, lines are not limited. */
const REPEAT_TEXTS_MAX = 500;

/**
 * Opens the log. `write` gets one line at a time, with its line feed. There is one such log in a
 * process: a second call takes the place of the first.
 */
export function openLog(
  options: LogOptions,
  write: (line: string) => void,
  clock: Clock,
  wallTime: () => number = Date.now,
): LogOutput {
  return new Output(options, write, clock, wallTime);
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warning", "error"];

class Output implements LogOutput {
  readonly #write: (line: string) => void;
  readonly #clock: Clock;
  readonly #wallTime: () => number;
  #level = 0;
  #debugClients: RegExp | undefined;
  readonly #recent: LogLine[] = [];
  #repeats = new Map<string, Repeats>();
  #window: Timer | undefined;
  readonly log: Log;

  constructor(
    options: LogOptions,
    write: (line: string) => void,
    clock: Clock,
    wallTime: () => number,
  ) {
    this.#write = write;
    this.#clock = clock;
    this.#wallTime = wallTime;
    this.configure(options);
    this.log = new PartLog(this, "");
  }

  get debugs(): boolean {
    return this.#level === 0 || this.#debugClients !== undefined;
  }

  configure(options: LogOptions): void {
    this.#level = LEVELS.indexOf(options.level);
    this.#debugClients = options.debugClients.length === 0
      ? undefined
      : new RegExp(`^(${options.debugClients.map(globSource).join("|")})$`, "s");
    const format = options.format === "json" ? JSON_LINE : TEXT_LINE;
    const write = this.#write;
    configureSync({
      reset: true,
      sinks: { stream: (record) => write(format(record)) },
      loggers: [
        // Levels are decided before a record is made, see `line`.
        { category: ["natsgate"], sinks: ["stream"], lowestLevel: "trace" },
        { category: ["logtape", "meta"], sinks: ["stream"], lowestLevel: "warning" },
      ],
    });
  }

  recent(): readonly LogLine[] {
    return [...this.#recent];
  }

  close(): void {
    this.#window?.cancel();
    this.#endWindow();
  }

  line(level: number, part: string, text: string, fields: LogFields): void {
    if (level < this.#level && !this.#isWatched(fields)) return;
    if (level > 0 && this.#isRepeat(level, part, text)) return;
    this.#emit(level, part, text, fields);
  }

  #emit(level: number, part: string, text: string, fields: LogFields): void {
    const line: LogLine = {
      time: this.#wallTime(),
      level: LEVELS[level] ?? "error",
      part,
      text: withoutCredentials(text),
      fields: cleaned(fields),
    };
    this.#recent.push(line);
    if (this.#recent.length > RECENT_LINES_MAX) this.#recent.shift();
    getLogger(part === "" ? ["natsgate"] : ["natsgate", part]).emit({
      level: line.level,
      message: [line.text],
      rawMessage: line.text,
      timestamp: line.time,
      properties: line.fields,
    });
  }

  #isWatched(fields: LogFields): boolean {
    const client = fields.client;
    return this.#debugClients !== undefined && typeof client === "string" &&
      this.#debugClients.test(client);
  }

  /** Counts the line, and says whether it is one too many. */
  #isRepeat(level: number, part: string, text: string): boolean {
    const key = `${level} ${part} ${text}`;
    const known = this.#repeats.get(key);
    if (known !== undefined) return ++known.count > REPEATS_MAX;
    if (this.#repeats.size === 0) {
      this.#window = this.#clock.at(this.#clock.now() + REPEATS_WINDOW_MS, () => this.#endWindow());
    }
    if (this.#repeats.size < REPEAT_TEXTS_MAX) {
      this.#repeats.set(key, { level, part, text, count: 1 });
    }
    return false;
  }

  #endWindow(): void {
    const repeats = this.#repeats;
    this.#repeats = new Map();
    for (const { level, part, text, count } of repeats.values()) {
      const more = count - REPEATS_MAX;
      if (more > 0) {
        this.#emit(level, part, text, { repeated: more, within_ms: REPEATS_WINDOW_MS });
      }
    }
  }
}

interface Repeats {
  readonly level: number;
  readonly part: string;
  readonly text: string;
  count: number;
}

class PartLog implements Log {
  constructor(readonly output: Output, readonly name: string) {}
  get debugs(): boolean {
    return this.output.debugs;
  }
  debug(text: string, fields: LogFields = NO_FIELDS): void {
    this.output.line(0, this.name, text, fields);
  }
  info(text: string, fields: LogFields = NO_FIELDS): void {
    this.output.line(1, this.name, text, fields);
  }
  warn(text: string, fields: LogFields = NO_FIELDS): void {
    this.output.line(2, this.name, text, fields);
  }
  error(text: string, fields: LogFields = NO_FIELDS): void {
    this.output.line(3, this.name, text, fields);
  }
  part(name: string): Log {
    return new PartLog(this.output, this.name === "" ? name : `${this.name}.${name}`);
  }
}

const NO_FIELDS: LogFields = {};
const SECRET_NAME = /pass|secret|token|jwt|seed|nonce|^sig$|cookie|authorization|private|api_?key/i;
const CREDENTIALS_IN_URL = /(:\/\/[^\s/:@]*:)[^\s/@]+@/g;

/** The fields as they may be shown: no secrets, nothing undefined. */
function cleaned(fields: LogFields): Record<string, string | number | boolean> {
  const clean: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (SECRET_NAME.test(name)) clean[name] = "******";
    else clean[name] = typeof value === "string" ? clipped(name, withoutCredentials(value)) : value;
  }
  return clean;
}

const CLIENTS_NAME = /^(client|username|user|topic|filter|subject)$/;

/** The value, cut where it is longer than a log should hold; how much was cut is said. */
function clipped(name: string, value: string): string {
  const length_max = CLIENTS_NAME.test(name) ? NAME_LENGTH_MAX : FIELD_LENGTH_MAX;
  if (value.length <= length_max) return value;
  return `${value.slice(0, length_max)}... (${value.length - length_max} more)`;
}

function withoutCredentials(text: string): string {
  return text.includes("://") ? text.replace(CREDENTIALS_IN_URL, "$1******@") : text;
}

const JSON_LINE = getJsonLinesFormatter({ properties: "flatten" });

/** `2026-05-01T12:00:00.000Z INFO nats: client connected client=a peer=10.0.0.7:5123`. */
const TEXT_LINE = getTextFormatter({
  timestamp: "rfc3339",
  level: "FULL",
  category: (names) => names.slice(1).join("."),
  sanitize: { newlines: "escape" },
  format({ timestamp, level, category, message, record }) {
    const part = category === "" ? "" : `${category}: `;
    return `${timestamp} ${level.padEnd(7)} ${part}${message}${fieldsText(record)}`;
  },
});

function fieldsText(record: LogRecord): string {
  let text = "";
  for (const [name, value] of Object.entries(record.properties)) {
    text += ` ${name}=${isPlain(value) ? value : quoted(value)}`;
  }
  return text;
}

/** False for text that would not stand out as one value, or that could fake a line. */
function isPlain(value: unknown): boolean {
  return typeof value !== "string" || /^[^\s"=\p{C}]+$/u.test(value);
}

/** The value as a JSON string in which nothing acts on a terminal. */
function quoted(value: unknown): string {
  return JSON.stringify(value).replace(
    /\p{C}/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function globSource(glob: string): string {
  return glob.split("*").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join(".*");
}
