/**
 * Who changed what, and when. Kept in the store; the oldest entries go first.
 */
import type { GatewayControl } from "../gateway/control.ts";

/** One change. */
export interface AuditEntry {
  /** RFC 3339. */
  readonly at: string;
  /** Name of the key or the user. */
  readonly who: string;
  /** By key, token or cookie. */
  readonly by: string;
  readonly address: string;
  /** Method and path. */
  readonly what: string;
  /** Settings that changed, and the like. */
  readonly note: string;
}

/** Entries that are kept. */
const AUDIT_MAX = 10_000;
const KIND = "audit";
/** Characters of a path or note that are kept. */
const TEXT_MAX = 1000;

/** The audit trail. */
export class Audit {
  #next: number;
  #oldest: number;

  constructor(readonly control: GatewayControl) {
    const keys = control.documents.list(KIND, { limit: AUDIT_MAX }).map(({ key }) => Number(key));
    this.#oldest = keys[0] ?? 0;
    this.#next = keys.length === 0 ? 0 : keys.at(-1)! + 1;
  }

  note(entry: Omit<AuditEntry, "at">): void {
    const { documents, log } = this.control;
    const what = entry.what.slice(0, TEXT_MAX);
    const note = entry.note.slice(0, TEXT_MAX);
    const at = new Date(this.control.calendar()).toISOString();
    documents.put(KIND, keyOf(this.#next++), { at, ...entry, what, note });
    while (this.#next - this.#oldest > AUDIT_MAX) documents.delete(KIND, keyOf(this.#oldest++));
    documents.commit();
    log.info("changed by an administrator", { who: entry.who, what, note });
  }

  /** Newest first. */
  list(): AuditEntry[] {
    return this.control.documents.list(KIND, { limit: AUDIT_MAX })
      .map(({ value }) => value as AuditEntry).reverse();
  }
}

/** Keys are ordered as texts. */
function keyOf(number: number): string {
  return String(number).padStart(12, "0");
}
