/**
 * All listeners: opened together, changed together, and given new certificates while they run.
 */
import { formatBind } from "../address.ts";
import { type Clock, DAY_MS, type Timer } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import type { Connection } from "../transport/connection.ts";
import { Listener, type ListenerParts } from "../transport/listener.ts";
import { type CertificateInfo, daysLeft, type TlsMaterial } from "../transport/tls_material.ts";
import { tlsRules } from "../transport/tls_judge.ts";
import type { TlsServer } from "../transport/tls_server.ts";
import type { ListenerPlan } from "./listener_plan.ts";
import { listenerMaterial, needTls, tlsConfig, wayIn } from "./ways_in.ts";

/** How often certificate files are read again. */
const CERTIFICATE_CHECK_MS = 60_000;
/** Certificates that end sooner are warned about, once a day. */
const CERTIFICATE_WARN_DAYS = 21;

/** What the set is given. */
export interface ListenerSetParts {
  readonly log: Log;
  readonly clock: Clock;
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

/** A certificate in use, for lists. */
export interface ListenerCertificate extends CertificateInfo {
  readonly listener: string;
  readonly daysLeft: number;
}

/** The listeners of a gateway. */
export class ListenerSet {
  readonly #parts: ListenerSetParts;
  readonly #open = new Map<string, OpenListener>();
  #timer: Timer | undefined;
  #warnedAt = -Infinity;
  /** Certificate problems that were logged and still hold, by listener. */
  readonly #problems = new Map<string, string>();
  /** Revocation lists that were said to have expired. */
  readonly #expiredLists = new Set<string>();

  constructor(parts: ListenerSetParts) {
    this.#parts = parts;
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

  /** Every certificate that is shown to clients; `now` by the calendar. */
  certificates(now: number): ListenerCertificate[] {
    return [...this.#open.values()].flatMap(({ plan, tls }) =>
      (tls?.material.identities ?? []).map(({ info }) => ({
        ...info,
        listener: plan.id,
        daysLeft: daysLeft(info, now),
      }))
    );
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
    this.#watchCertificates();
  }

  /** Stops accepting everywhere; connections stay. */
  stop(): void {
    this.#timer?.cancel();
    for (const { listener } of this.#open.values()) listener.stop();
  }

  /** Takes on certificates that were renewed in their files; keeps the old ones on any problem. */
  async refreshCertificates(): Promise<void> {
    for (const { plan, tls } of this.#open.values()) {
      if (tls === undefined) continue;
      try {
        const material = await listenerMaterial(plan);
        this.#problems.delete(plan.id);
        if (material === undefined || material.version === tls.material.version) continue;
        tls.use(material);
        this.#logCertificate(plan, material);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (this.#problems.get(plan.id) === problem) continue;
        this.#problems.set(plan.id, problem);
        const text = "cannot take on the renewed certificate; the old one stays in use";
        this.#parts.log.error(text, { listener: plan.id, problem });
      }
    }
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
    if (material !== undefined) this.#logCertificate(plan, material);
    return open;
  }

  #reconfigure(open: OpenListener, plan: ListenerPlan, material: TlsMaterial | undefined): void {
    const running = sameTlsRules(open.plan, plan) ? open.tls : undefined;
    if (running !== undefined && material!.version !== running.material.version) {
      running.use(material!);
      this.#logCertificate(plan, material!);
    }
    const way = wayIn(plan, material, this.#parts.clock, running);
    open.listener.reconfigure({ ...plan.options, way });
    open.plan = plan;
    open.tls = way.tls?.server;
  }

  #logCertificate(plan: ListenerPlan, material: TlsMaterial): void {
    const now = this.#parts.clock.calendar();
    for (const { info } of material.identities) {
      this.#parts.log.info("certificate in use", {
        listener: plan.id,
        subject: info.subject,
        days_left: daysLeft(info, now),
      });
    }
  }

  #watchCertificates(): void {
    this.#timer?.cancel();
    if (![...this.#open.values()].some(({ tls }) => tls !== undefined)) return;
    this.#warnAboutExpiry();
    this.#tellExpiredLists();
    const { clock } = this.#parts;
    this.#timer = clock.at(clock.now() + CERTIFICATE_CHECK_MS, async () => {
      await this.refreshCertificates();
      this.#watchCertificates();
    });
  }

  #warnAboutExpiry(): void {
    const now = this.#parts.clock.calendar();
    if (now < this.#warnedAt + DAY_MS) return;
    for (const { listener, subject, daysLeft } of this.certificates(now)) {
      if (daysLeft >= CERTIFICATE_WARN_DAYS) continue;
      this.#warnedAt = now;
      const text = daysLeft < 0
        ? "a certificate has expired: clients will refuse it; renew its file"
        : "a certificate expires soon; renew its file";
      this.#parts.log.warn(text, { listener, subject, days_left: daysLeft });
    }
  }

  /** Once for each list. */
  #tellExpiredLists(): void {
    const now = this.#parts.clock.calendar();
    for (const { plan, tls } of this.#open.values()) {
      for (const { issuer, nextUpdate } of tls?.material.revocationLists ?? []) {
        const list = `${plan.id} ${issuer} ${nextUpdate}`;
        if (nextUpdate >= now || this.#expiredLists.has(list)) continue;
        this.#expiredLists.add(list);
        const text = "a revocation list has expired: clients of its authority are refused; " +
          "renew crlfile";
        this.#parts.log.error(text, { listener: plan.id, authority: issuer });
      }
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
