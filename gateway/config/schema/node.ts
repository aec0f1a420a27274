/** `[node]`, `[store]`, `[log]`: the process itself. */
import * as v from "valibot";
import {
  choice,
  count,
  duration,
  flag,
  requiredText,
  section,
  sizeOrInfinity,
  text,
} from "./kinds.ts";

/** `[node]`: name, data directory, and how the process goes down. */
export const node = section({
  name: text("natsgate@127.0.0.1"),
  /** Where the store, the overlay file and generated keys live. */
  data_dir: v.optional(requiredText, "data"),
  /** SIGTERM: queues are flushed for at most this long. */
  shutdown_timeout: duration("10s"),
  /** SIGUSR2: clients are told, and closed one by one over this time. */
  lame_duck_duration: duration("2m"),
  /** Between being told and the first close. */
  lame_duck_grace_period: duration("10s"),
  /** Where MQTT 5 clients are sent on lame duck; empty: nowhere. */
  server_reference: text(""),
});

/** `[store]`: durable state. */
export const store = section({
  type: choice(["sqlite", "memory"], "sqlite"),
  sync: choice(["full", "normal", "off"], "normal"),
  /** The database file; at this size it counts as full, and durable publishes are refused. */
  max_size: sizeOrInfinity("8GB"),
  /** Persistent sessions; a new one beyond it is refused. */
  max_sessions: count("infinity", 1),
  /** Offline messages of all sessions together; beyond it the newest is dropped and counted. */
  max_queued_bytes: sizeOrInfinity("4GB"),
});

/** `[log]`. */
export const log = section({
  console: section({
    enable: flag(true),
    level: choice(["debug", "info", "warning", "error"], "info"),
    formatter: choice(["text", "json"], "text"),
  }),
});
