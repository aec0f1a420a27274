/**
 * Who takes part in a simulation, what may happen, and what must hold at its end.
 */
import assert from "node:assert/strict";
import { Chance } from "../kit/random.ts";
import { Mortal, PassingMember, Publisher, retainedPayload, Subscriber } from "./mqtt_clients.ts";
import { NatsPublisher, NatsSubscriber } from "./nats_clients.ts";
import { SECRET_TOPIC, SimWorld } from "./world.ts";

/** Longest step of the clock, ms; but for one that outlasts sessions that do not stay. */
const STEP_MS_MAX = 500;
const LEAP_MS = 20_000;
/** More steps than it can take to bring a simulation to rest. */
const REST_STEPS_MAX = 2_000_000;

type AnyClient = Publisher | Subscriber | Mortal | NatsPublisher | NatsSubscriber;

/** One run. */
export class Simulation {
  readonly #chance: Chance;
  readonly #world: SimWorld;
  readonly #publishers: (Publisher | NatsPublisher)[];
  readonly #retaining: (Publisher | NatsPublisher)[];
  readonly #subscribers: Subscriber[];
  readonly #natsSubscribers: NatsSubscriber[];
  /** Share `m`: members of MQTT only. */
  readonly #members: Subscriber[];
  readonly #passing: PassingMember[];
  /** Queue `x`: one group of both protocols. */
  readonly #mixed: { readonly mqtt: Subscriber[]; readonly nats: NatsSubscriber[] };
  readonly #mortals: Mortal[];
  readonly #willObserver: Subscriber;

