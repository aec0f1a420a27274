/**
 * The source `built_in_database`: rules of client ids, of user names, and for all, in the store.
 */
import { EXIT, OperationalError } from "../errors.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import type { Rule } from "./rule.ts";
import { readRules, RuleProblem } from "./rule_object.ts";
import type { RuleSource } from "./source.ts";
import type { UserStore } from "./users.ts";

/** Whose rules. */
export type RuleOwner = "users" | "clients" | "all";

/** Rules as written through the API. */
export interface OwnedRules {
  /** User name or client id; "" for `all`. */
  readonly owner: string;
  readonly rules: readonly unknown[];
}

const KIND: Readonly<Record<RuleOwner, string>> = {
  users: "acl user",
  clients: "acl client",
  all: "acl all",
};
const PAGE_MAX = 10_000;

/** The rules, and the way to change them. */
export class BuiltinRules {
  constructor(
    readonly store: UserStore,
    /** Rules of one owner at most. */
    public max_rules: number,
    readonly subjects: SubjectReader,
    /** Called after each change: answers given so far are void. */
    readonly changed: () => void,
  ) {}

  /** The source for the authorizers. */
  source(): RuleSource {
    return {
      kind: "rules",
      type: "built_in_database",
      remote: false,
      rules: ({ clientid, username }) => [
        ...this.#read("clients", clientid),
        ...(username === undefined ? [] : this.#read("users", username)),
        ...this.#read("all", ""),
      ],
    };
  }

  get(kind: RuleOwner, owner: string): OwnedRules | undefined {
    const rules = this.store.documents.get(KIND[kind], owner);
    return rules === undefined ? undefined : { owner, rules: rules as unknown[] };
  }

  /** All of a kind, in the order of their owners. */
  list(kind: RuleOwner): OwnedRules[] {
    return this.store.documents.list(KIND[kind], { limit: PAGE_MAX })
      .map(({ key, value }) => ({ owner: key, rules: value as unknown[] }));
  }

  /**
   * Creates or replaces. Throws `RuleProblem` for rules that cannot be used or are too many; then
   * none of them is kept.
   */
  put(kind: RuleOwner, ...entries: readonly OwnedRules[]): void {
    for (const { owner, rules } of entries) {
      if (rules.length > this.max_rules) {
        throw new RuleProblem(`${rules.length} rules are more than max_rules = ${this.max_rules}`);
      }
      if (kind !== "all" && owner === "") throw new RuleProblem("the name must not be empty");
      this.#parse(kind, rules);
    }
    for (const { owner, rules } of entries) {
      this.store.documents.put(KIND[kind], owner, rules);
    }
    this.#commit();
  }

  /** True when there were some. */
  delete(kind: RuleOwner, owner: string): boolean {
    const existed = this.store.documents.delete(KIND[kind], owner);
    if (existed) this.#commit();
    return existed;
  }

  /** Deletes everything: the source itself was deleted. */
  clear(): void {
    for (const kind of ["users", "clients", "all"] as const) {
      for (const { owner } of this.list(kind)) this.store.documents.delete(KIND[kind], owner);
    }
    this.#commit();
  }

  #read(kind: RuleOwner, owner: string): Rule[] {
    const stored = this.get(kind, owner);
    return stored === undefined ? [] : this.#parse(kind, stored.rules);
  }

  #parse(kind: RuleOwner, rules: readonly unknown[]): Rule[] {
    const source = `built_in_database ${kind}`;
    return readRules(rules, { subjects: this.subjects, source, namesAreConditions: false });
  }

  #commit(): void {
    const written = this.store.commit();
    this.changed();
    if (!written) {
      throw new OperationalError(
        "The rules could not be written to disk; see the log.",
        EXIT.notKept,
      );
    }
  }
}
