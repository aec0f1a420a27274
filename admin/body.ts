/**
 * Bodies of requests: never more than allowed, whatever the headers say.
 */
import { Problem } from "./problem.ts";

/** Most bytes of an ordinary body. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Most values in JSON that becomes settings: checking them takes longer than reading them. */
export const SETTINGS_VALUES_MAX = 5000;
/** Most lines of a configuration: the same. */
const TOML_LINES_MAX = 10_000;
/** Deepest nesting of JSON. */
const JSON_DEPTH_MAX = 32;

/**
 * All of the body.
 * @throws {Problem} 413 for more than `bytes_max`
 */
export async function readBody(request: Request, bytes_max: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length") ?? 0) > bytes_max) throw tooLarge(bytes_max);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > bytes_max) throw tooLarge(bytes_max);
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/**
 * The body as the text of a configuration.
 * @throws {Problem} 400 for too many lines, 413 for too many bytes
 */
export async function readToml(request: Request): Promise<string> {
  const text = new TextDecoder().decode(await readBody(request, BODY_BYTES_MAX));
  if (text.split("\n", TOML_LINES_MAX + 1).length <= TOML_LINES_MAX) return text;
  throw new Problem(400, "BAD_REQUEST", `the body has more than ${TOML_LINES_MAX} lines`);
}

/**
 * The body as JSON.
 * @param values_max keys and elements that it may have in all
 * @throws {Problem} 400, 413, or 415 for another content type
 */
export async function readJson(
  request: Request,
  bytes_max: number,
  values_max = Infinity,
): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    const message = "expected Content-Type: application/json";
    throw new Problem(415, "UNSUPPORTED_MEDIA_TYPE", message);
  }
  const bytes = await readBody(request, bytes_max);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Problem(400, "BAD_REQUEST", "the body is not valid UTF-8");
  }
  if (depthOf(text) > JSON_DEPTH_MAX) {
    throw new Problem(
      400,
      "BAD_REQUEST",
      `the body is nested deeper than ${JSON_DEPTH_MAX} levels`,
    );
  }
  let values = 0;
  try {
    return JSON.parse(text, (key, value) => {
      if (++values > values_max) {
        throw new Problem(400, "BAD_REQUEST", `the body has more than ${values_max} values`);
      }
      return harmless(key, value);
    });
  } catch (error) {
    if (error instanceof Problem) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new Problem(400, "BAD_REQUEST", `the body is not valid JSON: ${reason}`);
  }
}

/** Numbers that a double cannot hold would come back as null; that name is not one of a setting. */
function harmless(key: string, value: unknown): unknown {
  if (key === "__proto__") throw new Problem(400, "BAD_REQUEST", `${key}: unknown key`);
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new Problem(400, "BAD_REQUEST", `${key}: this number is too large`);
}

/** How deep arrays and objects of a JSON text are nested; brackets in texts do not count. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '"') {
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === "\\") i++;
    } else if (c === "{" || c === "[") {
      if (++depth > deepest) deepest = depth;
    } else if (c === "}" || c === "]") depth--;
  }
  return deepest;
}

/** What a body that is too large is answered with. */
export function tooLarge(bytes_max: number): Problem {
  return new Problem(413, "EXCEED_LIMIT", `the body has more than ${bytes_max} bytes`);
}
