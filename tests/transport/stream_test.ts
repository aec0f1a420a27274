import assert from "node:assert/strict";
import { type ByteStream, withPrefix, writeAll } from "../../gateway/transport/stream.ts";

Deno.test("stream: a Deno.Conn is a ByteStream", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port, hostname: "127.0.0.1" }),
  ]);
  const stream: ByteStream = server;
  await writeAll(stream, new Uint8Array([1, 2, 3]));
  const into = new Uint8Array(8);
  assert.equal(await client.read(into), 3);
  await stream.closeWrite();
  assert.equal(await client.read(into), null);
  stream.close();
  client.close();
});

Deno.test("stream: bytes put back are read first, however small the reads", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [server, client] = await Promise.all([
    listener.accept(),
    Deno.connect({ port: listener.addr.port, hostname: "127.0.0.1" }),
  ]);
  await client.write(new Uint8Array([4, 5]));
  client.closeWrite();
  const stream = withPrefix(new Uint8Array([1, 2, 3]), server);
  const seen: number[] = [];
  const into = new Uint8Array(2);
  for (let count; (count = await stream.read(into)) !== null;) {
    seen.push(...into.subarray(0, count));
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  stream.close();
  client.close();
});
