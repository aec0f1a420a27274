/**
 * The store of `store.type = "memory"`: nothing survives the process.
 */
import { MemoryDocuments } from "./memory_documents.ts";
import type { RetainedLog, SessionLog, Store } from "./types.ts";

const FORGETFUL: SessionLog & RetainedLog = {
  put() {},
  delete() {},
  putSubscription() {},
  deleteSubscription() {},
  body: () => 0,
  enqueue() {},
  update() {},
  remove() {},
  addIncoming() {},
  removeIncoming() {},
};

/** Keeps documents while the process runs, and nothing else: memory is the working copy. */
export function memoryStore(): Store {
  return {
    sessions: FORGETFUL,
    retained: FORGETFUL,
    documents: new MemoryDocuments(),
    dirty: false,
    writable: true,
    commit: () => true,
    load() {},
    close() {},
  };
}
