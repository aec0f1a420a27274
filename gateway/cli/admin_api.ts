/**
 * Talks to the admin API of a running gateway.
 */
import { Buffer } from "node:buffer";
import type { DashboardConfig } from "../config/types.ts";
import { type Bind, formatBind } from "../address.ts";
import { EXIT, OperationalError } from "../errors.ts";
import { SERVICE_DATA_DIR } from "./commands_tools.ts";
import type { Arguments } from "./parse.ts";
import { readSettings } from "./settings.ts";
import { UsageError } from "./usage.ts";

/** What the commands call. Paths below `/api/v5` need a key. */
export const API = {
  ready: "/readyz",
  nodes: "/api/v5/nodes",
  stats: "/api/v5/stats",
  gateways: "/api/v5/gateways",
  /** Clients by protocol. */
  clients: { mqtt: "/api/v5/clients", nats: "/api/v5/gateways/nats/clients" },
  /** Server-sent events, one message each. */
  tail: "/api/v5/tail",
  reload: "/api/v5/configs/reload",
  backup: "/api/v5/backup",
  restore: "/api/v5/restore",
} as const;

/** What goes with a call. */
export interface CallOptions {
  readonly query?: Record<string, string>;
  readonly body?: BodyInit;
  readonly accept?: string;
  /** Ends the call, instead of the usual time limit: for streams and large bodies. */
  readonly signal?: AbortSignal;
}

/** A gateway's admin API, reached as the arguments say. */
export class AdminApi {
  #key: string | undefined;
  private constructor(
    readonly base: string,
    readonly keyPath: string,
    readonly http: Deno.HttpClient | undefined,
    readonly timeout_ms: number,
  ) {}

  /** Finds address and key: by option, else in the configuration. */
  static open(args: Arguments): AdminApi {
    const url = args.text("url");
    const keyFile = args.text("key-file");
    const ca = args.text("cafile");
    const config = url !== undefined && keyFile !== undefined
      ? undefined
      : readSettings(args).config;
    const base = url ?? addressOf(config?.dashboard.listeners);
    if (!/^https?:\/\//.test(base)) {
      throw new UsageError(`--url=${base}: write http://HOST:PORT or https://HOST:PORT.`);
    }
    return new AdminApi(
      base.replace(/\/+$/, ""),
      keyFile ?? keyOf(config?.node.data_dir ?? "data"),
      ca === undefined ? undefined : Deno.createHttpClient({ caCerts: [readText(ca, "cafile")] }),
      args.integer("timeout") * 1000,
    );
  }

  /** Lets go of connections. */
  close(): void {
    this.http?.close();
  }

  /** The answer to a GET as JSON. */
  async get(path: string, query: Record<string, string> = {}): Promise<unknown> {
    return await (await this.call("GET", path, { query })).json();
  }

  /** Any call. Throws `OperationalError` with what the gateway says unless it succeeds. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Response> {
    const { query = {}, body, accept = "application/json", signal } = options;
    const parameters = new URLSearchParams(query).toString();
    this.#key ??= readText(this.keyPath, "key-file").trim();
    const response = await this.#request(
      `${this.base}${path}${parameters === "" ? "" : `?${parameters}`}`,
      {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(this.#key).toString("base64")}`,
          accept,
        },
        ...(body === undefined ? {} : { body }),
        signal: signal ?? AbortSignal.timeout(this.timeout_ms),
      },
    );
    if (response.ok) return response;
    throw await refusal(response, this.keyPath);
  }

  /** A call without credentials, whatever the answer. */
  async openCall(path: string): Promise<Response> {
    return await this.#request(`${this.base}${path}`, {
      signal: AbortSignal.timeout(this.timeout_ms),
    });
  }

  async #request(url: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, { ...init, ...(this.http && { client: this.http }) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OperationalError(
        `Cannot reach the gateway at ${this.base}: ${reason}. Does it run, with ` +
          "dashboard.listeners.http.bind there? Name another address with --url.",
        EXIT.unavailable,
        { cause: error },
      );
    }
  }
}

/** The address that the configuration gives the admin API, as this host reaches it. */
function addressOf(listeners: DashboardConfig["listeners"] | undefined): string {
  const { http, https } = listeners ?? {};
  if (http?.bind !== undefined) return `http://${reachable(http.bind)}`;
  if (https?.bind !== undefined) return `https://${reachable(https.bind)}`;
  return "http://127.0.0.1:18083";
}

function reachable(bind: Bind): string {
  if ("path" in bind) {
    throw new UsageError(`The admin API listens on the socket ${bind.path}: name a --url instead.`);
  }
  const { host, port } = bind;
  // All interfaces include this host's own.
  if (host === "0.0.0.0" || host === "::" || host === "") return `127.0.0.1:${port}`;
  return formatBind(bind);
}

/**
 * The key in a data directory; where that has none, the key of the gateway that runs as a service
 * of this machine, if there is one.
 */
function keyOf(data_dir: string): string {
  const own = `${data_dir}/admin.key`;
  return isMissing(own) && !isMissing(SERVICE_DATA_DIR) ? `${SERVICE_DATA_DIR}/admin.key` : own;
}

/** Whether there is no such file; one that may not be looked at is not missing. */
function isMissing(path: string): boolean {
  try {
    Deno.statSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound;
  }
}

function readText(path: string, option: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    throw new OperationalError(
      `Cannot read ${path}: ${(error as Error).message}. Name another file with --${option}.`,
      EXIT.failure,
      { cause: error },
    );
  }
}

/** What the gateway says, in one sentence. */
async function refusal(response: Response, keyPath: string): Promise<OperationalError> {
  const text = await response.text();
  if (response.status === 401) {
    return new OperationalError(
      `The gateway does not accept the API key in ${keyPath}. Name another with --key-file.`,
      EXIT.failure,
    );
  }
  let reason = text.trim() || response.statusText;
  try {
    const { code, message } = JSON.parse(text) as { code?: string; message?: unknown };
    const words = typeof message === "string" ? message : JSON.stringify(message);
    reason = `${words} (${code})`;
  } catch {
    // Not JSON: the text itself will do.
  }
  return new OperationalError(`The gateway refuses: ${reason}`, EXIT.failure);
}
