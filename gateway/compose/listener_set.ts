/**
 * All listeners: opened together and changed together.
 */
import { formatBind } from "../address.ts";
import type { Clock } from "../clock.ts";
import type { Connection } from "../transport/connection.ts";
import { Listener, type ListenerParts } from "../transport/listener.ts";
import type { TlsMaterial } from "../transport/tls_material.ts";
import { needTls } from "../transport/tls_probe.ts";
import { tlsRules } from "../transport/tls_judge.ts";
import type { TlsServer } from "../transport/tls_server.ts";
import type { CertificateHolder, CertificateWatch } from "./certificate_watch.ts";
import type { ListenerPlan } from "./listener_plan.ts";
import { listenerMaterial, tlsConfig, wayIn } from "./ways_in.ts";

/** What the set is given. */
export interface ListenerSetParts {
  readonly clock: Clock;
  readonly certificates: CertificateWatch;
  /**
   * What a listener needs; called for each that is opened.
   * @param plan gives its settings as they are now
   */
  readonly listenerParts: (plan: () => ListenerPlan) => ListenerParts;
  /** Closes the connections of a listener that is no more. */
  readonly disconnect: (connections: Iterable<Connection>) => void;
}

/** An open listener. */
export interface OpenListener {
  /** As configured now; sessions read it when they begin. */
  plan: ListenerPlan;
  readonly listener: Listener;
  tls: TlsServer | undefined;
}

/** The listeners of a gateway. */
export class ListenerSet {
  readonly #parts: ListenerSetParts;
  readonly #open = new Map<string, OpenListener>();

  constructor(parts: ListenerSetParts) {
    this.#parts = parts;
    parts.certificates.add(() => this.#holders());
  }

  /** By id, such as `nats:tcp:default`. */
  get open(): ReadonlyMap<string, OpenListener> {
    return this.#open;
  }

  /** The open listener of that id, such as `nats:tcp:default`. */
  get(id: string): Listener | undefined {
    return this.#open.get(id)?.listener;
  }

  /** All connections, of all listeners. */
  *connections(): Iterable<Connection> {
    for (const { listener } of this.#open.values()) yield* listener.connections;
  }

  /**
   * Makes the open listeners those that are planned: opens, closes and changes as needed. What
   * stays open keeps its connections.
   * @throws {OperationalError} something cannot be had; then nothing has changed
   */
  async change(plans: readonly ListenerPlan[]): Promise<void> {
    const materials = await this.#materials(plans);
    const planned = new Map(plans.map((plan) => [plan.id, plan]));
    const leaving = [...this.#open.values()].filter(({ plan }) => {
      const next = planned.get(plan.id);
      return next === undefined || !sameBind(next, plan);
    });
    const opened: OpenListener[] = [];
    // An address that a leaving listener has can only be had after it.
    const wanted = new Set(plans.map((plan) => formatBind(plan.options.bind)));
    const inTheWay = leaving.filter(({ plan }) => wanted.has(formatBind(plan.options.bind)));
    for (const { listener } of inTheWay) listener.stop();
    try {
      for (const plan of plans) {
        const current = this.#open.get(plan.id);
        if (current !== undefined && !leaving.includes(current)) continue;
        opened.push(await this.#start(plan, materials.get(plan.id)));
      }
    } catch (error) {
      for (const { listener } of opened) listener.stop();
      for (const { listener } of inTheWay) await listener.start();
      throw error;
    }
    for (const { plan, listener } of leaving) {
      listener.stop();
      this.#parts.disconnect(listener.connections);
      this.#open.delete(plan.id);
    }
    for (const open of this.#open.values()) {
      this.#reconfigure(open, planned.get(open.plan.id)!, materials.get(open.plan.id));
    }
    for (const each of opened) this.#open.set(each.plan.id, each);
    this.#parts.certificates.start();
  }

  /** Stops accepting everywhere; connections stay. */
  stop(): void {
    for (const { listener } of this.#open.values()) listener.stop();
  }

  /** Everything is read before anything is changed. */
  async #materials(plans: readonly ListenerPlan[]): Promise<Map<string, TlsMaterial>> {
    const materials = new Map<string, TlsMaterial>();
    // First, because a runtime that is not fit cannot read certificates as we need it either.
    if (plans.some((plan) => tlsConfig(plan) !== undefined)) await needTls(this.#parts.clock);
    for (const plan of plans) {
      const material = await listenerMaterial(plan);
      if (material !== undefined) materials.set(plan.id, material);
    }
    return materials;
  }

  async #start(plan: ListenerPlan, material: TlsMaterial | undefined): Promise<OpenListener> {
    const way = wayIn(plan, material, this.#parts.clock);
    const parts = this.#parts.listenerParts(() => open.plan);
    const open: OpenListener = {
      plan,
      listener: new Listener({ ...plan.options, way }, parts),
      tls: way.tls?.server,
    };
    await open.listener.start();
    if (material !== undefined) this.#parts.certificates.announce(plan.id, material);
    return open;
  }

  #reconfigure(open: OpenListener, plan: ListenerPlan, material: TlsMaterial | undefined): void {
    const running = sameTlsRules(open.plan, plan) ? open.tls : undefined;
    if (running !== undefined && material!.version !== running.material.version) {
      running.use(material!);
      this.#parts.certificates.announce(plan.id, material!);
    }
    const way = wayIn(plan, material, this.#parts.clock, running);
    open.listener.reconfigure({ ...plan.options, way });
    open.plan = plan;
    open.tls = way.tls?.server;
  }

  *#holders(): Iterable<CertificateHolder> {
    for (const { plan, tls } of this.#open.values()) {
      if (tls === undefined) continue;
      yield {
        id: plan.id,
        material: tls.material,
        read: async () => (await listenerMaterial(plan))!,
        use: (material) => tls.use(material),
      };
    }
  }
}

function sameBind(one: ListenerPlan, other: ListenerPlan): boolean {
  return formatBind(one.options.bind) === formatBind(other.options.bind);
}

/** Whether new certificates are all that TLS may have to take on. */
function sameTlsRules(one: ListenerPlan, other: ListenerPlan): boolean {
  const rules = [one, other].map((plan) => {
    const tls = tlsConfig(plan);
    return tls && tlsRules(tls);
  });
  return JSON.stringify(rules[0]) === JSON.stringify(rules[1]);
}
