/**
 * The transcripts of `tests/wire/` that say so, played against nats-server.
 */
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";
import { SocketWorld } from "../wire/socket_world.ts";
import { loadTranscript, play, type Transcript } from "../wire/transcript.ts";

const TRANSCRIPTS = ["protocol.nats", "frames.nats", "channel.nats", "heartbeat.nats"]
  .map(loadTranscript);

for (const transcript of TRANSCRIPTS) {
  const server = lazy(() => NatsServer.start(serverConfig(transcript)));
  for (const one of transcript.cases.filter((one) => one.portable)) {
    const missing = NATS_SERVER === undefined;
    Deno.test({
      name: `nats-server${missing ? " (not installed)" : ""}: ${transcript.name}: ${one.name}`,
      ignore: missing,
      sanitizeOps: false,
      sanitizeResources: false,
      async fn() {
        using world = new SocketWorld((await server.get()).port);
        await play(transcript, one, world);
      },
    });
  }
  Deno.test.afterAll(server.dispose);
}

/** Our settings in the words of nats-server. */
function serverConfig(transcript: Transcript): string {
  const size = transcript.settings.find((line) => line.includes("max_payload_size"));
  return size === undefined ? "" : `max_payload: ${size.split("=")[1]}`;
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