  /** `crashes`: the gateway is killed now and then. */
  constructor(seed: number, dir: string, readonly crashes: boolean) {
    const chance = this.#chance = new Chance(seed);
    const world = this.#world = new SimWorld(chance, dir);
    const version = () => chance.pick([4, 5] as const);
    const publisher = (topic: string, qos: 0 | 1 | 2, retain = false) =>
      new Publisher(world, chance, topic, version(), qos, retain);
    const subscriber = (name: string, filter: string, qos: 0 | 1 | 2, ordered = always) =>
      new Subscriber(world, chance, name, version(), filter, qos, ordered);
    this.#publishers = [
      publisher("n/zero", 0),
      publisher("n/one", 1),
      publisher("n/two", 2),
      publisher("n/other", 2),
      publisher(SECRET_TOPIC, 1),
      new NatsPublisher(world, chance, "n/nats"),
    ];
    this.#retaining = [
      publisher("r/one", 1, true),
      publisher("r/two", 2, true),
      new NatsPublisher(world, chance, "r/nats", true),
    ];
    this.#subscribers = [
      // What was lost on the way may come again after others.
      subscriber("takes 0", "n/+", 0, (topic) => topic !== "n/one" && topic !== "n/nats"),
      subscriber("takes 1", "n/+", 1),
      subscriber("takes 2", "n/+", 2),
      subscriber("takes all", "n/#", 2),
    ];
    this.#members = [1, 2].map((i) => subscriber(`member ${i}`, "$share/m/n/+", 2, never));
    // What a session has that ends with its connection does not survive a crash; and of QoS 2
    // it would not be handed on. [MQTT-4.8.2-5]
    this.#passing = (crashes ? [] : [1, 2]).map((i) =>
      new PassingMember(world, chance, `passing ${i}`, version(), "$share/m/n/+", 1, never)
    );
    this.#mixed = {
      mqtt: [subscriber("mixed", "$share/x/n/+", 2, never)],
      nats: [1, 2].map((i) => new NatsSubscriber(world, chance, `mixed NATS ${i}`, "n.*", "x")),
    };
    this.#natsSubscribers = ["n.*", "n.>"].map((subject) =>
      new NatsSubscriber(world, chance, `NATS ${subject}`, subject)
    );
    this.#mortals = [1, 2].map((i) => new Mortal(world, chance, `mortal ${i}`));
    this.#willObserver = subscriber("observer of wills", "w/+", 2, never);
  }

  /** Plays so many steps, brings everything to rest, and checks. */
  run(steps: number): void {
    const { subscribing } = this;
    this.#goOn(subscribing, () => subscribing.every(({ subscribed }) => subscribed));
    for (let i = 0; i < steps; i++) this.#step();
    this.#rest();
    this.#checkNumbers();
    this.#checkGroups();
    this.#checkWills();
    this.#checkRetained();
    this.#checkNothingIsLeft();
    this.#world.close();
  }

  /** What happened, for whoever wants to know whether it was worth it. */
  get summary(): string {
    const sent = [...this.#publishers, ...this.#retaining].map(({ topic, sent }) =>
      `${topic} ${sent}`
    );
    return `${this.#world.lives} lives; ${sent.join(", ")}`;
  }

  /** Those whose subscriptions must hold from the beginning. */
  private get subscribing(): Subscriber[] {
    return [
      ...this.#subscribers,
      ...this.#members,
      ...this.#mixed.mqtt,
      this.#willObserver,
    ];
  }

  get #clients(): AnyClient[] {
    return [
      ...this.subscribing,
      ...this.#publishers,
      ...this.#retaining,
      ...this.#passing,
      ...this.#mixed.nats,
      ...this.#natsSubscribers,
      ...this.#mortals,
    ];
  }

  /** One thing happens. */
  #step(): void {
    const chance = this.#chance;
    const world = this.#world;
    const dice = chance.below(1000);
    if (dice < 600) world.move();
    else if (dice < 970) chance.pick(this.#clients).act();
    else if (dice < 984) world.pass(chance.below(STEP_MS_MAX));
    else if (dice < 985) world.pass(LEAP_MS);
    else if (dice < 999) this.#cutSomebody();
    else if (this.crashes && chance.happens(0.5)) world.crash(() => this.#moveSome());
  }

  /** A connection breaks; sometimes only the client notices. */
  #cutSomebody(): void {
    const connections = [...this.#world.connections].filter(({ deserted }) => !deserted);
    if (connections.length === 0) return;
    const connection = this.#chance.pick(connections);
    if (this.#chance.happens(0.3)) connection.desert();
    else this.#world.cut(connection);
  }

  #moveSome(): void {
    for (let i = this.#chance.below(20); i > 0; i--) this.#world.move();
  }

  /** Nothing bad happens any more, and everybody finishes. */
  #rest(): void {
    for (const client of [...this.#publishers, ...this.#retaining]) client.finishing = true;
    for (const connection of [...this.#world.connections]) {
      if (connection.deserted) this.#world.cut(connection);
    }
    // Whoever only passes by leaves first, so that what it had goes to those who stay.
    for (const client of [...this.#passing, ...this.#mortals]) {
      client.mayConnect = false;
      if (client.connection !== undefined) this.#world.cut(client.connection);
    }
    const all = this.#clients.filter((client) => client.mayConnect);
    this.#goOn(all, () => {
      if (!all.every((client) => client.connection !== undefined && client.idle)) return false;
      // A session that waits for a slow reader says so by its deadline.
      this.#world.pass(STEP_MS_MAX);
      return !this.#moveAll() && all.every((client) => client.idle);
    });
  }

  /** Clients act and bytes move until it is done. */
  #goOn(clients: readonly AnyClient[], done: () => boolean): void {
    for (let i = 0; i < REST_STEPS_MAX; i++) {
      if (i % 100 === 0 && done()) return;
      this.#chance.pick(clients).act();
      this.#world.move();
    }
    assert.fail("it does not come to rest");
  }

  #moveAll(): boolean {
    let moved = false;
    while (this.#world.move()) moved = true;
    return moved;
  }

  /** Every session that stayed got what its QoS promises. */
  #checkNumbers(): void {
    for (const { name, qos, received } of this.#subscribers) {
      for (const { topic, sent, ...publisher } of this.#publishers) {
        if (topic === SECRET_TOPIC) continue;
        const published = "qos" in publisher ? publisher.qos : 1;
        const least = Math.min(published, qos);
        if (least > 0) received.get(topic)!.check(sent, least === 2, `${name}, ${topic}`);
      }
    }
  }

  /** A message for a group reached one member, whoever came and went. */
  #checkGroups(): void {
    for (const { topic, sent, ...publisher } of this.#publishers) {
      const qos = "qos" in publisher ? publisher.qos : 1;
      if (topic === SECRET_TOPIC || qos === 0) continue;
      const members = [...this.#members, ...this.#passing];
      const got = members.flatMap(({ received }) => received.get(topic) ?? []);
      const missing = numbers(sent).filter((i) => !got.some((received) => received.has(i)));
      assert.deepEqual(missing, [], `share m, ${topic}: lost of ${sent}`);
      if (qos < 2) continue;
      const mixed = [
        ...this.#mixed.mqtt.map(({ received }) => received),
        ...this.#mixed.nats.flatMap(({ epochs }) => epochs),
      ].flatMap((received) => received.get(topic)?.all ?? []);
      assert.equal(new Set(mixed).size, mixed.length, `queue x, ${topic}: two members got one`);
    }
  }

  #checkWills(): void {
    for (const mortal of this.#mortals) {
      const published = this.#willObserver.received.get(mortal.topic);
      if (published !== undefined) mortal.check(published);
    }
  }

  /** What is retained is what was acknowledged last, on both sides. */
  #checkRetained(): void {
    const expected = new Map(
      this.#retaining.filter(({ sent }) => sent > 0)
        .map(({ topic, sent }) => [topic, retainedPayload(sent - 1)] as const)
        .filter(([, payload]) => payload !== ""),
    );
    const world = this.#world;
    const mqtt = new Subscriber(world, this.#chance, "reader", 5, "r/+", 1, always);
    const nats = new NatsSubscriber(world, this.#chance, "NATS reader", "r.*");
    this.#goOn([mqtt, nats], () => mqtt.subscribed && mqtt.idle && nats.epochs.length > 0);
    world.pass(STEP_MS_MAX);
    this.#goOn([mqtt], () => !this.#moveAll() && mqtt.idle);
    for (const received of [mqtt.received, nats.epochs.at(-1)!]) {
      const last = [...received].map(([topic, { all }]) => [topic, String(all.at(-1))] as const);
      assert.deepEqual(new Map(last.sort()), new Map([...expected].sort()), "retained");
    }
    world.cut(nats.connection!);
    this.#endSessions([mqtt]);
  }

  /** Sessions that end leave nothing behind, in memory or in the store. */
  #checkNothingIsLeft(): void {
    for (const client of this.#clients) {
      client.mayConnect = false;
      if (client.connection !== undefined) this.#world.cut(client.connection);
    }
    const { broker, router, nats, store } = this.#world.life;
    this.#endSessions(this.#clients);
    assert.equal(router.subscriptions, 0, "subscriptions");
    assert.equal(broker.sessions.size, 0, "MQTT sessions");
    assert.equal(nats.sessions.size, 0, "NATS sessions");
    assert.equal(broker.queued.bytes, 0, "queued bytes");
    assert.equal(broker.nextDeadline, Infinity, "deadlines of sessions");
    assert.equal(store.stats.sessions, 0, "stored sessions");
  }

  #endSessions(clients: readonly { readonly name: string }[]): void {
    const { broker } = this.#world.life;
    this.#world.turn(() => {
      for (const { name } of clients) {
        const session = broker.sessions.get(name);
        if (session !== undefined) broker.end(session);
      }
    });
  }
}

/** Order of first copies: a session that stays, and one that others leave messages to. */
const always: Subscriber["ordered"] = () => true;
const never: Subscriber["ordered"] = () => false;

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
