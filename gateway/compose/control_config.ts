/**
 * Reads, checks and changes the configuration while the gateway runs. A change is tried in the
 * order: check all of it, take it into use, keep it. What fails leaves everything as it was.
 */
import { type Change, diffConfigs } from "../config/diff.ts";
import type { Origin } from "../config/layers.ts";
import { editOverlay, mergeOverlay, redactedOverlay } from "../config/overlay.ts";
import { loadConfig } from "../config/load.ts";
import { formatPath, isWithin, parsePath, type Path } from "../config/path.ts";
import type { ReadResult } from "../config/read.ts";
import { redact, unredact } from "../config/redact.ts";
import { isTable, put, type Table, valueAt } from "../config/tree.ts";
import type { Config } from "../config/types.ts";
import type { ConfigControl, ConfigEdit, ConfigEdits } from "../control.ts";
import { ConfigError, type ConfigIssue, OperationalError } from "../errors.ts";
import type { Log } from "../observe/log.ts";

/** Where the configuration comes from and where changes of it go. */
export interface SettingsSource {
  /** As it was read at the start. */
  readonly loaded: ReadResult;
  /** Reads everything again. `overlayText`: instead of what is in the overlay's file. */
  load(overlayText?: string): ReadResult;
  /** The problems of a text, were it the configuration file. */
  check(text: string): readonly ConfigIssue[];
  /** Replaces the overlay's file in one step. */
  writeOverlay(text: string): void;
}

/** For a gateway whose configuration came from nowhere: it cannot be changed. */
export function noSettings(config: Config): SettingsSource {
  const loaded: ReadResult = { ...loadConfig({}), config, path: undefined, ...NO_OVERLAY };
  return {
    loaded,
    load: () => loaded,
    check: (text) => loadConfig({ text }).issues,
    writeOverlay() {
      throw new OperationalError("this gateway keeps no changes of its configuration");
    },
  };
}

const NO_OVERLAY = { overlayPath: "", overlayText: "" };

/** What the control needs of the gateway. */
export interface ConfigParts {
  readonly log: Log;
  readonly settings: SettingsSource;
  readonly current: () => Config;
  readonly apply: (config: Config) => Promise<Change[]>;
}

/** See `ConfigControl`. */
export class RunningConfig implements ConfigControl {
  readonly #parts: ConfigParts;
  readonly #listeners: ((config: Config) => void)[] = [];
  #loaded: ReadResult;
  #versions = 1;
  /** Changes come one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: ConfigParts) {
    this.#parts = parts;
    this.#loaded = parts.settings.loaded;
  }

  get current(): Config {
    return this.#parts.current();
  }

  /** A number for the process and one for the change: no version comes twice. */
  get version(): string {
    return `${START.toString(36)}-${this.#versions}`;
  }

  effective(path: Path): unknown {
    return redact(written(valueAt(this.#loaded.complete(), path)), path);
  }

  written(path: Path): unknown {
    return valueAt(this.#loaded.complete(), path);
  }

  origins(): ReadonlyMap<string, Origin> {
    return this.#loaded.origins;
  }

  overlay(): string {
    return redactedOverlay(this.#loaded.overlayText);
  }

  check(toml: string): readonly ConfigIssue[] {
    return this.#parts.settings.check(toml);
  }

  diff(toml: string): readonly Change[] {
    return diffConfigs(this.current, this.#checked(this.#merged(toml)).config);
  }

  merge(toml: string, by: string, before = () => {}): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      before();
      return await this.#take(this.#checked(this.#merged(toml)), by);
    });
  }

  preview(edits: readonly ConfigEdit[]): Config {
    return this.#edited(edits).config;
  }

  change(edits: ConfigEdits, by: string): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      const all = typeof edits === "function" ? edits() : edits;
      return await this.#take(this.#edited(all), by);
    });
  }

