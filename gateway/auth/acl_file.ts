/**
 * Rules in EMQX's classic grammar (`etc/acl.conf`): one Erlang tuple a rule, closed by a dot.
 *
 * ```erlang
 * {allow, {user, "dashboard"}, subscribe, ["$SYS/#"]}.  % comment
 * {deny, all, subscribe, ["$SYS/#", {eq, "#"}]}.
 * {allow, all}.
 * ```
 */
import { readTerms, type Term, TermProblem } from "./acl_terms.ts";
import { fact, type Facts } from "./facts.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import { type Action, readTopicTest, type Rule, type TopicTest } from "./rule.ts";
import { readAddress, readExpression, RuleProblem } from "./rule_object.ts";

/** A mistake in the file. */
export interface AclFileProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Reads a whole file. Problems, if any, all of them; then the rules must not be used. */
export function parseAclFile(
  text: string,
  path: string,
  subjects: SubjectReader,
  profile: "legacy" | "hardened",
): { readonly rules: readonly Rule[]; readonly problems: readonly AclFileProblem[] } {
  const rules: Rule[] = [];
  const problems: AclFileProblem[] = [];
  const { terms, problem } = readTerms(text);
  for (const term of terms) {
    try {
      rules.push(new Reader(subjects, profile).rule(term, `file ${path}:${term.line}`));
    } catch (error) {
      if (!(error instanceof TermProblem)) throw error;
      problems.push({ line: error.line, column: error.column, message: error.message });
    }
  }
  if (problem !== undefined) {
    problems.push({ line: problem.line, column: problem.column, message: problem.message });
  }
  return { rules, problems };
}

type Test = (facts: Facts) => boolean;

class Reader {
  constructor(readonly subjects: SubjectReader, readonly profile: "legacy" | "hardened") {}

  rule(term: Term, source: string): Rule {
    const items = tuple(term, "a rule must be a tuple such as {allow, all}");
    const [permission, who, action, topics] = items;
    const allow = this.#permission(permission, term);
    if (who === undefined || items.length > 4 || items.length === 3) {
      throw new TermProblem(
        "a rule is {Permission, Who}, or {Permission, Who, Action, Topics}",
        term,
      );
    }
    const { qos, retain, name } = this.#action(action);
    return {
      allow,
      who: this.#who(who),
      action: name,
      qos,
      retain,
      topics: topics === undefined ? "all" : this.#topics(topics),
      text: term.text,
      source,
    };
  }

