import assert from "node:assert/strict";
import { startWorld } from "./kit.ts";

Deno.test("tail: messages that fit the filter, by topic or by subject, as they pass by", async () => {
  await using world = await startWorld();
  for (const filter of ["t/+", "nats:t.*"]) {
    const response = await world.ask(`tail?filter=${encodeURIComponent(filter)}`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type")!, /^text\/event-stream/);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    assert.equal((await reader.read()).value, ":\n\n", "it watches from here on");
    await world.get("publish", { json: { topic: "other", payload: "" } });
    await world.get("publish", { json: { topic: "t/a", payload: "hi" } });
    let text = "";
    while (!text.includes("\n\n")) text += (await reader.read()).value;
    const event = JSON.parse(/^data: (.*)$/m.exec(text)![1]!);
    assert.deepEqual([event.topic, event.subject, event.payload], ["t/a", "t.a", "hi"]);
    await reader.cancel();
  }
});

Deno.test("tail: what is no filter is refused, as is who may not watch", async () => {
  await using world = await startWorld();
  for (const filter of ["a/#/b", "nats:a..b", ""]) {
    const [status, problem] = await world.get(`tail?filter=${encodeURIComponent(filter)}`);
    assert.deepEqual([status, problem.code], [400, "BAD_REQUEST"], filter);
  }
  assert.equal((await world.get("tail", { authorization: null }))[0], 401);
  const authorization = world.keyFor({ scopes: ["gateways"] });
  assert.equal((await world.get("tail", { authorization }))[0], 403);
});

Deno.test("tail: there are only so many watchers at a time, and each place is free again", async () => {
  await using world = await startWorld();
  const open = [];
  for (let i = 0; i < 16; i++) open.push(await world.ask("tail"));
  assert.deepEqual(open.map(({ status }) => status), Array(16).fill(200));
  const [status, problem] = await world.get("tail");
  assert.deepEqual([status, problem.code], [503, "SERVICE_UNAVAILABLE"]);
  for (const { body } of open) await body!.cancel();
  const again = await world.ask("tail");
  assert.equal(again.status, 200);
  await again.body!.cancel();
});
