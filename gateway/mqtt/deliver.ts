/**
 * What goes to a client: sent at once, waiting for its window, or waiting for it to come back.
 */
import { type Message, own, ownForLong, type QoS } from "../core/message.ts";
import { Delivered, type Target } from "../core/subscription.ts";
import type { DropCounters } from "../observe/metrics.ts";
import { ReasonCode } from "./codes.ts";
import { Inflight, Phase } from "./inflight.ts";
import { Outgoing } from "./outgoing.ts";
import { Pressure } from "./pressure.ts";
import { MessageQueue } from "./queue.ts";
import { Replays } from "./replay.ts";
import type { Sender } from "./sender.ts";
import type { MqttBroker } from "./broker.ts";
import type { MqttSubscription } from "./subscription.ts";

/** Most packet ids in use at a time. [MQTT-2.2.1-3] */
const PACKET_IDS_MAX = 0xffff;

/** What the outgoing half asks of its session. */
export interface Owner {
  readonly clientId: string;
  /** True when unacknowledged messages may have to be sent again: a copy is kept. */
  readonly keeps: boolean;
  /** True when the store is told: the session outlives its connection. */
  readonly stored: boolean;
}

/** The outgoing half of a client session, with or without a connection. */
export class Deliveries {
  /** The connection; undefined while offline. */
  sender: Sender | undefined = undefined;
  readonly inflight = new Inflight();
  readonly queue: MessageQueue;
  /** Retained messages still to be sent for new subscriptions. */
  readonly replays = new Replays();
  /** Publishers that wait for this client. */
  readonly pressure = new Pressure();
  /** Sent on an earlier connection, to be sent again in this order. [MQTT-4.6.0-1] */
  #resend: Outgoing[] = [];
  /** Messages this client did not get, whatever the reason. */
  dropped = 0;
  #seq = 0;
  readonly #owner: Owner;
  readonly #broker: MqttBroker;

  constructor(owner: Owner, broker: MqttBroker) {
    this.#owner = owner;
    this.#broker = broker;
    this.queue = new MessageQueue(broker.queued);
  }

