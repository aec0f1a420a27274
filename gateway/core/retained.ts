/**
 * The last value of each topic, for subscribers that come later.
 */
import { copyOf, type Message, ownForLong } from "./message.ts";
import { type Filter, isBrokersOwn, type Topic } from "./topic.ts";

/** What the retained store may hold, and for how long. */
export interface RetainedLimits {
  /** Most retained messages. A new topic beyond it is refused and counted. */
  readonly messages_max: number;
  /** Largest payload in bytes that is retained; larger ones are delivered but not kept. */
  readonly payload_bytes_max: number;
  /** Most payload bytes in all. A message beyond it is refused and counted. */
  readonly total_bytes_max: number;
  /** Milliseconds after which a message without an expiry of its own goes; 0 for never. */
  readonly expiry_ms: number;
  /** Milliseconds in place of whatever the message says, 0 for never; absent: its own. */
  readonly expiry_override_ms?: number | undefined;
  /** False: a message that would never expire is not kept. Absent: true. */
  readonly never_expires_allowed?: boolean;
  /** Most messages kept in one second. Absent: no limit. */
  readonly stores_per_second_max?: number;
}

/** What a subscriber of retained messages asks for; see the fields of `Subscription`. */
export interface RetainedQuery {
  readonly filter: Filter;
  readonly oneOrMore: boolean;
  readonly matchesDollar: boolean;
}

/** Is told of every change, so that it can be made durable. */
export interface RetainedListener {
  put(message: Message): void;
  delete(topic: Topic): void;
}

/** Whether a message was retained, and if not, why. */
export type RetainOutcome = "stored" | "deleted" | RetainRefusal;

/** Why a message was passed on but not kept. */
export type RetainRefusal = "too large" | "full" | "too fast" | "never expires";

class Node {
  children: Map<string, Node> | undefined = undefined;
  message: Message | undefined = undefined;
  /** When `message` was kept, as a number that grows with each. */
  keptAs = 0;
}

/**
 * Retained messages by topic. The broker's own (`$SYS`) neither count nor expire, and are not worth
 * a disk: it says them anew.
 */
export class RetainedStore {
  readonly #root = new Node();
  #count = 0;
  #bytes = 0;
  #puts = 0;
  /** Messages that were not kept, by reason, since the start. */
  readonly refused: Record<RetainRefusal, number> = {
    "too large": 0,
    "full": 0,
    "too fast": 0,
    "never expires": 0,
  };
  /** The second that `#storesInSecond` counts. */
  #second = 0;
  #storesInSecond = 0;

  constructor(
    public limits: RetainedLimits,
    readonly now: () => number,
    public listener?: RetainedListener,
  ) {}

  /** Number of clients' retained messages; expired ones count until they are swept. */
  get count(): number {
    return this.#count;
  }

  /** True when neither a message nor a node made for one is left. */
  get isEmpty(): boolean {
    return this.#root.message === undefined && this.#root.children === undefined;
  }

  /** Payload bytes held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps the message for its topic; an empty payload clears the topic. [MQTT-3.3.1-6] */
  store(message: Message): RetainOutcome {
    if (message.size === 0) {
      this.delete(message.route.topic);
      return "deleted";
    }
    if (isBrokersOwn(message.route.topic)) {
      this.#put(ownForLong(message));
      return "stored";
    }
    if (message.size > this.limits.payload_bytes_max) return this.#refuse("too large");
    const before = this.get(message.route.topic);
    const bytes = this.#bytes + message.size - (before?.size ?? 0);
    if (bytes > this.limits.total_bytes_max) return this.#refuse("full");
    if (before === undefined && this.#count >= this.limits.messages_max) {
      return this.#refuse("full");
    }
    if (this.#isTooFast()) return this.#refuse("too fast");
    const kept = this.#withExpiry(ownForLong(message));
    if (this.limits.never_expires_allowed === false && kept.extras?.expiresAt === undefined) {
      return this.#refuse("never expires");
    }
    this.#put(kept);
    this.listener?.put(kept);
    return "stored";
  }

  /** Puts back a message of the last run, without limits and without telling the listener. */
  restore(message: Message): void {
    this.#put(message);
  }

  /** The retained message of a topic, if any. */
  get(topic: Topic): Message | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.message;
  }

