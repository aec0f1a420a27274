/**
 * The durable state that the configuration asks for.
 */
import type { Clock } from "../clock.ts";
import type { Config } from "../config/types.ts";
import type { MqttBroker } from "../mqtt/broker.ts";
import { SessionRestorer } from "../mqtt/restore.ts";
import type { Log } from "../observe/log.ts";
import { memoryStore } from "../store/memory.ts";
import { openSqliteStore, type StoreEvent } from "../store/sqlite.ts";
import type { Store } from "../store/types.ts";

/** File name of the store in `node.data_dir`. */
const STORE_FILE = "natsgate.db";

const GOOD_NEWS: ReadonlySet<StoreEvent["kind"]> = new Set(["writable", "restored"]);

/** Path of the store's file; undefined when nothing is kept. */
export function storePath(config: Config): string | undefined {
  return config.store.type === "memory" ? undefined : `${config.node.data_dir}/${STORE_FILE}`;
}

/**
 * Opens the store.
 * @throws {OperationalError} the file cannot be opened, or another process has it
 */
export function openStore(config: Config, clock: Clock, log: Log): Store {
  const path = storePath(config);
  if (path === undefined) return memoryStore();
  return openSqliteStore({
    path,
    sync: config.store.sync,
    database_bytes_max: config.store.max_size,
    clock,
    report: ({ kind, message }) => GOOD_NEWS.has(kind) ? log.info(message) : log.error(message),
  });
}

/** Brings back sessions and retained messages of the last run, and keeps those to come. */
export function restoreState(store: Store, broker: MqttBroker, config: Config): void {
  const restorer = new SessionRestorer(broker);
  store.load(restorer);
  restorer.finish();
  if (config.retainer.backend.storage_type === "disc") {
    broker.router.retained.listener = store.retained;
  }
}
