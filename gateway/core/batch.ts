/**
 * Messages of one topic that came in one read, delivered subscriber by subscriber.
 *
 * With many subscribers, what each of them touches (its session, its outbox) does not fit into
 * the processor's cache. Handing a subscriber all the messages that are there, and only then
 * going to the next, touches it once instead of once a message; each still gets them in order.
 */
import { Message } from "./message.ts";
import type { Route } from "./route.ts";
import type { Router } from "./router.ts";

/** From so many subscribers on, messages are gathered. */
const TARGETS_MIN = 32;
/** Messages gathered at most. */
const MESSAGES_MAX = 64;

/**
 * Gathers the messages of one publisher within one turn. Whoever uses it calls `flush` before it
 * does anything that must come after them, and at the end of the turn.
 */
export class Batch {
  readonly #messages: Message[] = [];
  #count = 0;
  #route: Route | undefined = undefined;

  constructor(readonly router: Router) {}

  /** A message object to fill and to publish or `add`; it is used again after that. */
  next(route: Route, bytes: Uint8Array, start: number, end: number): Message {
    let message = this.#messages[this.#count];
    if (message === undefined) {
      this.#messages[this.#count] = message = new Message(route, bytes, start, end);
    } else message.reset(route, bytes, start, end);
    return message;
  }

  /** True when messages of this route are worth gathering. */
  suits(route: Route): boolean {
    // A stale match may lack the groups that have come since.
    this.router.refresh(route);
    return route.direct.length >= TARGETS_MIN && route.groups.length === 0;
  }

  /** Gathers the message that `next` gave last; nobody must need to know who takes it. */
  add(message: Message): void {
    if (this.#route !== message.route && this.#count > 0) {
      // The new one stays behind those that leave, and becomes the first.
      const index = this.#count;
      this.flush();
      this.#messages[index] = this.#messages[0]!;
      this.#messages[0] = message;
    }
    this.#route = message.route;
    if (++this.#count === MESSAGES_MAX) this.flush();
  }

  /** Publishes what was gathered. */
  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.router.publishAll(this.#messages, count);
  }
}