  /** Forgets the message of a topic; false when there was none. */
  delete(topic: Topic): boolean {
    const removed = remove(this.#root, topic.split("/"));
    if (removed === undefined) return false;
    if (isBrokersOwn(topic)) return true;
    this.#count--;
    this.#bytes -= removed.size;
    this.listener?.delete(topic);
    return true;
  }

  /**
   * The unexpired messages that the filter matches, found one by one as they are asked for: they
   * may be very many, and whoever asked may stop or pause. What is kept or deleted meanwhile is not
   * among them.
   */
  *matching(query: RetainedQuery): Generator<Message, void, void> {
    if (this.isEmpty) return;
    const newest = this.#puts;
    const { filter, oneOrMore, matchesDollar } = query;
    // A wildcard takes all names of the first level but those with `$`. [MQTT-4.7.2-1]
    const takes = (first: string) => !first.startsWith("$") || (matchesDollar && first !== "$SYS");
    for (const { message, keptAs } of walk(this.#root, filter.split("/"), oneOrMore, takes)) {
      if (message === undefined || keptAs > newest) continue;
      const expiresAt = message.extras?.expiresAt;
      if (expiresAt === undefined || expiresAt > this.now()) yield message;
    }
  }

  /** Drops expired messages; called now and then. Returns how many. */
  sweep(): number {
    const now = this.now();
    const expired: Topic[] = [];
    for (const { message } of walk(this.#root, ["#"], false, () => true)) {
      const expiresAt = message?.extras?.expiresAt;
      if (expiresAt !== undefined && expiresAt <= now) expired.push(message!.route.topic);
    }
    for (const topic of expired) this.delete(topic);
    return expired.length;
  }

  #isTooFast(): boolean {
    const { stores_per_second_max = Infinity } = this.limits;
    if (stores_per_second_max === Infinity) return false;
    const second = Math.floor(this.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#storesInSecond = 0;
    }
    return ++this.#storesInSecond > stores_per_second_max;
  }

  #refuse(reason: RetainRefusal): RetainOutcome {
    this.refused[reason]++;
    return reason;
  }

  #withExpiry(message: Message): Message {
    const { expiry_ms, expiry_override_ms } = this.limits;
    const its = message.extras?.expiresAt;
    if (expiry_override_ms === undefined && (its !== undefined || expiry_ms === 0)) return message;
    const lifetime_ms = expiry_override_ms ?? expiry_ms;
    const { expiresAt: _, ...extras } = message.extras ?? {};
    // Subscribers that queue the same message do not get this expiry.
    const copy = copyOf(message);
    copy.extras = lifetime_ms === 0 ? extras : { ...extras, expiresAt: this.now() + lifetime_ms };
    return copy;
  }

  #put(message: Message): void {
    let node = this.#root;
    for (const level of message.route.topic.split("/")) {
      const children: Map<string, Node> = node.children ??= new Map();
      let child = children.get(level);
      if (child === undefined) children.set(level, child = new Node());
      node = child;
    }
    const before = node.message;
    node.message = message;
    node.keptAs = ++this.#puts;
    if (isBrokersOwn(message.route.topic)) return;
    if (before === undefined) this.#count++;
    this.#bytes += message.size - (before?.size ?? 0);
  }
}

/** Not by recursion, as all here: a name may have more levels than calls can be nested. */
function remove(root: Node, levels: readonly string[]): Message | undefined {
  const path: Node[] = [root];
  for (const level of levels) {
    const child = path[path.length - 1]!.children?.get(level);
    if (child === undefined) return undefined;
    path.push(child);
  }
  const node = path[levels.length]!;
  const message = node.message;
  node.message = undefined;
  if (message !== undefined) prune(path, levels);
  return message;
}

/** Takes away the end of a path as far as nothing is left there. */
function prune(path: readonly Node[], levels: readonly string[]): void {
  for (let depth = levels.length; depth > 0; depth--) {
    const { message, children } = path[depth]!;
    if (message !== undefined || children !== undefined) return;
    const parent = path[depth - 1]!;
    parent.children!.delete(levels[depth - 1]!);
    if (parent.children!.size === 0) parent.children = undefined;
  }
}

/** Children that are yet to be looked at. */
interface Branch {
  readonly children: Iterator<[level: string, child: Node]>;
  /** Which level of the filter they meet; `BELOW`: they are behind a `#`. */
  readonly depth: number;
  /** They are names of the first level, met by a wildcard: not all may be taken. */
  readonly isFirst: boolean;
}

/**
 * The nodes that a filter matches, with a message or without one. `takes`: whether a wildcard takes
 * a name of the first level.
 */
function* walk(
  root: Node,
  levels: readonly string[],
  oneOrMore: boolean,
  takes: (first: string) => boolean,
): Generator<Node, void, void> {
  const branches: Branch[] = [];
  let node: Node | undefined = root;
  let depth = 0;
  for (;;) {
    if (node !== undefined) {
      const level: string | undefined = depth === BELOW ? undefined : levels[depth];
      if (level === undefined || (level === "#" && !oneOrMore)) yield node;
      if (level !== undefined && level !== "#" && level !== "+") {
        node = node.children?.get(level);
        depth++;
        continue;
      }
      const isRest = depth === BELOW || level === "#";
      if (node.children !== undefined && (isRest || level === "+")) {
        const children = node.children.entries();
        branches.push({ children, depth: isRest ? BELOW : depth + 1, isFirst: depth === 0 });
      }
    }
    const branch = branches.at(-1);
    if (branch === undefined) return;
    const next = branch.children.next();
    node = undefined;
    if (next.done) branches.pop();
    else if (!branch.isFirst || takes(next.value[0])) {
      node = next.value[1];
      depth = branch.depth;
    }
  }
}

/** Stands for a level behind `#`. */
const BELOW = -1;