  #permission(term: Term | undefined, rule: Term): boolean {
    if (atom(term) === "allow") return true;
    if (atom(term) === "deny") return false;
    throw new TermProblem("a rule begins with allow or deny", term ?? rule);
  }

  /** Undefined: everybody. */
  #who(term: Term): Test | undefined {
    if (atom(term) === "all") return undefined;
    const [kind, ...values] = tuple(term, 'expected all or a condition such as {user, "name"}');
    const name = atom(kind);
    const value = values[0];
    const arity = name === "client_attr" ? 2 : 1;
    if (value === undefined || values.length !== arity) {
      throw new TermProblem(`{${name ?? "?"}, ...} takes ${arity} value(s)`, term);
    }
    switch (name) {
      case "user":
      case "username":
        return this.#value(value, "username");
      case "client":
      case "clientid":
        return this.#value(value, "clientid");
      case "zone":
      case "listener":
        return this.#value(value, name);
      case "client_attr":
        return this.#value(values[1]!, `client_attrs.${string(value)}`);
      case "ipaddr":
        return this.#address(value);
      case "ipaddrs":
        return anyOf(list(value).map((item) => this.#address(item)));
      case "and":
        return allOf(list(value).map((item) => this.#who(item) ?? (() => true)));
      case "or":
        return anyOf(list(value).map((item) => this.#who(item) ?? (() => true)));
      case "security_profile": {
        const holds = atom(value) === this.profile;
        return () => holds;
      }
      default:
        throw new TermProblem(
          `unknown condition ${name ?? ""}; known are user, client, client_attr, zone, listener, ` +
            "ipaddr, ipaddrs, security_profile, 'and', 'or'",
          term,
        );
    }
  }

  /** A client without the value never fits, not even `{re, ".*"}`. */
  #value(term: Term, name: string): Test {
    if (term.kind === "tuple") {
      const [kind, pattern] = term.items;
      if (atom(kind) !== "re" || pattern === undefined || term.items.length !== 2) {
        throw new TermProblem('expected "text" or {re, "expression"}', term);
      }
      const expression = sound(pattern, () => readExpression(string(pattern)));
      return (facts) => {
        const value = fact(facts, name);
        return value !== undefined && expression.test(value);
      };
    }
    const wanted = term.kind === "atom" ? term.text : string(term);
    return (facts) => fact(facts, name) === wanted;
  }

  #address(term: Term): Test {
    return sound(term, () => readAddress(string(term)));
  }

  #action(term: Term | undefined): {
    readonly name: Action;
    readonly qos: readonly number[] | undefined;
    readonly retain: boolean | undefined;
  } {
    if (term === undefined) return { name: "all", qos: undefined, retain: undefined };
    if (term.kind !== "tuple") return { name: action(term), qos: undefined, retain: undefined };
    const [name, options] = term.items;
    if (name === undefined || options === undefined || term.items.length !== 2) {
      throw new TermProblem("expected {action, [{qos, N}, {retain, true}]}", term);
    }
    let qos: number[] | undefined;
    let retain: boolean | undefined;
    for (const option of list(options)) {
      const [key, value] = tuple(option, "expected {qos, N} or {retain, true}");
      if (atom(key) === "qos" && value !== undefined) {
        qos = (value.kind === "list" ? value.items : [value]).map(readQos);
      } else if (atom(key) === "retain" && ["true", "false", "all"].includes(atom(value) ?? "")) {
        retain = atom(value) === "all" ? undefined : atom(value) === "true";
      } else throw new TermProblem("expected {qos, 0..2} or {retain, true|false|all}", option);
    }
    return { name: action(name), qos, retain };
  }

  #topics(term: Term): Rule["topics"] {
    if (atom(term) === "all") return "all";
    return list(term).map((item): TopicTest => {
      if (item.kind === "tuple") {
        const [kind, name] = item.items;
        if (atom(kind) !== "eq" || name === undefined || item.items.length !== 2) {
          throw new TermProblem('expected "filter" or {eq, "filter"}', item);
        }
        return { kind: "eq", name: string(name) };
      }
      const test = readTopicTest(string(item), this.subjects);
      if (typeof test === "string") throw new TermProblem(test, item);
      return test;
    });
  }
}

function readQos(term: Term): number {
  const qos = term.kind === "number" ? Number(term.text) : NaN;
  if (![0, 1, 2].includes(qos)) throw new TermProblem("qos is 0, 1 or 2", term);
  return qos;
}

function action(term: Term): Action {
  const name = atom(term);
  if (name === "publish" || name === "subscribe" || name === "all") return name;
  if (name === "pub") return "publish";
  if (name === "sub") return "subscribe";
  throw new TermProblem("the action is publish, subscribe or all", term);
}

function atom(term: Term | undefined): string | undefined {
  return term?.kind === "atom" ? term.text : undefined;
}

function string(term: Term): string {
  if (term.kind !== "string") throw new TermProblem('expected text such as "a/#"', term);
  return term.text;
}

function tuple(term: Term, message: string): readonly Term[] {
  if (term.kind !== "tuple") throw new TermProblem(message, term);
  return term.items;
}

function list(term: Term): readonly Term[] {
  if (term.kind !== "list") throw new TermProblem('expected a list such as ["a", "b"]', term);
  return term.items;
}

function allOf(tests: readonly Test[]): Test {
  return (facts) => tests.every((test) => test(facts));
}

function anyOf(tests: readonly Test[]): Test {
  return (facts) => tests.some((test) => test(facts));
}

/** Gives a `RuleProblem` the place of the term that caused it. */
function sound<T>(term: Term, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RuleProblem) throw new TermProblem(error.message, term);
    throw error;
  }
}
