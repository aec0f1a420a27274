/**
 * The subscription index: one tree of levels for all clients of both protocols.
 */
import type { Subscription } from "./subscription.ts";
import { hasWildcard, type Topic } from "./topic.ts";

/** One level of the tree. Parts that most nodes lack are made when first needed. */
class Node {
  children: Map<string, Node> | undefined = undefined;
  /** The level `+`. */
  plus: Node | undefined = undefined;
  /** Subscriptions whose filter ends here. */
  here: Set<Subscription> | undefined = undefined;
  /** Subscriptions whose filter ends here with a further `#`. */
  rest: Set<Subscription> | undefined = undefined;

  get isEmpty(): boolean {
    return this.children === undefined && this.plus === undefined && this.here === undefined &&
      this.rest === undefined;
  }
}

/** Subscriptions by filter. Knows levels and wildcards; nothing of sessions, QoS or bytes. */
export class TopicTrie {
  readonly #root = new Node();
  #size = 0;
  #generation = 0;

  /** Number of subscriptions. */
  get size(): number {
    return this.#size;
  }

  /** True when neither a subscription nor a node made for one is left. */
  get isEmpty(): boolean {
    return this.#root.isEmpty;
  }

  /**
   * Bumped when a filter with a wildcard comes or goes: caches compare it instead of being told.
   * A literal filter touches one topic only; the router marks that route itself.
   */
  get generation(): number {
    return this.#generation;
  }

  /** Makes every cached match stale (permissions changed, say). */
  invalidate(): void {
    this.#generation++;
  }

  /** Adds a subscription; false when the same object was already there. */
  insert(subscription: Subscription): boolean {
    const { levels, rest } = splitFilter(subscription.filter);
    let node = this.#root;
    for (const level of levels) node = childFor(node, level);
    const set = rest ? (node.rest ??= new Set()) : (node.here ??= new Set());
    if (set.has(subscription)) return false;
    set.add(subscription);
    this.#size++;
    if (hasWildcard(subscription.filter)) this.#generation++;
    return true;
  }

  /** Removes a subscription and the nodes that only it needed; false when it was not there. */
  remove(subscription: Subscription): boolean {
    const { levels, rest } = splitFilter(subscription.filter);
    if (!removeFrom(this.#root, levels, rest, subscription)) return false;
    this.#size--;
    if (hasWildcard(subscription.filter)) this.#generation++;
    return true;
  }

  /** Appends the subscriptions that match the topic to `into`, each once. */
  match(topic: Topic, into: Subscription[]): void {
    const levels = topic.split("/");
    if (topic.charCodeAt(0) !== DOLLAR) {
      matchFrom(this.#root, levels, 0, into);
      return;
    }
    // [MQTT-4.7.2-1]: a wildcard in the first level does not take `$` names, unless the
    // subscription says so; `$SYS` stays closed even then.
    const child = this.#root.children?.get(levels[0]!);
    if (child !== undefined) matchFrom(child, levels, 1, into);
    if (levels[0] === "$SYS") return;
    const wild: Subscription[] = [];
    collect(this.#root.rest, true, wild);
    if (this.#root.plus !== undefined) matchFrom(this.#root.plus, levels, 1, wild);
    for (const subscription of wild) if (subscription.matchesDollar) into.push(subscription);
  }
}

const DOLLAR = 0x24;

function splitFilter(filter: string): { levels: string[]; rest: boolean } {
  const levels = filter.split("/");
  const rest = levels[levels.length - 1] === "#";
  if (rest) levels.pop();
  return { levels, rest };
}

function childFor(node: Node, level: string): Node {
  if (level === "+") return node.plus ??= new Node();
  const children = node.children ??= new Map();
  let child = children.get(level);
  if (child === undefined) children.set(level, child = new Node());
  return child;
}

/** Not by recursion: a name may have more levels than calls can be nested. */
function matchFrom(start: Node, levels: string[], from: number, into: Subscription[]): void {
  const nodes: Node[] = [start];
  const depths: number[] = [from];
  for (let left = 1; left > 0;) {
    const node = nodes[--left]!;
    const depth = depths[left]!;
    const more = depth < levels.length;
    collect(node.rest, more, into);
    if (!more) {
      if (node.here !== undefined) {
        for (const subscription of node.here) into.push(subscription);
      }
      continue;
    }
    // What is put here last is looked at first.
    if (node.plus !== undefined) {
      nodes[left] = node.plus;
      depths[left++] = depth + 1;
    }
    const child = node.children?.get(levels[depth]!);
    if (child !== undefined) {
      nodes[left] = child;
      depths[left++] = depth + 1;
    }
  }
}

/** Takes subscriptions that end in `#`; `more`: the topic has at least one further level. */
function collect(rest: Set<Subscription> | undefined, more: boolean, into: Subscription[]): void {
  if (rest === undefined) return;
  for (const subscription of rest) if (more || !subscription.oneOrMore) into.push(subscription);
}

function removeFrom(
  root: Node,
  levels: readonly string[],
  rest: boolean,
  subscription: Subscription,
): boolean {
  const path: Node[] = [root];
  for (const level of levels) {
    const node = path[path.length - 1]!;
    const child = level === "+" ? node.plus : node.children?.get(level);
    if (child === undefined) return false;
    path.push(child);
  }
  const node = path[levels.length]!;
  const set = rest ? node.rest : node.here;
  if (set === undefined || !set.delete(subscription)) return false;
  if (set.size === 0) {
    if (rest) node.rest = undefined;
    else node.here = undefined;
  }
  prune(path, levels);
  return true;
}

/** Takes away the end of a path as far as nothing is left there. */
function prune(path: readonly Node[], levels: readonly string[]): void {
  for (let depth = levels.length; depth > 0 && path[depth]!.isEmpty; depth--) {
    const parent = path[depth - 1]!;
    const level = levels[depth - 1]!;
    if (level === "+") parent.plus = undefined;
    else {
      parent.children!.delete(level);
      if (parent.children!.size === 0) parent.children = undefined;
    }
  }
}
