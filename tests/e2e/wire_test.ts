/** The transcripts of `tests/wire/`, played against a started gateway. */
import { sharedGateway } from "../kit/gateway.ts";
import { SocketWorld } from "../wire/socket_world.ts";
import { play, TRANSCRIPTS } from "../wire/transcript.ts";

for (const transcript of TRANSCRIPTS) {
  const gateway = sharedGateway({ set: transcript.settings });
  for (const one of transcript.cases) {
    Deno.test(`gateway: ${transcript.name}: ${one.name}`, async () => {
      using world = new SocketWorld(gateway.process.nats);
      await play(transcript, one, world);
    });
  }
}