  /** See `Subscriber.deliver`. The hot path: QoS 0 to a client that reads goes straight through. */
  deliver(message: Message, target: Target): Delivered {
    const subscription = target.subscription as MqttSubscription;
    let qos = subscription.qos;
    if (message.qos < qos && !this.#broker.options.upgrade_qos) qos = message.qos;
    const retain = message.retain && subscription.retainAsPublished; // [MQTT-3.3.1-12..13]
    const sender = this.sender;
    if (sender === undefined) return this.#wait(message, subscription, qos, retain);
    const wire = (target.wire ??= sender.wire(message.route.topic)) as Uint8Array;
    // Not past others of QoS 0 that wait behind a full window. [MQTT-4.6.0-6]
    if (qos === 0 && this.queue.qos0 === 0) {
      return this.#sendOnce(sender, message, wire, subscription, retain);
    }
    if (qos > 0 && this.queue.length === 0 && this.#resend.length === 0 && this.#mayStart(sender)) {
      return this.#start(sender, message, wire, subscription, qos, retain);
    }
    return this.#wait(message, subscription, qos, retain);
  }

  /** PUBACK. An unknown id is ignored: the exchange ended before. */
  acknowledged(packetId: number): void {
    const phase = this.inflight.phase(packetId);
    if (phase !== Phase.Puback && !this.#resends(packetId, 1)) return;
    this.#finish(packetId);
  }

  /** PUBREC. False when no such id is on its way, which the PUBREL then says (0x92). */
  received(packetId: number, reasonCode: number): boolean {
    const phase = this.inflight.phase(packetId);
    if (phase === Phase.Pubcomp) return true;
    if (phase !== Phase.Pubrec && !this.#resends(packetId, 2)) return false;
    if (reasonCode >= 0x80) {
      this.#finish(packetId); // [MQTT-4.8.2-6]: not to another member either
      return true;
    }
    this.inflight.move(packetId, Phase.Pubcomp);
    const entry = this.inflight.entry(packetId);
    if (entry === undefined) return true;
    entry.released = true;
    entry.order = ++this.#seq; // [MQTT-4.6.0-4]
    if (this.#owner.stored) this.#broker.store.sessions.update(this.#owner.clientId, entry);
    return true;
  }

  /** PUBCOMP. An unknown id is ignored. */
  completed(packetId: number): void {
    if (this.inflight.phase(packetId) === Phase.Pubcomp) this.#finish(packetId);
  }

  /** A connection begins: what it left unacknowledged goes first. [MQTT-4.4.0-1] */
  start(sender: Sender): void {
    this.sender = sender;
    this.#resend = [];
    for (const entry of this.inflight.inOrder()) {
      if (entry.released) {
        sender.ackOut(6, entry.packetId, ReasonCode.Success);
        continue;
      }
      this.inflight.move(entry.packetId, Phase.Resend);
      this.#resend.push(entry);
    }
    this.drain();
  }

  /** The connection is gone. Retained messages not yet sent wait with the others. */
  stop(): void {
    this.sender = undefined;
    this.#resend = [];
    const replays = this.replays.takeAll();
    if (!this.#owner.stored) return;
    for (const replay of replays) {
      for (const message of replay.lasting(this.#broker.router.retained)) {
        // A retained message pushes nobody else out of the queue.
        if (!this.isBelow(1)) {
          this.#drop("queue_full");
          return;
        }
        this.#wait(message, replay.subscription, replay.qos(message), true);
      }
    }
  }

  /**
   * The session is over. Returns what other members of shared groups should get instead: QoS 2
   * messages that were sent must not go to others. [MQTT-4.8.2-5] [MQTT-4.8.2-4]
   */
  end(): Outgoing[] {
    this.stop();
    const sent = this.inflight.inOrder().filter((entry) => entry.qos === 1);
    const left = [...sent, ...this.queue.entries()].filter((entry) => entry.share !== undefined);
    this.queue.clear();
    this.inflight.clear();
    return left;
  }

  /** Puts back an entry that the store had. */
  restore(entry: Outgoing): void {
    this.#seq = Math.max(this.#seq, entry.seq);
    if (entry.packetId === 0) this.queue.push(entry, this.#priority(entry.message));
    else this.inflight.restore(entry);
  }

  /** Sends what waits, as far as the window and the socket let it. */
  drain(): void {
    const sender = this.sender;
    if (sender === undefined) return;
    while (this.#resend.length > 0) {
      if (!this.#mayStart(sender)) return;
      this.#sendAgain(sender, this.#resend.shift()!);
    }
    this.drainReplays();
    for (;;) {
      const entry = this.queue.peek();
      if (entry === undefined || (entry.qos > 0 && !this.#mayStart(sender))) return;
      this.queue.shift();
      this.#sendQueued(sender, entry);
    }
  }

  /** The client took a message. Once it has caught up, publishers that waited for it go on. */
  relieve(): void {
    this.pressure.taken++;
    if (this.queue.length === 0 || this.isBelow(1 / 4)) this.pressure.relieve();
  }

  /** Goes on with retained messages. True when some still wait for the socket or the window. */
  drainReplays(): boolean {
    const sender = this.sender;
    const { router, options, now } = this.#broker;
    if (sender === undefined) return false;
    for (;;) {
      const replay = this.replays.current(router.retained);
      if (replay === undefined) return false;
      const message = replay.message(router.retained)!;
      const { subscription } = replay;
      const qos = replay.qos(message);
      if (qos === 0 ? this.#isSlow(sender) : !this.#mayStart(sender)) return true;
      if (!this.replays.mayGo(now(), options.retained_delivery_rate)) return true;
      const wire = sender.wire(message.route.topic);
      if (qos === 0) this.#sendOnce(sender, message, wire, subscription, true);
      else this.#start(sender, message, wire, subscription, qos, true);
      replay.sent();
    }
  }

  /** Sends again what was sent before `sentBefore`; for `retry_interval`. */
  retry(sentBefore: number): void {
    const sender = this.sender;
    if (sender === undefined) return;
    for (const entry of this.inflight.inOrder()) {
      if (entry.sentAt > sentBefore) continue;
      entry.sentAt = this.#broker.now();
      if (entry.released) sender.ackOut(6, entry.packetId, ReasonCode.Success);
      else if (this.inflight.phase(entry.packetId) !== Phase.Resend) {
        this.#send(sender, entry, true);
      }
    }
  }

  #resends(packetId: number, qos: QoS): boolean {
    return this.inflight.phase(packetId) === Phase.Resend &&
      this.inflight.entry(packetId)!.qos === qos;
  }

  #finish(packetId: number): void {
    const entry = this.inflight.remove(packetId);
    if (entry !== undefined) this.#forget(entry);
    if (this.queue.length > 0 || this.#resend.length > 0 || this.replays.waiting) this.drain();
  }

  #isSlow(sender: Sender): boolean {
    return sender.out.pendingBytes > this.#broker.options.max_pending_bytes;
  }

  /** A slow socket counts as a full window while acknowledgements are to come and go on. */
  #mayStart(sender: Sender): boolean {
    const { unacked, count } = this.inflight;
    return unacked < sender.window && count < PACKET_IDS_MAX &&
      (unacked === 0 || !this.#isSlow(sender));
  }

  #sendOnce(
    sender: Sender,
    message: Message,
    wire: Uint8Array,
    subscription: MqttSubscription,
    retain: boolean,
  ): Delivered {
    if (this.#isSlow(sender)) {
      if (subscription.group !== undefined) return Delivered.Refused;
      return this.#drop("slow_consumer");
    }
    if (this.#isExpired(message)) return Delivered.Dropped;
    if (sender.publish(message, wire, 0, retain, false, 0, subscription.identifiers)) {
      return Delivered.Taken;
    }
    return this.#drop("too_large"); // [MQTT-3.1.2-25]
  }

  #start(
    sender: Sender,
    message: Message,
    wire: Uint8Array,
    subscription: MqttSubscription,
    qos: QoS,
    retain: boolean,
  ): Delivered {
    if (this.#isExpired(message)) return Delivered.Dropped;
    const owner = this.#owner;
    if (owner.stored && !this.#broker.store.writable) return this.#drop("store_full");
    const entry = owner.keeps || subscription.group !== undefined
      ? this.#entry(message, subscription, qos, retain)
      : undefined;
    const packetId = this.inflight.add(qos === 1 ? Phase.Puback : Phase.Pubrec, entry);
    if (!sender.publish(message, wire, qos, retain, false, packetId, subscription.identifiers)) {
      this.inflight.remove(packetId);
      return this.#drop("too_large");
    }
    if (entry !== undefined && owner.stored) {
      const log = this.#broker.store.sessions;
      log.enqueue(owner.clientId, entry, log.body(entry.message));
    }
    return Delivered.Taken;
  }

  #entry(
    message: Message,
    subscription: MqttSubscription,
    qos: QoS,
    retain: boolean,
  ): Outgoing {
    const { identifiers, share } = subscription;
    const kept = this.sender === undefined ? ownForLong(message) : own(message);
    const entry = new Outgoing(++this.#seq, kept, qos, retain, identifiers, share);
    if (this.#broker.options.retry_interval !== Infinity) entry.sentAt = this.#broker.now();
    return entry;
  }

  /** Queues the message, and throws away older ones for it if it must. */
  #wait(
    message: Message,
    subscription: MqttSubscription,
    qos: QoS,
    retain: boolean,
  ): Delivered {
    const { options, store } = this.#broker;
    if (qos === 0 && !options.mqueue_store_qos0) {
      if (subscription.group !== undefined) return Delivered.Refused;
      return this.#drop("offline_qos0");
    }
    if (this.#isExpired(message)) return Delivered.Dropped;
    const { stored, clientId } = this.#owner;
    if (qos > 0 && stored && !store.writable) return this.#drop("store_full");
    const bytes = message.size + message.route.topic.length;
    if (subscription.group !== undefined && !this.#fits(bytes)) return Delivered.Refused;
    const priority = this.#priority(message);
    while (!this.#fits(bytes)) {
      const evicted = this.queue.evict(priority);
      this.#drop("queue_full");
      if (evicted === undefined) return Delivered.Dropped;
      this.#forget(evicted);
    }
    const entry = this.#entry(message, subscription, qos, retain);
    this.queue.push(entry, priority);
    if (this.sender !== undefined && this.pressure.patient && !this.isBelow(1 / 2)) {
      this.#broker.congested = this.pressure;
    }
    if (qos > 0 && stored) {
      store.sessions.enqueue(clientId, entry, store.sessions.body(entry.message));
    }
    return Delivered.Taken;
  }

  /** True when the queue holds less than a part of what it may hold. */
  isBelow(part: number): boolean {
    const { max_mqueue_len, max_mqueue_bytes } = this.#broker.options;
    return this.queue.length < part * max_mqueue_len && this.queue.bytes < part * max_mqueue_bytes;
  }

  #fits(bytes: number): boolean {
    const { options, queued } = this.#broker;
    return this.queue.length < options.max_mqueue_len &&
      this.queue.bytes + bytes <= options.max_mqueue_bytes &&
      queued.bytes + bytes <= options.max_mqueue_total_bytes;
  }

  #priority(message: Message): number {
    return this.#broker.priorities.of(message.route.topic);
  }

  #drop(reason: keyof DropCounters): Delivered {
    this.#broker.counters.dropped[reason]++;
    this.dropped++;
    return Delivered.Dropped;
  }

  #isExpired(message: Message): boolean {
    const expiresAt = message.extras?.expiresAt;
    if (expiresAt === undefined || expiresAt > this.#broker.now()) return false;
    this.#drop("expired"); // [MQTT-3.3.2-5]
    return true;
  }

  #sendQueued(sender: Sender, entry: Outgoing): void {
    const { message, qos } = entry;
    if (this.#isExpired(message)) return this.#forget(entry);
    if (qos === 0) {
      this.#send(sender, entry, false);
      return;
    }
    const owner = this.#owner;
    const kept = owner.keeps || entry.share !== undefined;
    entry.packetId = this.inflight.add(
      qos === 1 ? Phase.Puback : Phase.Pubrec,
      kept ? entry : undefined,
    );
    if (!this.#send(sender, entry, false)) {
      this.inflight.remove(entry.packetId);
      this.#forget(entry);
    } else if (owner.stored) this.#broker.store.sessions.update(owner.clientId, entry);
  }

  #sendAgain(sender: Sender, entry: Outgoing): void {
    const { packetId } = entry;
    if (this.inflight.entry(packetId) !== entry) return; // acknowledged meanwhile
    this.inflight.move(packetId, entry.qos === 1 ? Phase.Puback : Phase.Pubrec);
    // Not dropped when expired: the client may have it, and must not see the id on another.
    if (!this.#send(sender, entry, true)) {
      this.inflight.remove(packetId);
      this.#forget(entry);
    }
  }

  /** False, and counted, when the message is too large for this client. */
  #send(sender: Sender, entry: Outgoing, dup: boolean): boolean {
    const { message, qos, retain, packetId, identifiers } = entry;
    const wire = sender.wire(message.route.topic);
    const sent = sender.publish(message, wire, qos, retain, dup, packetId, identifiers);
    if (!sent) this.#drop("too_large");
    return sent;
  }

  #forget(entry: Outgoing): void {
    if (this.#owner.stored && entry.qos > 0) {
      this.#broker.store.sessions.remove(this.#owner.clientId, entry.seq);
    }
  }
}
