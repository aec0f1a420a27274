/**
 * What a stored message costs: queued for a session, made durable, acknowledged. One iteration is
 * one turn with so many messages of 200 bytes; each is acknowledged one turn later, as a client
 * does that answers at once.
 */
import { realClock } from "../../gateway/clock.ts";
import { Message } from "../../gateway/core/message.ts";
import { Route } from "../../gateway/core/route.ts";
import type { Topic } from "../../gateway/core/topic.ts";
import type { Sync } from "../../gateway/store/sqlite_open.ts";
import { openSqliteStore } from "../../gateway/store/sqlite.ts";
import { entry, session, StateRead } from "../store/kit.ts";

const PAYLOAD_BYTES = 200;
const route = new Route("sensors/room12/temperature" as Topic);
const directory = Deno.makeTempDirSync({ prefix: "natsgate-bench-" });
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));

for (const sync of ["normal", "full"] as const) {
  for (const messages of [1, 10, 100]) {
    Deno.bench({
      name: `sync=${sync}: turn with ${messages} messages`,
      group: `sync=${sync}`,
      fn: turns(sync, messages),
    });
  }
}

Deno.bench({ name: "acknowledged within the turn: 100 messages", fn: turns("normal", 100, 0) });

/** Makes a function that runs one turn. `lag`: turns between sending and acknowledgement. */
function turns(sync: Sync, messages: number, lag = 1): () => void {
  const path = `${directory}/${sync}-${messages}-${lag}.db`;
  const store = openSqliteStore({ path, sync, clock: realClock() });
  store.load(new StateRead());
  store.sessions.put(session("c"));
  store.commit();
  let sent = 0;
  let acknowledged = 0;
  return () => {
    for (let i = 0; i < messages; i++) {
      const message = new Message(route, new Uint8Array(PAYLOAD_BYTES));
      message.owned = true;
      message.qos = 1;
      const queued = entry(sent, { packetId: 1 + sent % 65535 });
      store.sessions.enqueue("c", queued, store.sessions.body(message));
      sent++;
    }
    for (const end = sent - lag * messages; acknowledged < end; acknowledged++) {
      store.sessions.remove("c", acknowledged);
    }
    if (!store.commit()) throw new Error("the disk is full");
  };
}
