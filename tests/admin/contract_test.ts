/**
 * Drives every operation of the OpenAPI document: with a viewer, without credentials, and with
 * rubbish; whatever comes back must be an answer that the document announces.
 */
import assert from "node:assert/strict";
import { startWorld } from "./kit.ts";

interface Operation {
  readonly security?: readonly unknown[];
  readonly "x-viewer"?: string;
  readonly requestBody?: { readonly content: Record<string, unknown> };
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>;
}

/** Parameters that name something that is there, where there is something. */
const PLACES: Readonly<Record<string, string>> = {
  gw: "nats",
  "/gateways/{gw}/listeners/{id}": "nats:tcp:default",
};

const ENDLESS = new Set(["/tail"]);

Deno.test("every operation answers as the OpenAPI document says", async () => {
  await using world = await startWorld();
  const [, document] = await world.get("/api-docs/openapi.json");
  const viewer = world.keyFor({ role: "viewer" });
  const login = await world.login();
  let count = 0;
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations as Record<string, Operation>)) {
      if (ENDLESS.has(path)) continue;
      count++;
      const url = path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(placeOf(path, name)));
      const name = `${method} ${path}`;
      const isOpen = operation.security?.length === 0;
      const body = operation.requestBody === undefined ? {} : { json: { no_such_key: 1 } };
      const upper = method.toUpperCase();

      const stranger = await world.ask(url.slice(1), {
        method: upper,
        authorization: null,
        ...body,
      });
      await stranger.body?.cancel();
      if (!isOpen) assert.equal(stranger.status, 401, `${name} without credentials`);

      if (!isOpen && method !== "get" && operation["x-viewer"] === undefined) {
        const viewed = await world.ask(url.slice(1), {
          method: upper,
          authorization: viewer,
          ...body,
        });
        await viewed.body?.cancel();
        assert.ok(
          [401, 403, 400, 415].includes(viewed.status),
          `${name} by a viewer: ${viewed.status}`,
        );
      }

      // What would end the test itself is driven elsewhere.
      if (method === "delete" && path === "/gateways/{gw}") continue;
      const answer = await world.ask(url.slice(1), {
        method: upper,
        authorization: login,
        ...body,
      });
      const text = await answer.text();
      const announced = operation.responses[answer.status];
      assert.ok(announced !== undefined, `${name}: ${answer.status} ${text.slice(0, 300)}`);
      if (announced.content === undefined) assert.equal(text, "", name);
      if (answer.status >= 400) {
        const problem = JSON.parse(text);
        assert.equal(typeof problem.code, "string", name);
        assert.equal(typeof problem.message, "string", name);
      }
    }
  }
  assert.ok(count > 100, `${count} operations`);
});

function placeOf(path: string, name: string): string {
  const place = Object.entries(PLACES).find(([key]) => path.startsWith(key) && key.includes(name));
  return place?.[1] ?? PLACES[name] ?? "nobody";
}
