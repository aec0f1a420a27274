/** The transcripts of `tests/wire/`, played against a started gateway. */
import { sharedGateway } from "../kit/gateway.ts";
import { NATS_TRANSCRIPTS, play } from "../wire/nats_transcript.ts";
import { NatsSocketWorld } from "../wire/nats_worlds.ts";

for (const transcript of NATS_TRANSCRIPTS) {
  const gateway = sharedGateway({ set: transcript.settings });
  for (const one of transcript.cases) {
    Deno.test(`gateway: ${transcript.name}: ${one.name}`, async () => {
      using world = new NatsSocketWorld(gateway.process.nats);
      await play(transcript, one, world);
    });
  }
}
