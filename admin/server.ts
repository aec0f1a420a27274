/**
 * The admin ports: opened with the gateway, moved when the configuration says so.
 */
import { realClock } from "../gateway/clock.ts";
import type { Config, ServerTlsConfig } from "../gateway/config/types.ts";
import { isLocal } from "../gateway/config/values.ts";
import { type Bind, formatBind } from "../gateway/address.ts";
import type { CertificateHolder, GatewayControl } from "../gateway/control.ts";
import { EXIT, OperationalError } from "../gateway/errors.ts";
import { tlsRules } from "../gateway/transport/tls_judge.ts";
import { loadTlsMaterial } from "../gateway/transport/tls_material.ts";
import { needTls } from "../gateway/transport/tls_probe.ts";
import { adminAnswer, monitorAnswer } from "./answers.ts";
import { Audit } from "./audit.ts";
import { AdminAuth } from "./auth/auth.ts";
import { prepareCredentials } from "./auth/first_start.ts";
import { AdminPort, type Answer, type PortTls } from "./port.ts";

/** The running admin part. */
export interface Admin {
  /** Port of the HTTP listener; 0 while it is off. */
  readonly port: number;
  /** Port of the HTTPS listener; 0 while it is off. */
  readonly securePort: number;
  stop(): Promise<void>;
}

/**
 * Opens what the configuration asks for and keeps it so.
 * @throws {OperationalError} an address cannot be had, or credentials not be prepared
 */
export async function startAdmin(control: GatewayControl): Promise<Admin> {
  const auth = new AdminAuth(control);
  const ports = new Ports(adminAnswer({ control, auth, audit: new Audit(control) }), control);
  const { current } = control.config;
  if (anyBind(current)) await prepareCredentials(auth, current);
  await ports.change(current).catch(async (error) => {
    await ports.stop();
    throw error;
  });
  control.config.onChange((config) => {
    prepareCredentials(auth, config)
      .then(() => ports.change(config))
      .catch((error) => control.log.error(error instanceof Error ? error.message : String(error)));
  });
  return {
    get port() {
      return ports.port("http");
    },
    get securePort() {
      return ports.port("https");
    },
    stop: () => ports.stop(),
  };
}

function anyBind({ dashboard }: Config): boolean {
  return dashboard.listeners.http.bind !== undefined ||
    dashboard.listeners.https.bind !== undefined;
}

/** What a port is opened with. */
interface PortPlan {
  readonly bind: Bind | undefined;
  readonly answer: Answer;
  readonly connectionsMax: number;
  readonly tls?: ServerTlsConfig;
}

/** An open port; `as` says what it was opened with. */
interface OpenPort {
  readonly port: AdminPort;
  readonly as: string;
  readonly address: string;
  /** Its `ssl_options`; undefined without TLS. */
  tls: ServerTlsConfig | undefined;
}

/** The open ports. */
class Ports {
  readonly #open = new Map<string, OpenPort>();
  /** Changes come one after the other. */
  #changing: Promise<void> = Promise.resolve();

  constructor(readonly answer: Answer, readonly control: GatewayControl) {
    control.certificates.add(() => this.#holders());
  }

  /** Port of a listener; 0 while it is off. */
  port(id: "http" | "https"): number {
    return this.#open.get(`dashboard:${id}`)?.port.port ?? 0;
  }

  /** Opens, moves and closes as the configuration says. */
  change(config: Config): Promise<void> {
    const changed = this.#changing.then(() => this.#change(config));
    this.#changing = changed.catch(() => {});
    return changed;
  }

  async #change({ dashboard: { listeners: { http, https } }, gateway: { nats } }: Config) {
    const { answer } = this;
    await this.#keep("dashboard:http", {
      bind: http.bind,
      answer,
      connectionsMax: http.max_connections,
    });
    await this.#keep("dashboard:https", {
      bind: https.bind,
      answer,
      connectionsMax: https.max_connections,
      tls: https.ssl_options,
    });
    this.control.certificates.start();
    await this.#keep("nats:monitor", {
      bind: nats.enable ? nats.monitor_bind : undefined,
      answer: monitorAnswer(this.control),
      connectionsMax: MONITOR_CONNECTIONS_MAX,
    });
  }

  async stop(): Promise<void> {
    await this.#changing;
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map(({ port }) => port.close()));
  }

  async #keep(id: string, plan: PortPlan): Promise<void> {
    const { bind } = plan;
    const open = this.#open.get(id);
    if (bind === undefined) {
      this.#open.delete(id);
      // The request that changed it still gets its answer.
      open?.port.close();
      return;
    }
    const tls = plan.tls && await portTls(plan.tls, `${settingOf(id)}.ssl_options`);
    const address = formatBind(bind);
    const as = JSON.stringify([address, tls?.rules]);
    if (open?.as === as) {
      if (tls !== undefined && tls.material.version !== open.port.material?.version) {
        open.port.use(tls.material);
        this.control.certificates.announce(id, tls.material);
      }
    } else {
      // The same address can only be had after the old port gave it back.
      if (open?.address === address) open.port.close();
      const port = await this.#listen(id, bind, plan, tls);
      this.#open.set(id, { port, as, address, tls: plan.tls });
      if (tls !== undefined) this.control.certificates.announce(id, tls.material);
      if (open !== undefined && open.address !== address) open.port.close();
    }
    const now = this.#open.get(id)!;
    now.port.connectionsMax = plan.connectionsMax;
    now.tls = plan.tls;
  }

  *#holders(): Iterable<CertificateHolder> {
    for (const [id, { port, tls }] of this.#open) {
      const { material } = port;
      if (material === undefined) continue;
      yield {
        id,
        material,
        read: () => loadTlsMaterial(tls!, `${settingOf(id)}.ssl_options`),
        use: (material) => port.use(material),
      };
    }
  }

  async #listen(id: string, bind: Bind, { answer }: PortPlan, tls?: PortTls): Promise<AdminPort> {
    const { log } = this.control;
    const port = new AdminPort(async (request, from) => {
      try {
        return await answer(request, from);
      } catch (error) {
        log.error("an admin request failed; please report this", { error: String(error) });
        return new Response(null, { status: 500 });
      }
    }, tls);
    try {
      await port.listen(bind);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new OperationalError(
        `Cannot listen on ${formatBind(bind)} for ${id}: ${reason} (set ${
          settingOf(id)
        } to another address)`,
        EXIT.unavailable,
        { cause: error },
      );
    }
    const scheme = tls === undefined ? "http" : "https";
    const where = "host" in bind
      ? `${scheme}://${formatBind({ host: bind.host, port: port.port })}/`
      : formatBind(bind);
    log.info(`administration on ${where} (${id})`);
    if (tls === undefined && !isLocal(bind)) {
      log.warn("the admin port can be reached from other hosts without encryption", {
        listener: id,
      });
    }
    return port;
  }
}

/** Connections of `gateway.nats.monitor_bind`, which has no setting for that. */
const MONITOR_CONNECTIONS_MAX = 512;

function settingOf(id: string): string {
  return id === "nats:monitor"
    ? "gateway.nats.monitor_bind"
    : id.replace("dashboard:", "dashboard.listeners.");
}

/**
 * Reads the certificates of a port.
 * @throws {OperationalError} they are not usable, or this runtime cannot verify clients
 */
async function portTls(config: ServerTlsConfig, where: string): Promise<PortTls> {
  await needTls(realClock());
  const material = await loadTlsMaterial(config, where);
  return { rules: tlsRules(config), material };
}
