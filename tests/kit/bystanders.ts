/** Clients that mind their own business, to see that they are let to. */
import assert from "node:assert/strict";
import type { GatewayProcess } from "./gateway.ts";
import { RawMqtt } from "./raw_mqtt.ts";
import { RawNats } from "./raw_nats.ts";

/** Two clients that go on talking to each other while others misbehave. */
export class Bystanders implements Disposable {
  #count = 0;
  private constructor(readonly nats: RawNats, readonly mqtt: RawMqtt) {}

  /** Connects and subscribes both. */
  static async open(process: GatewayProcess): Promise<Bystanders> {
    const nats = await RawNats.open(process.nats);
    const mqtt = await RawMqtt.open(process.mqtt);
    await nats.subscribe("bystander.m.>");
    await mqtt.subscribe("bystander/n/#");
    return new Bystanders(nats, mqtt);
  }

  /** One message in each direction. */
  async talk(): Promise<void> {
    const text = String(++this.#count);
    await this.nats.publish("bystander.n.x", text);
    assert.equal(String((await this.mqtt.expect("publish")).payload), text);
    await this.mqtt.publish("bystander/m/x", text);
    assert.equal(new TextDecoder().decode((await this.nats.message()).payload), text);
  }

  [Symbol.dispose](): void {
    this.nats.close();
    this.mqtt.close();
  }
}

/** Fails when the gateway has met a bug of its own. */
export function assertSound(process: GatewayProcess): void {
  assert.doesNotMatch(process.log(), /\bbug\b/i);
}
