/**
 * A gateway in this process with its admin app, on free ports and files of its own.
 */
import type { Hono } from "hono";
import type { AdminDeps, AdminEnv } from "../../admin/api.ts";
import { createAdminApp } from "../../admin/app.ts";
import { Audit } from "../../admin/audit.ts";
import { AdminAuth } from "../../admin/auth/auth.ts";
import type { KeySettings } from "../../admin/auth/keys.ts";
import { checkText, readConfig, writeOverlay } from "../../gateway/config/read.ts";
import { type Gateway, type SettingsSource, startGateway } from "../../gateway/gateway.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { FREE_PORTS } from "../kit/gateway.ts";

/** What a request may say. */
export interface Ask {
  readonly method?: string;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: BodyInit;
  readonly headers?: Record<string, string>;
  /** Instead of the administrator's key; null for none. */
  readonly authorization?: string | null;
  readonly address?: string;
}

/** The gateway, the app, and who asks it. */
export class AdminWorld implements AsyncDisposable {
  /** `Basic …` of an administrator. */
  readonly administrator: string;
  constructor(
    readonly gateway: Gateway,
    readonly app: Hono<AdminEnv>,
    readonly deps: AdminDeps,
    readonly dir: string,
  ) {
    this.administrator = this.keyFor({}, "administrator");
  }

  /** Makes a key and gives its `Authorization` header. */
  keyFor(settings: KeySettings, name = `key-${crypto.randomUUID()}`): string {
    const keys = this.deps.auth.keys;
    if (keys.get(name) !== undefined) keys.delete(name);
    const { api_key, api_secret } = keys.create(name, settings);
    return `Basic ${btoa(`${api_key}:${api_secret}`)}`;
  }

  /** Logs a new administrator in and gives the `Authorization` header. */
  async login(username = "root", password = "Sesame-open-1"): Promise<string> {
    const { auth } = this.deps;
    if (auth.users.get(username) === undefined) {
      await auth.users.create({ username, description: "", role: "administrator" }, password);
    }
    return `Bearer ${(await auth.login(username, password, "")).token}`;
  }

  /** Asks the app; paths that do not begin with `/` are below `/api/v5/`. */
  async ask(path: string, ask: Ask = {}): Promise<Response> {
    const { json, authorization = this.administrator, address = "192.0.2.1" } = ask;
    const headers = new Headers(ask.headers);
    if (authorization !== null) headers.set("authorization", authorization);
    if (json !== undefined) headers.set("content-type", "application/json");
    const body = json === undefined ? ask.body : JSON.stringify(json);
    const method = ask.method ?? (body === undefined ? "GET" : "POST");
    const url = path.startsWith("/") ? path : `/api/v5/${path}`;
    return await this.app.request(url, { method, headers, ...(body !== undefined && { body }) }, {
      address,
    });
  }

  /** Status and JSON (or text) of the answer. */
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape
  async get(path: string, ask: Ask = {}): Promise<[status: number, body: any]> {
    const response = await this.ask(path, ask);
    const text = await response.text();
    if (text === "") return [response.status, undefined];
    const isJson = response.headers.get("content-type")?.includes("json");
    return [response.status, isJson ? JSON.parse(text) : text];
  }

  /** Stops the gateway; its files stay for another start. */
  async stop(): Promise<void> {
    await this.gateway.stop(this.gateway.clock.now() + 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** Starts one. `dir`: what an earlier one left. */
export async function startWorld(toml = "", dir?: string): Promise<AdminWorld> {
  const own = dir ?? await Deno.makeTempDir({ prefix: "natsgate-admin-" });
  const path = `${own}/config.toml`;
  if (dir === undefined) {
    await Deno.writeTextFile(path, `[node]\ndata_dir = "${own}/data"\n${FREE_PORTS}${toml}`);
  }
  const input = { path, env: {} };
  const loaded = readConfig(input);
  if (loaded.config === undefined) throw new Error(JSON.stringify(loaded.issues));
  const settings: SettingsSource = {
    loaded,
    load: (overlayText) => readConfig({ ...input, overlayText }),
    check: (text) => checkText(text, input),
    writeOverlay: (text) => writeOverlay(loaded.overlayPath, text),
  };
  const gateway = await startGateway(loaded.config, { log: silentLog, settings });
  const { control } = gateway;
  const deps = { control, auth: new AdminAuth(control), audit: new Audit(control) };
  return new AdminWorld(gateway, createAdminApp(deps), deps, own);
}
