/** The kinds of authenticator that the wizard offers, and the fields of each. */
import type { Setting } from "./settings.tsx";

/** A mechanism with its backend. */
export interface AuthenticatorKind {
  readonly mechanism: "password_based" | "jwt";
  /** Of `jwt`: how its key is had. */
  readonly backend: string;
  readonly label: string;
  /** What tells the kind apart, in the configuration. */
  readonly fixed: Readonly<Record<string, unknown>>;
  readonly settings: readonly Setting[];
}

const HASHES = [
  { name: "sha256", salt_position: "prefix" },
  { name: "sha512", salt_position: "prefix" },
  { name: "bcrypt", salt_rounds: 10 },
  { name: "pbkdf2", mac_fun: "sha256", iterations: 100_000 },
  { name: "plain", salt_position: "disable" },
].map((hash) => JSON.stringify(hash));

const HASH: Setting = {
  name: "password_hash_algorithm",
  label: "Hash of stored passwords",
  kind: "choice",
  asJson: true,
  choices: HASHES,
};

const PLACEHOLDERS = "Placeholders: ${username}, ${clientid}, ${password}, ${peerhost}.";
const SQL = "SELECT password_hash, salt, is_superuser FROM mqtt_user " +
  "WHERE username = ${username} LIMIT 1";

function connection(server: string, database: boolean): Setting[] {
  const settings: Setting[] = [
    { name: "server", label: "Server", kind: "text", required: true, initial: server },
    { name: "username", label: "User name", kind: "text", optional: true },
    { name: "password", label: "Password", kind: "secret" },
    { name: "pool_size", label: "Connections", kind: "number", initial: 8 },
    { name: "ssl.enable", label: "Encrypt with TLS", kind: "flag" },
  ];
  if (database) {
    settings.push({ name: "database", label: "Database", kind: "text", required: true });
  }
  return settings;
}

const QUERY: Setting = {
  name: "query",
  label: "Query",
  kind: "text",
  required: true,
  initial: SQL,
  help: PLACEHOLDERS,
};

const JWT: readonly Setting[] = [
  {
    name: "from",
    label: "The token is in",
    kind: "choice",
    choices: ["password", "username"],
  },
  {
    name: "verify_claims",
    label: "Claims that must hold",
    kind: "json",
    initial: {},
    help: 'Such as {"aud": "nats"}.',
  },
  {
    name: "disconnect_after_expire",
    label: "Disconnect when the token expires",
    kind: "flag",
    initial: true,
  },
];

/** All kinds, in the order in which they are offered. */
export const KINDS: readonly AuthenticatorKind[] = [
  password("built_in_database", "Built-in database", [
    {
      name: "user_id_type",
      label: "Users are known by",
      kind: "choice",
      choices: ["username", "clientid"],
    },
    HASH,
  ]),
  password("mysql", "MySQL", [...connection("127.0.0.1:3306", true), QUERY, HASH]),
  password("postgresql", "PostgreSQL", [...connection("127.0.0.1:5432", true), QUERY, HASH]),
  password("mongodb", "MongoDB", [
    ...connection("127.0.0.1:27017", true),
    { name: "collection", label: "Collection", kind: "text", required: true },
    {
      name: "filter",
      label: "Filter",
      kind: "json",
      initial: { username: "${username}" },
      help: PLACEHOLDERS,
    },
    HASH,
  ], { mongo_type: "single" }),
  password("redis", "Redis", [
    ...connection("127.0.0.1:6379", false),
    {
      name: "cmd",
      label: "Command",
      kind: "text",
      required: true,
      initial: "HMGET mqtt_user:${username} password_hash salt is_superuser",
      help: PLACEHOLDERS,
    },
    HASH,
  ]),
  password("http", "HTTP server", [
    { name: "method", label: "Method", kind: "choice", choices: ["post", "get"] },
    { name: "url", label: "URL", kind: "text", required: true, help: PLACEHOLDERS },
    {
      name: "headers",
      label: "Headers",
      kind: "json",
      initial: { "content-type": "application/json" },
    },
    {
      name: "body",
      label: "Body",
      kind: "json",
      initial: { username: "${username}", password: "${password}" },
    },
    { name: "request_timeout", label: "Timeout", kind: "number", initial: "5s" },
  ]),
  password("ldap", "LDAP", [
    ...connection("127.0.0.1:389", false),
    { name: "base_dn", label: "Base DN", kind: "text", required: true, help: PLACEHOLDERS },
    { name: "filter", label: "Filter", kind: "text", initial: "(uid=${username})" },
    {
      name: "method.type",
      label: "The password is checked",
      kind: "choice",
      choices: ["bind", "hash"],
      help: "bind: by the server; hash: here, with the attribute userPassword.",
    },
  ]),
  jwt("hmac", "Shared secret", { use_jwks: false, algorithm: "hmac-based" }, [
    { name: "secret", label: "Secret", kind: "secret", required: true },
    { name: "secret_base64_encoded", label: "The secret is base64", kind: "flag" },
  ]),
  jwt("public-key", "Public key", { use_jwks: false, algorithm: "public-key" }, [
    { name: "public_key", label: "Public key", kind: "pem", required: true },
  ]),
  jwt("jwks", "Key set (JWKS)", { use_jwks: true }, [
    { name: "endpoint", label: "URL of the key set", kind: "text", required: true },
    { name: "refresh_interval", label: "Read again after", kind: "number", initial: 300 },
  ]),
];

/** The kind of a configured authenticator. */
export function kindOf(table: Readonly<Record<string, unknown>>): AuthenticatorKind | undefined {
  return KINDS.find(({ fixed }) =>
    Object.entries(fixed).every(([name, value]) => name === "mongo_type" || table[name] === value)
  );
}

function password(
  backend: string,
  label: string,
  settings: readonly Setting[],
  more: Readonly<Record<string, unknown>> = {},
): AuthenticatorKind {
  const mechanism = "password_based";
  return { mechanism, backend, label, settings, fixed: { mechanism, backend, ...more } };
}

function jwt(
  backend: string,
  label: string,
  fixed: Readonly<Record<string, unknown>>,
  settings: readonly Setting[],
): AuthenticatorKind {
  const mechanism = "jwt";
  const all = [...settings, ...JWT];
  return { mechanism, backend, label, settings: all, fixed: { mechanism, ...fixed } };
}
