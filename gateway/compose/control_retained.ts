/**
 * Retained messages, looked through and deleted.
 */
import type { PageQuery, RetainedControl, RetainedView } from "../control.ts";
import type { Message } from "../core/message.ts";
import type { RetainedStore } from "../core/retained.ts";
import { toFilter, type Topic } from "../core/topic.ts";

/** See `RetainedControl`. */
export class RetainedBrowser implements RetainedControl {
  /** @param turn runs a piece of work as a turn, which makes it durable */
  constructor(
    readonly store: RetainedStore,
    readonly now: () => number,
    readonly turn: (job: () => void) => void,
  ) {}

  get bytes(): number {
    return this.store.bytes;
  }

  list(filter: string, { page, limit }: PageQuery) {
    const from = (page - 1) * limit;
    const data: RetainedView[] = [];
    let count = 0;
    const valid = this.#each(filter, (message) => {
      if (count >= from && count < from + limit) data.push(view(message));
      count++;
    });
    return valid ? { data, count, hasNext: count > from + limit } : undefined;
  }

  get(topic: string) {
    // A text that is no topic is simply not there.
    const message = this.store.get(topic as Topic);
    const expiresAt = message?.extras?.expiresAt ?? Infinity;
    if (message === undefined || expiresAt <= this.now()) return undefined;
    return { ...view(message), payload: message.payload };
  }

  delete(topic: string): boolean {
    let found = false;
    this.turn(() => found = this.store.delete(topic as Topic));
    return found;
  }

  deleteMatching(filter: string): number | undefined {
    const topics: Topic[] = [];
    if (!this.#each(filter, (message) => topics.push(message.route.topic))) return undefined;
    this.turn(() => {
      for (const topic of topics) this.store.delete(topic);
    });
    return topics.length;
  }

  /** False when the text is no filter. A filter that names `$` topics gets them. */
  #each(text: string, visit: (message: Message) => void): boolean {
    const filter = toFilter(text);
    if (filter === undefined) return false;
    for (const message of this.store.matching({ filter, oneOrMore: false, matchesDollar: true })) {
      visit(message);
    }
    return true;
  }
}

function view(message: Message): RetainedView {
  const { route, qos, size, extras } = message;
  return { topic: route.topic, qos, bytes: size, expiresAt: extras?.expiresAt };
}
