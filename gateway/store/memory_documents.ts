/**
 * Documents that live as long as the process.
 */
import type { Document, DocumentQuery, DocumentStore } from "./types.ts";

/** Keeps documents as JSON text, so that callers get copies, as they do from a database. */
export class MemoryDocuments implements DocumentStore {
  readonly #kinds = new Map<string, Map<string, string>>();

  /** See `DocumentStore.get`. */
  get(kind: string, key: string): unknown {
    const text = this.#kinds.get(kind)?.get(key);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** See `DocumentStore.put`. */
  put(kind: string, key: string, value: unknown): void {
    let documents = this.#kinds.get(kind);
    if (documents === undefined) this.#kinds.set(kind, documents = new Map());
    documents.set(key, JSON.stringify(value));
  }

  /** See `DocumentStore.delete`. */
  delete(kind: string, key: string): boolean {
    return this.#kinds.get(kind)?.delete(key) ?? false;
  }

  /** See `DocumentStore.list`. Sorts at every call: listing is for people, and they are few. */
  list(kind: string, query: DocumentQuery): Document[] {
    const { prefix = "", after, limit } = query;
    const documents = this.#kinds.get(kind);
    if (documents === undefined) return [];
    return [...documents.keys()]
      .filter((key) => key.startsWith(prefix))
      .filter((key) => after === undefined || compareCodePoints(key, after) > 0)
      .sort(compareCodePoints)
      .slice(0, limit)
      .map((key) => ({ key, value: JSON.parse(documents.get(key)!) }));
  }

  /** See `DocumentStore.count`. */
  count(kind: string): number {
    return this.#kinds.get(kind)?.size ?? 0;
  }
}

/**
 * Order of the UTF-8 bytes, which is what a database sorts by. `<` on strings compares UTF-16
 * units and puts U+FFFD behind U+1F600.
 */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    return a.codePointAt(i)! - b.codePointAt(i)!;
  }
  return a.length - b.length;
}
