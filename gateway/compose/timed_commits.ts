/**
 * Measures how long the store takes to make a turn's changes durable.
 */
import type { Metrics } from "../observe/metrics.ts";
import type { Store } from "../store/types.ts";
import type { Committer } from "../transport/turns.ts";

/** The store as turns see it, with the time that its commits take. */
export function timedCommits(store: Store, metrics: Metrics): Committer {
  return {
    get dirty() {
      return store.dirty;
    },
    commit() {
      const since = performance.now();
      const written = store.commit();
      metrics.store_commit_ms.observe(performance.now() - since);
      if (!written) metrics.store_commit_errors++;
      return written;
    },
  };
}
