/** Which settings are secret. One list for hiding, restoring and reading them from files. */
import type { Path } from "./path.ts";

/** Names whose value is secret wherever they stand. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  "password",
  "passwd",
  "passcode",
  "default_password",
  "bind_password",
  "sentinel_password",
  "private_key_password",
  "secret",
  "client_secret",
  "secret_key",
  "secret_access_key",
  "token",
  "access_token",
  "refresh_token",
  "id_token",
  "security_token",
  "mfa_token",
  "jwt",
  "jwk",
  "client_jwks",
  "private_key",
  "api_key",
  "api_secret",
  "access_key_id",
  "access_key_secret",
  "account_key",
  "old_pwd",
  "new_pwd",
]);

/** Names that are secret inside `headers`. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "api-key",
  "x-api-key",
  "x-auth-token",
]);

/** True when the text at the path is secret because of its name. */
export function isSecretPath(path: Path): boolean {
  const names = path.filter((part) => typeof part === "string");
  const name = names.at(-1);
  if (name === undefined) return false;
  if (names.at(-2) === "headers") return SECRET_HEADERS.has(name.toLowerCase());
  return SECRET_KEYS.has(name);
}

/** True when the text must not be shown: by its name, or because it holds a private key. */
export function isSecret(text: string, path: Path): boolean {
  if (text.includes("PRIVATE KEY-----")) return true;
  return text !== "" && isSecretPath(path) && !isReference(text);
}

/** A text that names the secret and isn't it: one placeholder, or a file. */
function isReference(text: string): boolean {
  return /^\$\{[^{}]*\}$/.test(text) || text.startsWith("file://");
}
