/**
 * The authorizer of one connection. Sessions remember its answers by `generation`, so what
 * happens here happens once for a topic, not once for a message.
 */
import type { QoS } from "../core/message.ts";
import type { Topic } from "../core/topic.ts";
import type { Authorization } from "./acl.ts";
import { type Facts, factsOfClient } from "./facts.ts";
import { bindRules, type BoundRule, judgePublish, type Rule, SubscribeTrial } from "./rule.ts";
import type { AclAnswer, AclQuestion, AclSource, AnswerSource, RuleSource } from "./source.ts";
import type {
  AttachedRules,
  Authorizer,
  ClientView,
  Decision,
  SubscribeDecision,
  SubscribeRequest,
} from "./types.ts";

/** Most denials of one client that are logged; a client that keeps trying cannot fill the disk. */
export const DENIALS_LOGGED_MAX = 100;

/** A question on its way through the sources. */
interface Trial {
  readonly question: AclQuestion;
  /** The rule that decides, if these have one. */
  judge(rules: readonly BoundRule[]): Rule | undefined;
  settle(allowed: boolean, rule: string, source: string): SubscribeDecision;
}

type Maybe<T> = T | Promise<T>;

const UNRESTRICTED: Decision = {
  allowed: true,
  rule: "no_match = allow",
  source: "authorization",
  always: true,
};

/** See `Authorizer`. Made by `Authorization.for`. */
export class ClientAuthorizer implements Authorizer {
  readonly #shared: Authorization;
  readonly #client: ClientView;
  // Most clients need none of what follows: it is made when it is first used.
  #factsMade: Facts | undefined = undefined;
  #logged: Set<string> | undefined = undefined;
  /** Rules of each source, bound to this client, as of `#heldGeneration`. */
  #bound: Map<AclSource, Maybe<readonly BoundRule[] | "failed">> | undefined = undefined;
  #answers: Map<string, AclAnswer> | undefined = undefined;
  readonly #attached: readonly BoundRule[] | undefined;
  #heldGeneration = -1;
  #own = 0;
  /** True when the last answer must not be remembered. */
  #volatile = false;
  /** When the login's rules end; Infinity for never, or once sessions have been told. */
  #expiresAt: number;

  constructor(shared: Authorization, client: ClientView) {
    this.#shared = shared;
    this.#client = client;
    const attached = client.principal.rules;
    this.#expiresAt = attached?.expiresAt ?? Infinity;
    this.#attached = attached === undefined ? undefined : this.#bind(attached.rules);
  }

