/** Reads the files of a configuration; everything else about it is in `load.ts`. */
import { type ConfigIssue, EXIT, OperationalError } from "../errors.ts";
import { loadConfig, type LoadResult } from "./load.ts";

/** Which files and arguments. */
export interface ReadInput {
  /** The file. Left out: `config.toml` of the working directory if there is one. */
  readonly path?: string | undefined;
  readonly sets?: readonly string[] | undefined;
  /** Instead of the process's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Instead of what is in the overlay's file; "" for nothing. */
  readonly overlayText?: string | undefined;
}

/** A loaded configuration and where it was found. */
export interface ReadResult extends LoadResult {
  /** Undefined: there was no file, the defaults hold. */
  readonly path: string | undefined;
  /** Where the admin API keeps its changes. */
  readonly overlayPath: string;
  /** What is in it; "" when it is not there. */
  readonly overlayText: string;
}

/** The problems of a text, were it the configuration file. The overlay does not count. */
export function checkText(text: string, input: ReadInput): readonly ConfigIssue[] {
  const env = input.env ?? Deno.env.toObject();
  return loadConfig({ text, env, sets: input.sets, readFile: Deno.readTextFileSync }).issues;
}

/**
 * Replaces the overlay in one step: whoever reads it sees the old text or the new one. It may
 * hold secrets, so that nobody else may read it.
 * @throws OperationalError when it cannot be written; the old one is still there then.
 */
export function writeOverlay(path: string, text: string): void {
  const partial = `${path}.partial`;
  try {
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    {
      const options = { write: true, create: true, truncate: true, mode: 0o600 };
      using file = Deno.openSync(partial, options);
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    }
    Deno.renameSync(partial, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(
      `Cannot write ${path}: ${reason} (the change was taken back; make the directory writable)`,
      EXIT.notKept,
      { cause: error },
    );
  }
}

const DEFAULT_PATH = "config.toml";

/**
 * Reads the file and the overlay in its `node.data_dir`, and loads them.
 * @throws OperationalError when a file is there and cannot be read, or was named and is not.
 */
export function readConfig(input: ReadInput = {}): ReadResult {
  const env = input.env ?? Deno.env.toObject();
  const text = readText(input.path ?? DEFAULT_PATH, input.path === undefined);
  const path = text === undefined ? undefined : input.path ?? DEFAULT_PATH;
  const layers = { text, fileName: path, env, sets: input.sets, readFile: Deno.readTextFileSync };
  const bare = loadConfig(layers);
  // The overlay cannot move itself: the data directory is that of the other layers.
  const data_dir = bare.config?.node.data_dir ?? dataDirOf(bare.raw);
  const overlayPath = `${data_dir}/overlay.toml`;
  const overlayText = input.overlayText ?? readText(overlayPath, true);
  const loaded = overlayText === undefined ? bare : loadConfig({ ...layers, overlayText });
  return { ...loaded, path, overlayPath, overlayText: overlayText ?? "" };
}

/** The data directory as far as it can be told from a configuration with errors. */
function dataDirOf(raw: LoadResult["raw"]): string {
  const node = raw.node as { data_dir?: unknown } | undefined;
  return typeof node?.data_dir === "string" ? node.data_dir : "data";
}

function readText(path: string, mayBeAbsent: boolean): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (mayBeAbsent && error instanceof Deno.errors.NotFound) return undefined;
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(
      `Cannot read the configuration ${path}: ${reason} (name another file with --config)`,
      EXIT.config,
      { cause: error },
    );
  }
}
