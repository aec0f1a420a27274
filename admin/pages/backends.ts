/** Fields of the databases and servers that logins and permissions come from. */
import type { Setting } from "./settings.ts";

/** How a database is reached. */
export interface BackendFields {
  /** Where it usually is. */
  readonly server: string;
  /** True: it has databases to choose from. */
  readonly database?: boolean;
  /** True: nobody gets in without a name. */
  readonly named?: boolean;
}

/** The fields of a connection. */
export function connection({ server, database, named }: BackendFields): readonly Setting[] {
  return [
    {
      name: "server",
      label: "Server",
      kind: "text",
      required: true,
      initial: server,
      help: "Host and port.",
    },
    ...(database ? [DATABASE] : []),
    named
      ? { name: "username", label: "User name", kind: "text", required: true }
      : { name: "username", label: "User name", kind: "text", optional: true },
    { name: "password", label: "Password", kind: "secret" },
    {
      name: "pool_size",
      label: "Connections at most",
      kind: "number",
      initial: 8,
      more: true,
    },
    ...TLS,
  ];
}

const DATABASE: Setting = { name: "database", label: "Database", kind: "text", required: true };

const TLS: readonly Setting[] = [
  { name: "ssl.enable", label: "Encrypt with TLS", kind: "flag", more: true },
  {
    name: "ssl.verify",
    label: "Certificate of the server",
    kind: "choice",
    choices: ["verify_none", "verify_peer"],
    labels: { verify_none: "not verified", verify_peer: "must be verified" },
    more: true,
  },
  {
    name: "ssl.cacertfile",
    label: "CA certificate",
    kind: "pem",
    help: "PEM text, a file to upload, or the path of a file on the server.",
    more: true,
  },
];

/** The fields of an HTTP server that is asked. */
export function httpServer(body: Readonly<Record<string, string>>, help: string): Setting[] {
  return [
    {
      name: "url",
      label: "URL",
      kind: "text",
      wide: true,
      required: true,
      initial: "http://127.0.0.1:8080/",
      help,
    },
    { name: "method", label: "Method", kind: "choice", choices: ["post", "get"] },
    { name: "body", label: "Body (for GET: the query)", kind: "json", initial: body, help },
    {
      name: "headers",
      label: "Headers",
      kind: "json",
      initial: { "content-type": "application/json" },
      more: true,
    },
    {
      name: "request_timeout",
      label: "Timeout",
      kind: "number",
      initial: "5s",
      more: true,
      help: "Such as 5s or 500ms.",
    },
  ];
}
