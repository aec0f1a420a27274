/** The kinds of authenticator that the wizard offers, and the fields of each. */
import { httpServer, ldap, mongodb, mysql, postgresql, redis } from "./backends.ts";
import type { Table, TableKind } from "./lists.ts";
import type { Setting } from "./settings.ts";

const HASHES: readonly (readonly [algorithm: Table, label: string])[] = [
  [{ name: "sha256", salt_position: "prefix" }, "SHA-256, salt in front"],
  [{ name: "sha256", salt_position: "suffix" }, "SHA-256, salt behind"],
  [{ name: "sha512", salt_position: "prefix" }, "SHA-512, salt in front"],
  [{ name: "bcrypt", salt_rounds: 10 }, "bcrypt"],
  [{ name: "pbkdf2", mac_fun: "sha256", iterations: 100_000 }, "PBKDF2 with SHA-256"],
  [{ name: "plain", salt_position: "disable" }, "none: passwords are stored as they are"],
];

const HASH: Setting = {
  name: "password_hash_algorithm",
  label: "Hash of stored passwords",
  kind: "choice",
  asJson: true,
  choices: HASHES.map(([algorithm]) => JSON.stringify(algorithm)),
  labels: Object.fromEntries(
    HASHES.map(([algorithm, label]) => [JSON.stringify(algorithm), label]),
  ),
};

const PLACEHOLDERS = "Placeholders: ${username}, ${clientid}, ${password}, ${peerhost}.";

const QUERY = {
  initial: "SELECT password_hash, salt, is_superuser FROM mqtt_user " +
    "WHERE username = ${username} LIMIT 1",
  help: PLACEHOLDERS,
};

const JWT: readonly Setting[] = [
  {
    name: "from",
    label: "The token is in",
    kind: "choice",
    choices: ["password", "username"],
    labels: { password: "the password", username: "the user name" },
  },
  {
    name: "verify_claims",
    label: "Claims that must hold",
    kind: "json",
    initial: {},
    help: 'Such as {"aud": "nats"}.',
    more: true,
  },
  {
    name: "disconnect_after_expire",
    label: "Disconnect when the token expires",
    kind: "flag",
    initial: true,
  },
];

/** Names of the mechanisms. */
export const MECHANISMS = { password_based: "Password-based", jwt: "JWT" } as const;

/** All kinds, in the order in which they are offered. */
export const AUTHENTICATORS: readonly TableKind[] = [
  password("built_in_database", "Built-in database", [
    {
      name: "user_id_type",
      label: "Users are known by",
      kind: "choice",
      choices: ["username", "clientid"],
      labels: { username: "their user name", clientid: "their client id" },
    },
    HASH,
  ]),
  password("mysql", "MySQL", [...mysql(QUERY), HASH]),
  password("postgresql", "PostgreSQL", [...postgresql(QUERY), HASH]),
  password("mongodb", "MongoDB", [...mongodb(PLACEHOLDERS), HASH], { mongo_type: "single" }),
  password("redis", "Redis", [
    ...redis({
      initial: "HMGET mqtt_user:${username} password_hash salt is_superuser",
      help: PLACEHOLDERS,
    }),
    HASH,
  ]),
  password(
    "http",
    "HTTP server",
    httpServer({ username: "${username}", password: "${password}" }, PLACEHOLDERS),
  ),
  password("ldap", "LDAP", [
    ...ldap(PLACEHOLDERS),
    {
      name: "method.type",
      label: "The password is checked",
      kind: "choice",
      choices: ["bind", "hash"],
      labels: { bind: "by the server (bind)", hash: "here, with the attribute userPassword" },
    },
  ]),
  jwt("jwt-hmac", "Shared secret", { use_jwks: false, algorithm: "hmac-based" }, [
    { name: "secret", label: "Secret", kind: "secret", required: true },
    { name: "secret_base64_encoded", label: "The secret is base64", kind: "flag" },
  ]),
  jwt("jwt-public-key", "Public key", { use_jwks: false, algorithm: "public-key" }, [
    {
      name: "public_key",
      label: "Public key",
      kind: "pem",
      required: true,
      help: "PEM text, a file to upload, or the path of a file on the server.",
    },
  ]),
  jwt("jwt-jwks", "Key set (JWKS)", { use_jwks: true }, [
    { name: "endpoint", label: "URL of the key set", kind: "text", required: true },
    {
      name: "refresh_interval",
      label: "Read again after",
      kind: "number",
      initial: "300s",
      more: true,
    },
  ]),
];

function password(
  backend: string,
  label: string,
  settings: readonly Setting[],
  more: Table = {},
): TableKind {
  const mechanism = "password_based";
  return {
    id: `${mechanism}:${backend}`,
    group: mechanism,
    label,
    settings,
    fixed: { mechanism, backend, ...more },
    marks: ["mechanism", "backend"],
  };
}

function jwt(id: string, label: string, fixed: Table, settings: readonly Setting[]): TableKind {
  return {
    id,
    group: "jwt",
    label,
    settings: [...settings, ...JWT],
    fixed: { mechanism: "jwt", ...fixed },
    marks: ["mechanism", ...Object.keys(fixed)],
  };
}
