/** Fields of the databases and servers that logins and permissions come from. */
import type { Setting } from "./settings.ts";

/** What a backend is asked, at first, and the placeholders that may stand in it. */
export interface Question {
  /** Query, command or filter. */
  readonly initial: string;
  readonly help: string;
}

const PEM_HELP = "PEM text, a file to upload, or the path of a file on the server.";

const VERIFIED: readonly Setting[] = [
  {
    name: "ssl.verify",
    label: "Certificate of the server",
    kind: "choice",
    choices: ["verify_peer", "verify_none"],
    labels: { verify_none: "is not verified", verify_peer: "is verified" },
    initial: "verify_peer",
    more: true,
  },
  {
    name: "ssl.cacertfile",
    label: "CA certificate",
    kind: "pem",
    help: PEM_HELP,
    more: true,
  },
];

const DATABASE: Setting = { name: "database", label: "Database", kind: "text", required: true };

/** MySQL and MariaDB. */
export function mysql(question: Question): Setting[] {
  return [...connection("127.0.0.1:3306"), DATABASE, asked("query", "Query", question)];
}

/** PostgreSQL. */
export function postgresql(question: Question): Setting[] {
  return [...connection("127.0.0.1:5432", true), DATABASE, asked("query", "Query", question)];
}

/** One MongoDB server. */
export function mongodb(help: string): Setting[] {
  return [
    ...connection("127.0.0.1:27017"),
    DATABASE,
    { name: "collection", label: "Collection", kind: "text", required: true },
    {
      name: "filter",
      label: "Filter",
      kind: "json",
      initial: { username: "${username}" },
      help,
    },
  ];
}

/** One Redis server. */
export function redis(question: Question): Setting[] {
  return [...connection("127.0.0.1:6379"), asked("cmd", "Command", question)];
}

/** LDAP. */
export function ldap(help: string): Setting[] {
  return [
    ...connection("127.0.0.1:389", true),
    { name: "base_dn", label: "Base DN", kind: "text", required: true, help },
    { name: "filter", label: "Filter", kind: "text", initial: "(uid=${username})" },
  ];
}

/** An HTTP server. */
export function httpServer(body: Readonly<Record<string, string>>, help: string): Setting[] {
  return [
    asked("url", "URL", { initial: "http://127.0.0.1:8080/", help }),
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
    ...VERIFIED,
  ];
}

function asked(name: string, label: string, { initial, help }: Question): Setting {
  return { name, label, kind: "text", wide: true, required: true, initial, help };
}

/** @param named true: nobody gets in without a name */
function connection(server: string, named = false): Setting[] {
  return [
    {
      name: "server",
      label: "Server",
      kind: "text",
      required: true,
      initial: server,
      help: "Host and port.",
    },
    {
      name: "username",
      label: "User name",
      kind: "text",
      ...(named ? { required: true } : { optional: true }),
    },
    { name: "password", label: "Password", kind: "secret" },
    {
      name: "pool_size",
      label: "Connections at most",
      kind: "number",
      initial: 8,
      more: true,
    },
    { name: "ssl.enable", label: "Encrypt with TLS", kind: "flag", more: true },
    ...VERIFIED,
  ];
}
