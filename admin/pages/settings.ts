/**
 * Forms for tables of the configuration: what each field is, how it is shown, and what of it was
 * changed. Only what was changed is written, so that everything else keeps its origin.
 */
import type { Path } from "../../gateway/config/path.ts";
import { fieldProblem, fieldProblems, type Form } from "./request.ts";

/** A field of such a form. */
export interface Setting {
  /** Below the table, such as `protocol.max_payload_size`. */
  readonly name: string;
  readonly label: string;
  /**
   * `number`: digits become a number, anything else (`1MB`, `infinity`) stays text. `lines`: an
   * array, one element a line. `pem`: to be pasted or uploaded. `json`: any value. `choice`: one
   * of `choices`; those may be values written as JSON when `asJson` is set. `secret`: hidden as it
   * is typed. `password`: the same, and browsers offer to make one.
   */
  readonly kind:
    | "text"
    | "number"
    | "flag"
    | "choice"
    | "lines"
    | "pem"
    | "json"
    | "secret"
    | "password"
    | "date"
    | "moment";
  readonly choices?: readonly string[];
  /** What is written for choices whose value says little. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly asJson?: boolean;
  readonly help?: string;
  readonly required?: boolean;
  /** True: an empty field takes the setting out. Texts are empty texts else. */
  readonly optional?: boolean;
  /** What a form for something new begins with. */
  readonly initial?: unknown;
  /** True: long texts, so it gets a row of its own. */
  readonly wide?: boolean;
  /** True: seldom needed, so it is folded away. */
  readonly more?: boolean;
}

/** Which side of the gateway: asked in several places. */
export const PROTOCOL: Setting = {
  name: "protocol",
  label: "Protocol",
  kind: "choice",
  choices: ["nats", "mqtt"],
  labels: { nats: "NATS", mqtt: "MQTT" },
};

/** A setting and its new value; undefined: taken out. */
export type Entry = readonly [name: string, value: unknown];

/**
 * What a form changes of a table.
 * @param shown the table as the form showed it, secrets hidden
 * @throws {Problem} 400: fields that are needed and empty, and JSON that is none
 */
export async function readSettings(
  form: Form,
  settings: readonly Setting[],
  shown: unknown,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  const missing = settings.filter(({ required, kind, name }) =>
    required && kind !== "pem" && form.text(name).trim() === ""
  );
  if (missing.length > 0) throw fieldProblems(missing.map(({ name }) => [name, "is needed"]));
  for (const setting of settings) {
    const old = valueOf(shown, setting.name);
    const value = await readSetting(form, setting);
    if (value === undefined && old === undefined) continue;
    const isEmpty = value === "" || (Array.isArray(value) && value.length === 0);
    if (isEmpty && old === undefined) continue;
    if (JSON.stringify(value) === JSON.stringify(old)) continue;
    entries.push([setting.name, value]);
  }
  return entries;
}

async function readSetting(form: Form, setting: Setting): Promise<unknown> {
  const { name, kind, optional, asJson } = setting;
  if (kind === "flag") return form.flag(name);
  if (kind === "password") return form.text(name) || undefined;
  const uploaded = kind === "pem" ? await form.file(`${name}_file`) : undefined;
  const text = (uploaded ?? form.text(name)).trim();
  if (kind === "lines") return text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (text === "") return kind === "text" && !optional ? "" : undefined;
  if (kind === "json" || asJson) return readJson(name, text);
  if (kind === "number" && /^\d{1,15}$/.test(text)) return Number(text);
  return kind === "pem" && text.includes("\n") ? `${text}\n` : text;
}

/** @throws {Problem} 400: that is no JSON */
function readJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw fieldProblem(name, `expected JSON (${reason})`);
  }
}

/** The text of a field for what is configured. */
export function show(setting: Setting, configured: unknown): string {
  const value = configured ?? setting.initial;
  if (value === undefined) return "";
  if (setting.kind === "json" || setting.asJson) {
    return JSON.stringify(value, null, setting.asJson ? undefined : 1);
  }
  return Array.isArray(value) ? value.join("\n") : String(value);
}

/** The entries as edits of the configuration. */
export function editsAt(path: Path, entries: readonly Entry[]) {
  return entries.map(([name, value]) => ({ path: [...path, ...name.split(".")], value }));
}

/** A copy of a table with the entries in it. */
export function withEntries(
  table: Readonly<Record<string, unknown>>,
  entries: readonly Entry[],
): Record<string, unknown> {
  const copy = structuredClone(table) as Record<string, unknown>;
  for (const [name, value] of entries) {
    const names = name.split(".");
    const last = names.pop()!;
    let inner = copy;
    for (const step of names) inner = (inner[step] ??= {}) as Record<string, unknown>;
    if (value === undefined) delete inner[last];
    else inner[last] = value;
  }
  return copy;
}

/** What stands in a table under a dotted name. */
export function valueOf(table: unknown, name: string): unknown {
  let value = table;
  for (const step of name.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[step];
  }
  return value;
}
