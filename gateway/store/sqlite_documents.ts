/**
 * Documents in a table. Changes are written at once into the transaction that the next commit
 * ends, so that reads see them; nothing is kept in memory, however many users there are.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Document, DocumentQuery, DocumentStore } from "./types.ts";
import type { Transaction } from "./sqlite_transaction.ts";

/** The document store of a database. */
export class SqliteDocuments implements DocumentStore {
  readonly #transaction: Transaction;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #list: StatementSync;
  readonly #count: StatementSync;
  readonly #unreadable: StatementSync;

  constructor(db: DatabaseSync, transaction: Transaction) {
    this.#transaction = transaction;
    this.#get = db.prepare("SELECT value FROM document WHERE kind = ? AND key = ?");
    this.#put = db.prepare(
      `INSERT INTO document (kind, key, value) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET value = excluded.value`,
    );
    this.#delete = db.prepare("DELETE FROM document WHERE kind = ? AND key = ?");
    this.#list = db.prepare(
      `SELECT key, value FROM document
       WHERE kind = ? AND key >= max(?, ?) AND key IS NOT ? ORDER BY key LIMIT ?`,
    );
    this.#count = db.prepare("SELECT count(*) AS count FROM document WHERE kind = ?");
    this.#unreadable = db.prepare(
      "SELECT count(*) AS count FROM document WHERE NOT json_valid(value)",
    );
  }

  /** See `DocumentStore.get`. */
  get(kind: string, key: string): unknown {
    const row = this.#get.get(kind, key);
    return row === undefined ? undefined : parse(row["value"] as string);
  }

  /** See `DocumentStore.put`. */
  put(kind: string, key: string, value: unknown): void {
    const text = JSON.stringify(value);
    this.#transaction.run(() => this.#put.run(kind, key, text));
  }

  /** See `DocumentStore.delete`. */
  delete(kind: string, key: string): boolean {
    if (this.#get.get(kind, key) === undefined) return false;
    this.#transaction.run(() => this.#delete.run(kind, key));
    return true;
  }

  /** See `DocumentStore.list`. */
  list(kind: string, query: DocumentQuery): Document[] {
    const { prefix = "", after, limit } = query;
    const documents: Document[] = [];
    for (const row of this.#list.all(kind, prefix, after ?? "", after ?? null, limit)) {
      const key = row["key"] as string;
      // Keys with the prefix stand together, so the first without it is the end.
      if (!key.startsWith(prefix)) break;
      const value = parse(row["value"] as string);
      if (value !== undefined) documents.push({ key, value });
    }
    return documents;
  }

  /** How many values are damaged. `get` and `list` leave them out. */
  get unreadable(): number {
    return this.#unreadable.get()!["count"] as number;
  }

  /** See `DocumentStore.count`. */
  count(kind: string): number {
    return this.#count.get(kind)!["count"] as number;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
