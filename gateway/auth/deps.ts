/**
 * What the parts of access control are given.
 */
import type { Clock } from "../clock.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Hasher } from "./hasher.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import type { UserStore } from "./users.ts";

/** Given by `gateway.ts`. */
export interface AccessDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Users, rules and bans; and the way to make them durable. */
  readonly store: UserStore;
  /** How NATS subjects in rules are read, by `gateway.nats.topic_mapping`. */
  readonly subjects: (mapping: "lossless" | "plain") => SubjectReader;
}

/** What each authenticator and source is given. */
export interface PartDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly hasher: Hasher;
  readonly subjects: SubjectReader;
  /** True: a backend that fails refuses the client. False: the next one is asked. */
  readonly failClosed: boolean;
}