  get #facts(): Facts {
    return this.#factsMade ??= factsOfClient(this.#client);
  }

  /** See `Authorizer.generation`. A new number at each look while answers must not be kept. */
  get generation(): number {
    // Read once a message: the usual case is two comparisons and an addition.
    if (this.#volatile) this.#own++;
    else if (this.#expiresAt !== Infinity && this.#isExpired()) {
      this.#own++;
      this.#expiresAt = Infinity;
    }
    return this.#shared.generation + this.#own;
  }

  get denyAction(): "ignore" | "disconnect" {
    return this.#shared.state.settings.deny_action;
  }

  publish(topic: Topic, qos: QoS, retain: boolean): Maybe<Decision> {
    this.#volatile = false;
    const { principal } = this.#client;
    if (this.#isUnrestricted()) return UNRESTRICTED;
    const narrow = principal.acl?.publish(topic, qos, retain);
    const trial: Trial = {
      question: { action: "publish", name: topic, qos, retain },
      judge: (rules) => judgePublish(rules, topic, qos, retain),
      settle: (allowed, rule, source) => ({ allowed, rule, source }),
    };
    if (narrow !== undefined && !narrow.allowed) return this.#note(trial, narrow);
    return this.#decide(trial);
  }

  subscribe(request: SubscribeRequest): Maybe<SubscribeDecision> {
    this.#volatile = false;
    const { filter, qos } = request;
    const overlap = this.#shared.state.settings.subscribe_deny_overlap;
    const subscription = new SubscribeTrial(request, overlap);
    const trial: Trial = {
      question: { action: "subscribe", name: filter, qos, retain: false },
      judge: (rules) => subscription.judge(rules),
      settle: (allowed, rule, source) => subscription.settle(allowed, rule, source),
    };
    const narrow = this.#client.principal.acl?.subscribe(request);
    if (narrow !== undefined && !narrow.allowed) return this.#note(trial, narrow);
    const decision = this.#decide(trial);
    if (decision instanceof Promise) return decision.then((late) => meet(late, narrow));
    return meet(decision, narrow);
  }

  /** True when no rule could forbid a publish, so that none need be asked. */
  #isUnrestricted(): boolean {
    const { acl, rules } = this.#client.principal;
    const { sources, settings } = this.#shared.state;
    return acl === undefined && rules === undefined && sources.length === 0 &&
      settings.no_match === "allow";
  }

  /** Login's rules, superuser, sources, `no_match`. */
  #decide(trial: Trial): Maybe<SubscribeDecision> {
    const { principal } = this.#client;
    if (principal.superuser) return { allowed: true, rule: "superuser", source: principal.method };
    const attached = this.#askAttached(trial, principal.rules);
    if (attached !== undefined) return this.#note(trial, attached);
    const decision = this.#walk(trial, this.#shared.state.sources, 0);
    if (decision instanceof Promise) return decision.then((late) => this.#note(trial, late));
    return this.#note(trial, decision);
  }

  #askAttached(
    trial: Trial,
    attached: AttachedRules | undefined,
  ): SubscribeDecision | undefined {
    if (attached === undefined) return undefined;
    if (this.#isExpired()) return trial.settle(false, "the login's rules have expired", "login");
    const rule = trial.judge(this.#attached!);
    if (rule !== undefined) return trial.settle(rule.allow, rule.text, rule.source);
    return attached.final ? trial.settle(false, "not in the login's rules", "login") : undefined;
  }

  #walk(trial: Trial, sources: readonly AclSource[], from: number): Maybe<SubscribeDecision> {
    for (let i = from; i < sources.length; i++) {
      const source = sources[i]!;
      const decision = source.kind === "rules"
        ? this.#askRules(trial, source)
        : this.#askAnswer(trial, source);
      if (decision instanceof Promise) {
        return decision.then((late) => late ?? this.#walk(trial, sources, i + 1));
      }
      if (decision !== undefined) return decision;
    }
    const { no_match } = this.#shared.state.settings;
    return trial.settle(no_match === "allow", `no_match = ${no_match}`, "authorization");
  }

  #askRules(trial: Trial, source: RuleSource): Maybe<SubscribeDecision | undefined> {
    const judge = (rules: readonly BoundRule[] | "failed") => {
      if (rules === "failed") return this.#failed(trial, source);
      const rule = trial.judge(rules);
      this.#count(source, rule === undefined ? "ignore" : rule.allow ? "allow" : "deny");
      return rule && trial.settle(rule.allow, rule.text, rule.source);
    };
    const rules = this.#rulesOf(source, trial.question.name);
    return rules instanceof Promise ? rules.then(judge) : judge(rules);
  }

  /** The source's rules for this client, remembered for a generation. */
  #rulesOf(source: RuleSource, name: string): Maybe<readonly BoundRule[] | "failed"> {
    const kept = this.#mayKeep(source, name);
    const held = kept ? this.#bound?.get(source) : undefined;
    if (held !== undefined) return held;
    const rules = source.rules(this.#facts);
    const bind = (found: readonly Rule[] | "failed") =>
      found === "failed" ? found : this.#bind(found);
    const bound = rules instanceof Promise ? rules.then(bind) : bind(rules);
    if (!kept) return bound;
    const all = this.#bound ??= new Map();
    all.set(source, bound);
    // A failure is not remembered: the next question tries again.
    if (bound instanceof Promise) {
      return bound.then((found) => {
        if (all.get(source) !== bound) return found;
        if (found === "failed") all.delete(source);
        else all.set(source, found);
        return found;
      });
    }
    return bound;
  }

  async #askAnswer(trial: Trial, source: AnswerSource): Promise<SubscribeDecision | undefined> {
    const { question } = trial;
    // Answers on subscriptions are rare and long-lived: they are asked for each time.
    const kept = question.action === "publish" && this.#mayKeep(source, question.name);
    const key = `${source.type} ${question.qos} ${question.retain} ${question.name}`;
    const held = kept ? this.#answers?.get(key) : undefined;
    const answer = held ?? await source.ask(this.#facts, question);
    if (answer === "failed") return this.#failed(trial, source);
    if (kept && held === undefined) this.#keep(key, answer);
    this.#count(source, answer);
    if (answer === "ignore") return undefined;
    return trial.settle(answer === "allow", `${source.type} said ${answer}`, source.type);
  }

  #keep(key: string, answer: AclAnswer): void {
    const { max_size } = this.#shared.state.settings.cache;
    const answers = this.#answers ??= new Map();
    if (answers.size >= max_size) answers.delete(answers.keys().next().value!);
    answers.set(key, answer);
  }

  /** True when an answer may be remembered; else the session is kept from it as well. */
  #mayKeep(source: AclSource, name: string): boolean {
    if (this.#heldGeneration !== this.#shared.generation) {
      this.#heldGeneration = this.#shared.generation;
      this.#bound?.clear();
      this.#answers?.clear();
    }
    const { settings, isExcluded } = this.#shared.state;
    if (!source.remote || (settings.cache.enable && !isExcluded(name))) return true;
    this.#volatile = true;
    return false;
  }

  #failed(trial: Trial, source: AclSource): SubscribeDecision | undefined {
    this.#volatile = true;
    const counters = this.#shared.counters(source.type);
    counters.total++;
    counters.ignore++;
    const { hardened, settings } = this.#shared.state;
    if (!hardened || settings.ignore_backend_failures) return undefined;
    return trial.settle(false, `${source.type} gave no usable answer`, source.type);
  }

  #count(source: AclSource, answer: "allow" | "deny" | "ignore"): void {
    const counters = this.#shared.counters(source.type);
    counters.total++;
    if (answer === "ignore") counters.nomatch++;
    else counters[answer]++;
  }

  #bind(rules: readonly Rule[]): BoundRule[] {
    const { topic_template_allow } = this.#shared.state.settings;
    return bindRules(rules, this.#facts, topic_template_allow, this.#shared.subjects);
  }

  #isExpired(): boolean {
    const expiresAt = this.#client.principal.rules?.expiresAt;
    return expiresAt !== undefined && this.#shared.clock.now() >= expiresAt;
  }

  /** Logs a denial, each kind once. */
  #note<D extends Decision>(trial: Trial, decision: D): D {
    if (decision.allowed) return decision;
    const logged = this.#logged ??= new Set();
    if (logged.size >= DENIALS_LOGGED_MAX) return decision;
    const { action, name } = trial.question;
    const key = `${action} ${name}`;
    if (logged.has(key)) return decision;
    logged.add(key);
    const last = logged.size === DENIALS_LOGGED_MAX;
    this.#shared.log.warn(
      last ? "denied; further denials of this client are not logged" : "denied",
      {
        client: this.#client.clientId,
        username: this.#client.principal.username,
        peer: this.#client.peer.address,
        action,
        topic: name,
        rule: decision.rule,
        source: decision.source,
      },
    );
    return decision;
  }
}

/** Both must allow; a topic must get through both sieves. */
function meet(
  decision: SubscribeDecision,
  narrow: SubscribeDecision | undefined,
): SubscribeDecision {
  if (!decision.allowed || narrow?.sieve === undefined) return decision;
  return { ...decision, sieve: narrow.sieve.and(decision.sieve) };
}
