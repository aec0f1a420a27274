/**
 * The script of the page in browser_test.ts, which bundles it. It runs in the browser: the names
 * that the test calls are put on `globalThis`.
 */
import { wsconnect } from "@nats-io/nats-core";
import mqtt from "mqtt";

/** Where the listeners of the gateway are, as URLs of WebSockets. */
export interface Addresses {
  readonly nats: string;
  readonly mqtt: string;
}

/** A message as a page can show it. */
export interface Heard {
  readonly name: string;
  readonly text: string;
}

/** What the page offers to the test. */
export interface PageScript {
  /** Sends every text from NATS to MQTT and gives what MQTT heard, in its order. */
  natsToMqtt(addresses: Addresses, version: 4 | 5, texts: readonly string[]): Promise<Heard[]>;
  /** Sends every text from MQTT to NATS and gives what NATS heard, in its order. */
  mqttToNats(addresses: Addresses, version: 4 | 5, texts: readonly string[]): Promise<Heard[]>;
  /** Asks on NATS; a client of MQTT 5.0 answers with the question in capitals. */
  request(addresses: Addresses, text: string): Promise<string>;
  /** Whether each of the two can connect at all. */
  connects(addresses: Addresses): Promise<{ nats: boolean; mqtt: boolean }>;
  /** The extensions that the browser and the gateway agree on for an MQTT connection. */
  extensions(addresses: Addresses): Promise<string>;
}

const script: PageScript = {
  natsToMqtt: (addresses, version, texts) =>
    withClients(addresses, version, async (nats, mqtt) => {
      const heard: Heard[] = [];
      const done = new Promise<void>((resolve) => {
        mqtt.on("message", (name, payload) => {
          heard.push({ name, text: payload.toString() });
          if (heard.length === texts.length) resolve();
        });
      });
      await mqtt.subscribeAsync("to/mqtt/+", { qos: 1 });
      texts.forEach((text, index) => nats.publish(`to.mqtt.${index}`, text));
      await done;
      return heard;
    }),

  mqttToNats: (addresses, version, texts) =>
    withClients(addresses, version, async (nats, mqtt) => {
      const heard: Heard[] = [];
      const subscription = nats.subscribe("to.nats.*", { max: texts.length });
      await nats.flush();
      for (const [index, text] of texts.entries()) {
        await mqtt.publishAsync(`to/nats/${index}`, text, { qos: index % 2 === 0 ? 1 : 2 });
      }
      for await (const { subject, data } of subscription) {
        heard.push({ name: subject, text: new TextDecoder().decode(data) });
      }
      return heard;
    }),

  request: (addresses, text) =>
    withClients(addresses, 5, async (nats, mqtt) => {
      mqtt.on("message", (_topic, payload, { properties }) => {
        mqtt.publish(properties!.responseTopic!, payload.toString().toUpperCase());
      });
      await mqtt.subscribeAsync("ask/page");
      return (await nats.request("ask.page", text, { timeout: 10_000 })).string();
    }),

  connects: async ({ nats, mqtt }) => ({
    nats: await succeeds(async () => await (await connectNats(nats)).close()),
    mqtt: await succeeds(async () => await (await connectMqtt(mqtt, 5)).endAsync()),
  }),

  extensions: ({ mqtt }) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(mqtt, "mqtt");
      socket.onerror = () => reject(new Error("no connection"));
      socket.onopen = () => {
        resolve(socket.extensions);
        socket.close();
      };
    }),
};

Object.assign(globalThis, { script });

type Nats = Awaited<ReturnType<typeof wsconnect>>;

async function withClients<T>(
  addresses: Addresses,
  version: 4 | 5,
  talk: (nats: Nats, mqtt: mqtt.MqttClient) => Promise<T>,
): Promise<T> {
  const nats = await connectNats(addresses.nats);
  const mqtt = await connectMqtt(addresses.mqtt, version);
  try {
    return await talk(nats, mqtt);
  } finally {
    await mqtt.endAsync();
    await nats.close();
  }
}

function connectNats(url: string): Promise<Nats> {
  return wsconnect({ servers: url, reconnect: false });
}

/** MQTT.js's own promise of a connection never ends when the upgrade is refused; this one does. */
function connectMqtt(url: string, protocolVersion: 4 | 5): Promise<mqtt.MqttClient> {
  const client = mqtt.connect(url, { protocolVersion, reconnectPeriod: 0 });
  return new Promise((resolve, reject) => {
    client.once("connect", () => resolve(client));
    client.once("error", reject);
    client.once("close", () => reject(new Error("closed before CONNACK")));
  });
}

async function succeeds(act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch {
    return false;
  }
}
