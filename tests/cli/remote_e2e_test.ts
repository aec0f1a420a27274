/** The remote commands as processes of their own, against a gateway that runs. */
import assert from "node:assert/strict";
import { startAdmin } from "../../admin/server.ts";
import { startWorld } from "../admin/kit.ts";
import { RawNats } from "../kit/raw_nats.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

Deno.test("remote commands: status, health, clients, kick, reload, backup and restore", async () => {
  const world = await startWorld();
  const admin = await startAdmin(world.gateway.control);
  try {
    const keyFile = `${world.dir}/test.key`;
    await Deno.writeTextFile(keyFile, atob(world.administrator.slice("Basic ".length)));
    const natsgate = async (...args: string[]) => {
      const url = `http://127.0.0.1:${admin.port}`;
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", MAIN, ...args, "--url", url, "--key-file", keyFile],
      }).output();
      const text = new TextDecoder();
      assert.equal(code, 0, `${args[0]}: ${text.decode(stderr)}`);
      return text.decode(stdout);
    };
    using client = await RawNats.open(
      world.gateway.listeners.get("nats:tcp:default")!.port,
      { name: "me" },
    );
    JSON.parse(await natsgate("status", "--json"));
    await natsgate("health");
    const list = JSON.parse(await natsgate("clients", "--json", "--protocol", "nats"));
    const [row] = Array.isArray(list) ? list : list.data;
    await natsgate("kick", row.clientid);
    await client.expect("-ERR Kicked out");
    await natsgate("reload", "--json");

    const retained = { topic: "kept/here", payload: "x", retain: true, qos: 1 };
    await world.get("publish", { json: retained });
    const backup = `${world.dir}/saved.backup`;
    await natsgate("backup", backup);
    assert.ok((await Deno.stat(backup)).size > 0);
    await world.get("mqtt/retainer/message/kept%2Fhere", { method: "DELETE" });
    assert.equal((await world.get("mqtt/retainer/message/kept%2Fhere"))[0], 404);
    await natsgate("restore", backup);
  } finally {
    await admin.stop();
    await world.stop();
  }
  // What was restored holds from the next start on.
  await using again = await startWorld("", world.dir);
  assert.equal((await again.get("mqtt/retainer/message/kept%2Fhere"))[0], 200);
});
