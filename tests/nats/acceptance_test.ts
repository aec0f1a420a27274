/**
 * The transcripts of `tests/wire/`, played against sessions without sockets (line by line, and
 * byte by byte), and those that say so against nats-server. `tests/e2e/wire_test.ts` plays them
 * against a started gateway.
 */
import assert from "node:assert/strict";
import { NATS_SERVER, NatsServer } from "../kit/nats_server.ts";
import { NATS_TRANSCRIPTS, play } from "../wire/nats_transcript.ts";
import { NatsSessionWorld, NatsSocketWorld } from "../wire/nats_worlds.ts";
import type { Transcript } from "../wire/transcript.ts";

for (const transcript of NATS_TRANSCRIPTS) {
  for (const one of transcript.cases) {
    for (const chunking of ["whole", "bytes"] as const) {
      Deno.test(`session, ${chunking}: ${transcript.name}: ${one.name}`, async () => {
        await play(transcript, one, new NatsSessionWorld(transcript.settings, chunking));
      });
    }
  }
}

for (const transcript of NATS_TRANSCRIPTS) {
  const missing = NATS_SERVER === undefined;
  let server: NatsServer | undefined;
  Deno.test.beforeAll(async () => {
    if (!missing) server = await NatsServer.start(serverConfig(transcript));
  });
  Deno.test.afterAll(async () => await server?.[Symbol.asyncDispose]());
  for (const one of transcript.cases.filter((one) => one.portable)) {
    Deno.test({
      name: `nats-server${missing ? " (not installed)" : ""}: ${transcript.name}: ${one.name}`,
      ignore: missing,
      async fn() {
        using world = new NatsSocketWorld(server!.port);
        await play(transcript, one, world);
      },
    });
  }
}

/** Rows of the checklist that concern access, hooks, or the innards of another program. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  FR: "16 19 20 21 22 23 24 41 43 44",
  PR: "22 23 24 25 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 51",
  CH: "1 2 5 7 8 9 10 11 12 13 14 " + Array.from({ length: 17 }, (_, i) => 15 + i).join(" "),
};
const ROWS: Readonly<Record<string, number>> = { FR: 49, PR: 53, CH: 31 };

Deno.test("every row of the checklist has a transcript, or a place elsewhere", () => {
  const names = NATS_TRANSCRIPTS.flatMap((transcript) => transcript.cases.map((one) => one.name));
  const covered = new Set<string>();
  for (const name of names) {
    for (const [, suite, first, last] of name.matchAll(/\b(FR|PR|CH)-(\d+)(?:\.\.(\d+))?/g)) {
      for (let row = Number(first); row <= Number(last ?? first); row++) covered.add(suite! + row);
    }
  }
  for (const [suite, count] of Object.entries(ROWS)) {
    const elsewhere = new Set(ELSEWHERE[suite]!.split(" ").map(Number));
    for (let row = 1; row <= count; row++) {
      const here = covered.has(suite + row);
      assert.ok(
        here !== elsewhere.has(row),
        `${suite}-${row} ${here ? "is in both" : "is missing"}`,
      );
    }
  }
});

/** Our settings in the words of nats-server. */
function serverConfig(transcript: Transcript): string {
  const size = transcript.settings.find((line) => line.includes("max_payload_size"));
  return size === undefined ? "" : `max_payload: ${size.split("=")[1]}`;
}
