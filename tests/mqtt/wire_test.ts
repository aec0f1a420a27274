/**
 * The MQTT transcripts of `tests/wire/`, played against sessions, a started gateway, and
 * mosquitto.
 */
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { MOSQUITTO, Mosquitto } from "../kit/mosquitto.ts";
import { MQTT_TRANSCRIPTS, play } from "../wire/mqtt_transcript.ts";
import { MqttSessionWorld, MqttSocketWorld } from "../wire/mqtt_worlds.ts";
import type { Case } from "../wire/transcript.ts";

for (const transcript of MQTT_TRANSCRIPTS) {
  for (const one of transcript.cases) {
    Deno.test(`session: ${transcript.name}: ${one.name}`, async () => {
      await play(transcript, one, new MqttSessionWorld(transcript.settings));
    });
  }
}

for (const transcript of MQTT_TRANSCRIPTS) {
  const gateway = lazy<GatewayProcess>(() => startGateway({ set: transcript.settings }));
  for (const one of transcript.cases.filter(runsOnSockets)) {
    Deno.test({
      name: `gateway: ${transcript.name}: ${one.name}`,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        using world = new MqttSocketWorld((await gateway.get()).mqtt);
        await play(transcript, one, world);
      },
    });
  }
  Deno.test.afterAll(gateway.dispose);
}

const mosquitto = lazy(() => Mosquitto.start());
Deno.test.afterAll(mosquitto.dispose);

for (const transcript of MQTT_TRANSCRIPTS) {
  for (const one of transcript.cases.filter((one) => one.portable)) {
    const missing = MOSQUITTO === undefined;
    Deno.test({
      name: `mosquitto${missing ? " (not installed)" : ""}: ${transcript.name}: ${one.name}`,
      ignore: missing,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        using world = new MqttSocketWorld((await mosquitto.get()).port);
        await play(transcript, one, world);
      },
    });
  }
}

/** Time does not jump there. What is portable was written so that it can wait for answers. */
function runsOnSockets(one: Case): boolean {
  return one.portable || one.steps.every(({ kind }) => kind !== "~");
}

/** Starts something when it is first asked for, and stops it if it was. */
function lazy<T extends AsyncDisposable>(start: () => Promise<T>) {
  let started: Promise<T> | undefined;
  return {
    get: (): Promise<T> => started ??= start(),
    dispose: async (): Promise<void> => {
      await (await started)?.[Symbol.asyncDispose]();
    },
  };
}
