/** The MQTT transcripts of `tests/wire/`, played against sessions, and against mosquitto. */
import { MOSQUITTO, Mosquitto } from "../kit/mosquitto.ts";
import { MQTT_TRANSCRIPTS, play } from "../wire/mqtt_transcript.ts";
import { MqttSessionWorld, MqttSocketWorld } from "../wire/mqtt_worlds.ts";

for (const transcript of MQTT_TRANSCRIPTS) {
  for (const one of transcript.cases) {
    Deno.test(`session: ${transcript.name}: ${one.name}`, async () => {
      await play(transcript, one, new MqttSessionWorld(transcript));
    });
  }
}

let mosquitto: Promise<Mosquitto> | undefined;
Deno.test.afterAll(async () => await (await mosquitto)?.[Symbol.asyncDispose]());

for (const transcript of MQTT_TRANSCRIPTS) {
  for (const one of transcript.cases.filter((one) => one.portable)) {
    const missing = MOSQUITTO === undefined;
    Deno.test({
      name: `mosquitto${missing ? " (not installed)" : ""}: ${transcript.name}: ${one.name}`,
      ignore: missing,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        mosquitto ??= Mosquitto.start();
        using world = new MqttSocketWorld((await mosquitto).port);
        await play(transcript, one, world);
      },
    });
  }
}
