/** What somebody with bad intentions writes to the admin port, byte by byte. */
import assert from "node:assert/strict";
import { startAdmin } from "../../admin/server.ts";
import { within } from "../kit/wait.ts";
import { startWorld } from "./kit.ts";

/** Sends bytes and reads until the port says no more. */
async function exchange(port: number, bytes: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  // The port may close before it has read everything.
  const writing = new Response(bytes).body!.pipeTo(conn.writable, { preventClose: true })
    .catch(() => {});
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of conn.readable.values({ preventCancel: true })) {
      text += decoder.decode(chunk);
    }
  } catch (error) {
    assert.ok(error instanceof Deno.errors.ConnectionReset, String(error));
  }
  await writing;
  return text;
}

Deno.test("the admin port: requests that are none, and those that hide others", async () => {
  await using world = await startWorld('[dashboard.listeners.http]\nbind = "127.0.0.1:0"\n');
  const admin = await startAdmin(world.gateway.control);
  try {
    const end = "host: localhost\r\nconnection: close\r\n";
    const key = `authorization: ${world.administrator}\r\n`;
    const json = "content-type: application/json\r\n";
    for (
      const [name, bytes] of [
        ["no HTTP", "CONNECT {}\r\nPING\r\n\r\n"],
        ["a proxy's request", `GET http://other.example/api/v5/nodes HTTP/1.1\r\n${end}\r\n`],
        ["another host", "GET /livez HTTP/1.1\r\nhost: a b\r\nconnection: close\r\n\r\n"],
        ["an endless header", `GET /livez HTTP/1.1\r\n${end}x: ${"y".repeat(2_000_000)}\r\n\r\n`],
        ["no length that is one", `POST /api/v5/login HTTP/1.1\r\n${end}content-length: x\r\n\r\n`],
        [
          "two lengths",
          `POST /api/v5/login HTTP/1.1\r\n${end}content-length: 1\r\ncontent-length: 2\r\n\r\n{}`,
        ],
        [
          "a length and chunks",
          `POST /api/v5/login HTTP/1.1\r\n${end}${json}content-length: 4\r\n` +
          "transfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\n\r\n",
        ],
        [
          "a body that is too large",
          `PUT /api/v5/gateways/nats HTTP/1.1\r\n${end}${key}${json}` +
          `content-length: 999999999\r\n\r\n`,
        ],
      ] as const
    ) {
      const answer = await within(exchange(admin.port, bytes), name);
      const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => status);
      assert.ok(statuses.length <= 1, `${name}: one answer at most, ${answer}`);
      assert.ok(statuses.every((status) => /^4/.test(status!)), `${name}: ${answer}`);
    }
    const split = await exchange(
      admin.port,
      `GET /api/v5/clients/a%0d%0aset-cookie:%20x=y HTTP/1.1\r\n${end}${key}\r\n`,
    );
    assert.match(split, /^HTTP\/1\.1 404/);
    assert.doesNotMatch(split, /^set-cookie/mi);
    const fine = await exchange(admin.port, `GET /livez HTTP/1.1\r\n${end}\r\n`);
    assert.match(fine, /^HTTP\/1\.1 200/, "it still answers");
  } finally {
    await admin.stop();
  }
});
