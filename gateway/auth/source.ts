/**
 * What authorization sources have in common, and how they are counted.
 */
import type { Facts } from "./facts.ts";
import type { Guard } from "./guard.ts";
import type { Action, Rule } from "./rule.ts";

/** One of `[[authorization.sources]]`. */
export type AclSource = RuleSource | AnswerSource;

/** A source that gives rules, to be applied here. */
export interface RuleSource {
  readonly kind: "rules";
  readonly type: string;
  /** True when rules cost a request; they are then kept for `authorization.cache.ttl`. */
  readonly remote: boolean;
  /** The rules that may concern a client, in order. `failed`: the backend gave no usable answer. */
  rules(facts: Facts): readonly Rule[] | Promise<readonly Rule[] | "failed">;
  close?(): Promise<void>;
  /** State of its backend; absent for those that have none. */
  readonly guard?: Guard;
}

/** A source that is asked about each topic. */
export interface AnswerSource {
  readonly kind: "answers";
  readonly type: string;
  readonly remote: true;
  ask(facts: Facts, question: AclQuestion): Promise<AclAnswer>;
  close?(): Promise<void>;
  /** State of its backend; absent for those that have none. */
  readonly guard?: Guard;
}

/** May this client do that? */
export interface AclQuestion {
  readonly action: Exclude<Action, "all">;
  /** Topic or filter, canonical. */
  readonly name: string;
  readonly qos: number;
  readonly retain: boolean;
}

/** `ignore`: no opinion. `failed`: the backend gave no usable answer. */
export type AclAnswer = "allow" | "deny" | "ignore" | "failed";

/** What came of asking a source; read by the admin API. */
export class SourceCounters {
  total = 0;
  allow = 0;
  deny = 0;
  nomatch = 0;
  /** Asked, and it failed. */
  ignore = 0;

  reset(): void {
    this.total =
      this.allow =
      this.deny =
      this.nomatch =
      this.ignore =
        0;
  }
}
