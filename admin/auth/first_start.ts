/**
 * The keys and users that are there from the start: of the configuration, of the bootstrap file,
 * and, when there is none at all, a key that is made and written to a file.
 */
import type { Config } from "../../gateway/config/types.ts";
import { EXIT, OperationalError } from "../../gateway/errors.ts";
import type { AdminAuth } from "./auth.ts";
import { type GivenKey, readBootstrap } from "./keys.ts";

/** File in `node.data_dir` that holds the first key as `key:secret`. */
const KEY_FILE = "admin.key";

/**
 * Brings keys and the first user in line with the configuration; called at the start and after
 * each reload.
 * @throws {OperationalError} the bootstrap file cannot be read, or the first key not be written
 */
export async function prepareCredentials(auth: AdminAuth, config: Config): Promise<void> {
  auth.keys.give([...bootstrapKeys(auth, config), ...config.api_key.keys.map(givenKey)]);
  const { default_username, default_password } = config.dashboard;
  if (default_password !== undefined && auth.users.size === 0) {
    const user = { username: default_username, description: "", role: "administrator" } as const;
    await auth.users.create(user, default_password);
    auth.control.log.info("the first dashboard user was made", { username: default_username });
  }
  if (auth.keys.size === 0) writeFirstKey(auth, config);
}

function givenKey(key: Config["api_key"]["keys"][number]): GivenKey {
  return { ...key, scopes: key.scopes };
}

function bootstrapKeys(auth: AdminAuth, config: Config): readonly GivenKey[] {
  const { bootstrap_file } = config.api_key;
  if (bootstrap_file === "") return [];
  let text: string;
  try {
    text = Deno.readTextFileSync(bootstrap_file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(
      `Cannot read api_key.bootstrap_file ${bootstrap_file}: ${reason} (make it, or take it out)`,
      EXIT.config,
    );
  }
  const { keys, problems } = readBootstrap(text);
  for (const problem of problems) {
    auth.control.log.warn(`api_key.bootstrap_file: ${problem}`, { path: bootstrap_file });
  }
  return keys;
}

/** The file is written first: a key that nobody can read would lock everyone out. */
function writeFirstKey(auth: AdminAuth, config: Config): void {
  const path = `${config.node.data_dir}/${KEY_FILE}`;
  const { api_key, api_secret } = auth.keys.create("first", { desc: "made at the first start" });
  try {
    Deno.mkdirSync(config.node.data_dir, { recursive: true });
    // An old file may be readable by others: it is replaced, not overwritten.
    const partial = `${path}.partial`;
    Deno.writeTextFileSync(partial, `${api_key}:${api_secret}\n`, { mode: 0o600 });
    Deno.renameSync(partial, path);
  } catch (error) {
    auth.keys.delete("first");
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperationalError(
      `Cannot write the first API key to ${path}: ${reason} (make the directory writable)`,
      EXIT.unavailable,
    );
  }
  auth.control.log.info("an API key for administration was made", { file: path });
}