  reload(by: string): Promise<readonly Change[]> {
    return this.#inTurn(async () => {
      const loaded = this.#parts.settings.load();
      if (loaded.config === undefined) throw new ConfigError(errorsOf(loaded.issues));
      const changes = await this.#parts.apply(loaded.config);
      this.#parts.log.info("configuration read again", { by });
      this.#inForce(loaded);
      return changes;
    });
  }

  onChange(run: (config: Config) => void): void {
    this.#listeners.push(run);
  }

  #edited(edits: readonly ConfigEdit[]): Checked {
    const { settings } = this.#parts;
    const restored = edits.map((edit) => this.#restoreSecrets(edit));
    const below = settings.load("").complete();
    const text = editOverlay(
      settings.load().overlayText,
      restored,
      (path) => valueAt(below, path) !== undefined,
    );
    const checked = this.#checked(text);
    refuseOverridden(checked.loaded, edits);
    return checked;
  }

  #merged(toml: string): string {
    const { overlayText } = this.#parts.settings.load();
    try {
      return mergeOverlay(overlayText, toml);
    } catch (error) {
      const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
      throw new ConfigError([{ severity: "error", path: "", message }]);
    }
  }

  #restoreSecrets({ path, value }: ConfigEdit): { path: string[]; value: unknown } {
    const { value: restored, missing } = unredact(value, this.written(path), path);
    if (missing.length > 0) {
      throw new ConfigError(missing.map((name) => ({
        severity: "error",
        path: name,
        message: "****** stands for a secret that is there already, and there is none: write it",
      })));
    }
    return { path: path.map(String), value: restored };
  }

  #checked(overlay: string): Checked {
    const loaded = this.#parts.settings.load(overlay);
    if (loaded.config === undefined) throw new ConfigError(errorsOf(loaded.issues));
    if (loaded.origins.get("node.data_dir")?.layer === "overlay") {
      throw new ConfigError([{
        severity: "error",
        path: "node.data_dir",
        message: "holds the changes that are made here, so it cannot be one of them; " +
          "set it in the file, or with --data-dir",
      }]);
    }
    return { loaded, config: loaded.config, overlay };
  }

  async #take({ loaded, config, overlay }: Checked, by: string): Promise<readonly Change[]> {
    const before = this.current;
    const changes = await this.#parts.apply(config);
    try {
      this.#parts.settings.writeOverlay(overlay);
    } catch (error) {
      await this.#parts.apply(before);
      throw error;
    }
    this.#parts.log.info("configuration changed", { by, changes: changes.length });
    this.#inForce(loaded);
    return changes;
  }

  #inForce(loaded: ReadResult): void {
    this.#loaded = loaded;
    this.#versions++;
    for (const run of this.#listeners) run(this.current);
  }

  #inTurn<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job);
    this.#last = result.catch(() => {});
    return result;
  }
}

interface Checked {
  readonly loaded: ReadResult;
  readonly config: Config;
  readonly overlay: string;
}

/** As a file would say it, in texts that JSON has, too: TOML may write `inf` for "infinity". */
function written(value: unknown): unknown {
  if (value === Infinity) return "infinity";
  if (Array.isArray(value)) return value.map(written);
  if (!isTable(value)) return value;
  const table: Table = {};
  for (const [key, part] of Object.entries(value)) put(table, key, written(part));
  return table;
}

const START = Date.now();

function errorsOf(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return issues.filter(({ severity }) => severity === "error");
}

/** The environment and `--set` win over the overlay: a change beneath them would do nothing. */
function refuseOverridden(loaded: ReadResult, edits: readonly ConfigEdit[]): void {
  for (const [name, { layer, name: source }] of loaded.origins) {
    if (layer !== "environment" && layer !== "set") continue;
    const path = parsePath(name) ?? [];
    if (!edits.some((edit) => isWithin(path, edit.path))) continue;
    throw new ConfigError([{
      severity: "error",
      path: formatPath(path),
      message: `is set by ${layer === "set" ? "--set" : "the environment variable"} ${source}, ` +
        "which wins over changes made here; change it there",
    }]);
  }
}
