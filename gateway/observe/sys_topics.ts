/**
 * The `$SYS` tree: the broker's numbers as retained messages, under the names that dashboards for
 * mosquitto know.
 */

/** What the tree is made of. */
export interface SysNumbers {
  readonly version: string;
  readonly clients: {
    readonly connected: number;
    /** Sessions that wait for their client. */
    readonly disconnected: number;
    /** Most clients connected at one time. */
    readonly maximum: number;
  };
  /** Packets of MQTT. */
  readonly packets: { readonly received: number; readonly sent: number };
  /** Application messages. */
  readonly messages: {
    readonly received: number;
    readonly sent: number;
    readonly dropped: number;
    /** Waiting in queues. */
    readonly queued: number;
    readonly queued_bytes: number;
  };
  readonly bytes: { readonly received: number; readonly sent: number };
  readonly subscriptions: number;
  readonly shared_subscriptions: number;
  readonly retained: number;
}

/** One topic of the tree and what it says. */
export type SysTopic = readonly [topic: string, text: string];

/** The tree as it stands. */
function sysTopics(numbers: SysNumbers): SysTopic[] {
  const { clients, packets, messages, bytes } = numbers;
  const values: readonly (readonly [name: string, value: number | string])[] = [
    ["version", `natsgate version ${numbers.version}`],
    ["clients/total", clients.connected + clients.disconnected],
    ["clients/connected", clients.connected],
    ["clients/disconnected", clients.disconnected],
    ["clients/maximum", clients.maximum],
    ["messages/received", packets.received],
    ["messages/sent", packets.sent],
    ["publish/messages/received", messages.received],
    ["publish/messages/sent", messages.sent],
    ["publish/messages/dropped", messages.dropped],
    ["store/messages/count", messages.queued],
    ["store/messages/bytes", messages.queued_bytes],
    ["bytes/received", bytes.received],
    ["bytes/sent", bytes.sent],
    ["subscriptions/count", numbers.subscriptions],
    ["shared_subscriptions/count", numbers.shared_subscriptions],
    ["retained messages/count", numbers.retained],
  ];
  return values.map(([name, value]) => [`$SYS/broker/${name}`, `${value}`]);
}

/** The part of the tree that shows that the gateway is alive. */
export function sysHeartbeat(uptime_s: number, now: Date): SysTopic[] {
  return [
    ["$SYS/broker/uptime", `${uptime_s} seconds`],
    ["$SYS/broker/datetime", now.toISOString()],
  ];
}

/** Remembers what was said, so that only what has changed is said again. */
export class SysTopics {
  readonly #said = new Map<string, string>();

  /** Topics whose value is not the one given last time. */
  changes(numbers: SysNumbers): SysTopic[] {
    const changed = sysTopics(numbers).filter(([topic, text]) => this.#said.get(topic) !== text);
    for (const [topic, text] of changed) this.#said.set(topic, text);
    return changed;
  }
}
