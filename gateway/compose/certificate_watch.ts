/**
 * The certificates in use, of all listeners and of the admin port: listed, read again when their
 * files are renewed, and warned about before they end.
 */
import { type Clock, DAY_MS, type Timer } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import { type CertificateInfo, daysLeft, type TlsMaterial } from "../transport/tls_material.ts";

/** How often certificate files are read again. */
const CERTIFICATE_CHECK_MS = 60_000;
/** Certificates that end sooner are warned about, once a day. */
const CERTIFICATE_WARN_DAYS = 21;

/** What shows certificates to its clients. */
export interface CertificateHolder {
  /** Id of the listener, such as `nats:ssl:default` or `dashboard:https`. */
  readonly id: string;
  /** In use now. */
  readonly material: TlsMaterial;
  /**
   * Reads the files again.
   * @throws {OperationalError} they are not usable
   */
  read(): Promise<TlsMaterial>;
  /** Shows others from now on; connections stay. */
  use(material: TlsMaterial): void;
}

/** A certificate in use, for lists. */
export interface ListenerCertificate extends CertificateInfo {
  readonly listener: string;
  readonly daysLeft: number;
}

/** Watches over what it is told of. */
export class CertificateWatch {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #sources = new Set<() => Iterable<CertificateHolder>>();
  #timer: Timer | undefined;
  #warnedAt = -Infinity;
  /** Problems that were logged and still hold, by listener. */
  readonly #problems = new Map<string, string>();
  /** Revocation lists that were said to have expired. */
  readonly #expiredLists = new Set<string>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  /** Watches over whatever `holders` gives, from the next `start` on. */
  add(holders: () => Iterable<CertificateHolder>): void {
    this.#sources.add(holders);
  }

  /** Every certificate that is shown to clients. */
  list(): ListenerCertificate[] {
    const now = this.#clock.calendar();
    return this.#holders().flatMap(({ id, material }) =>
      material.identities.map(({ info }) => ({
        ...info,
        listener: id,
        daysLeft: daysLeft(info, now),
      }))
    );
  }

  /** Says in the log which certificates a listener shows from now on. */
  announce(id: string, material: TlsMaterial): void {
    const now = this.#clock.calendar();
    for (const { info } of material.identities) {
      this.#log.info("certificate in use", {
        listener: id,
        subject: info.subject,
        days_left: daysLeft(info, now),
      });
    }
  }

  /** Looks after those that are there now, until `stop`. Call it when there are others. */
  start(): void {
    this.#timer?.cancel();
    if (this.#holders().length === 0) return;
    this.#warnAboutExpiry();
    this.#tellExpiredLists();
    this.#timer = this.#clock.at(this.#clock.now() + CERTIFICATE_CHECK_MS, async () => {
      await this.refresh();
      this.start();
    });
  }

  /** Looks no more. */
  stop(): void {
    this.#timer?.cancel();
  }

  /** Takes on certificates that were renewed in their files; keeps the old ones on any problem. */
  async refresh(): Promise<void> {
    for (const holder of this.#holders()) {
      const { id } = holder;
      try {
        const material = await holder.read();
        this.#problems.delete(id);
        if (material.version === holder.material.version) continue;
        holder.use(material);
        this.announce(id, material);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        if (this.#problems.get(id) === problem) continue;
        this.#problems.set(id, problem);
        const text = "cannot take on the renewed certificate; the old one stays in use";
        this.#log.error(text, { listener: id, problem });
      }
    }
  }

  #holders(): CertificateHolder[] {
    return [...this.#sources].flatMap((holders) => [...holders()]);
  }

  #warnAboutExpiry(): void {
    const now = this.#clock.calendar();
    if (now < this.#warnedAt + DAY_MS) return;
    for (const { listener, subject, daysLeft } of this.list()) {
      if (daysLeft >= CERTIFICATE_WARN_DAYS) continue;
      this.#warnedAt = now;
      const text = daysLeft < 0
        ? "a certificate has expired: clients will refuse it; renew its file"
        : "a certificate expires soon; renew its file";
      this.#log.warn(text, { listener, subject, days_left: daysLeft });
    }
  }

  /** Once for each list. */
  #tellExpiredLists(): void {
    const now = this.#clock.calendar();
    for (const { id, material } of this.#holders()) {
      for (const { issuer, nextUpdate } of material.revocationLists) {
        const list = `${id} ${issuer} ${nextUpdate}`;
        if (nextUpdate >= now || this.#expiredLists.has(list)) continue;
        this.#expiredLists.add(list);
        const text = "a revocation list has expired: clients of its authority are refused; " +
          "renew crlfile";
        this.#log.error(text, { listener: id, authority: issuer });
      }
    }
  }
}
