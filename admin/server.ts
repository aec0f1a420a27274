/**
 * The admin ports: opened with the gateway, moved when the configuration says so.
 */
import type { Hono } from "hono";
import type { Config } from "../gateway/config/types.ts";
import type { Bind } from "../gateway/config/values.ts";
import { formatBind, isLoopback } from "../gateway/config/values.ts";
import type { GatewayControl } from "../gateway/control.ts";
import { OperationalError } from "../gateway/errors.ts";
import type { AdminEnv } from "./api.ts";
import { createAdminApp, createMonitorApp } from "./app.ts";
import { Audit } from "./audit.ts";
import { AdminAuth } from "./auth/auth.ts";
import { prepareCredentials } from "./auth/first_start.ts";
import { pages } from "./pages/mod.tsx";

/** The running admin part. */
export interface Admin {
  /** Port of the HTTP listener; 0 while it is off. */
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Opens what the configuration asks for and keeps it so.
 * @throws {OperationalError} an address cannot be had, or credentials not be prepared
 */
export async function startAdmin(control: GatewayControl): Promise<Admin> {
  const auth = new AdminAuth(control);
  const deps = { control, auth, audit: new Audit(control) };
  const app = createAdminApp(deps, pages(deps));
  const ports = new Ports(app, control);
  const { current } = control.config;
  if (anyBind(current)) await prepareCredentials(auth, current);
  ports.change(current);
  control.config.onChange((config) => {
    prepareCredentials(auth, config)
      .then(() => ports.change(config))
      .catch((error) => control.log.error(error instanceof Error ? error.message : String(error)));
  });
  return {
    get port() {
      return ports.port;
    },
    stop: () => ports.stop(),
  };
}

function anyBind({ dashboard }: Config): boolean {
  return dashboard.listeners.http.bind !== undefined ||
    dashboard.listeners.https.bind !== undefined;
}

/** The open ports. */
class Ports {
  readonly #open = new Map<string, { readonly server: Deno.HttpServer; readonly at: string }>();
  constructor(readonly app: Hono<AdminEnv>, readonly control: GatewayControl) {}

  get port(): number {
    const addr = this.#open.get("dashboard:http")?.server.addr;
    return addr !== undefined && "port" in addr ? addr.port : 0;
  }

  /** Opens, moves and closes as the configuration says. */
  change({ dashboard, gateway: { nats } }: Config): void {
    this.#keep("dashboard:http", dashboard.listeners.http.bind, this.app);
    const monitor = nats.enable ? nats.monitor_bind : undefined;
    this.#keep("nats:monitor", monitor, createMonitorApp(this.control));
  }

  async stop(): Promise<void> {
    const servers = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(servers.map(({ server }) => end(server)));
  }

  #keep(id: string, bind: Bind | undefined, app: Hono<AdminEnv>): void {
    const open = this.#open.get(id);
    const at = bind === undefined ? undefined : formatBind(bind);
    if (open?.at === at) return;
    const server = bind === undefined ? undefined : this.#listen(id, bind, app);
    this.#open.delete(id);
    if (server !== undefined) this.#open.set(id, { server, at: at! });
    // The request that changed it still gets its answer.
    if (open !== undefined) end(open.server);
  }

  #listen(id: string, bind: Bind, app: Hono<AdminEnv>): Deno.HttpServer {
    const { log } = this.control;
    const handler = (request: Request, info: Deno.ServeHandlerInfo) => {
      const address = "hostname" in info.remoteAddr ? info.remoteAddr.hostname : "";
      return app.fetch(request, { address, secure: false });
    };
    const options = {
      onListen: () => {},
      onError: (error: unknown) => {
        log.error("an admin request failed; please report this", { error: String(error) });
        return new Response(null, { status: 500 });
      },
    };
    let server: Deno.HttpServer;
    try {
      server = "path" in bind
        ? Deno.serve(
          { ...options, transport: "unix", path: bind.path },
          (request) => this.app.fetch(request, { address: "", secure: false }),
        )
        : Deno.serve({ ...options, hostname: bind.host, port: bind.port }, handler);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OperationalError(
        `Cannot listen on ${
          formatBind(bind)
        } for ${id}: ${reason} (set dashboard.listeners to another bind)`,
        69,
        { cause: error },
      );
    }
    const { addr } = server;
    const where = "hostname" in addr
      ? `http://${formatBind({ host: addr.hostname, port: addr.port })}/`
      : formatBind(bind);
    log.info(`administration on ${where} (${id})`);
    if (!isLoopback(bind)) {
      log.warn("the admin port can be reached from other hosts without encryption", {
        listener: id,
      });
    }
    return server;
  }
}

/** Milliseconds that requests under way have. */
const GRACE_MS = 1000;

async function end(server: Deno.HttpServer): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, GRACE_MS);
  await Promise.race([server.shutdown(), timeout.promise]);
  clearTimeout(timer);
}
