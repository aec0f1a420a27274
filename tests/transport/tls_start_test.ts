import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import tls from "node:tls";
import { realClock } from "../../gateway/clock.ts";
import { closeQuietly } from "../../gateway/transport/stream.ts";
import { AUTO_WAIT_MS, beginTls, type HandshakeMode } from "../../gateway/transport/tls_start.ts";
import { authority, echoOnce, LAX, makeServer, NOTHING, STRICT, TlsPort } from "../kit/tls_port.ts";

/** What a client of each kind finds on a listener of each mode. */
async function meet(mode: HandshakeMode, begin: "tls" | "plain" | "upgrade"): Promise<string> {
  using port = new TlsPort();
  const server = await makeServer({ ...LAX, handshake_timeout: 1000 });
  const serving = (async () => {
    const stream = await beginTls(await port.accept(), NOTHING, server, mode, realClock());
    try {
      await stream.write(new TextEncoder().encode("INFO\n"));
      await stream.startTls?.();
      await echoOnce(stream);
      return "served";
    } finally {
      closeQuietly(stream);
    }
  })().catch((error: Error) => error.message);
  const finish = async (socket: tls.TLSSocket, send: string) => {
    await once(socket, "secureConnect");
    socket.write(send);
    let text = "";
    for await (const data of socket) text += data;
    return text;
  };
  if (begin === "tls") {
    const [text, outcome] = await Promise.all([finish(port.client(), "ping"), serving]);
    return `${outcome}: TLS(${text.replace("\n", " ")})`;
  }
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: port.number });
  const into = new Uint8Array(100);
  const greeting = new TextDecoder().decode(into.subarray(0, await conn.read(into) ?? 0)).trim();
  if (begin === "plain") {
    await conn.write(new TextEncoder().encode("ping"));
    const count = await conn.read(into).catch(() => null);
    const answer = count === null ? "" : new TextDecoder().decode(into.subarray(0, count));
    conn.close();
    return `${await serving}: ${greeting} ${answer}`.trim();
  }
  conn.close();
  return `${await serving}: ${greeting}`;
}

Deno.test("tls_start: each mode greets each kind of client as it should", async () => {
  assert.equal(await meet("first", "tls"), "served: TLS(INFO ping)");
  assert.equal(await meet("auto", "tls"), "served: TLS(INFO ping)");
  assert.equal(await meet("auto", "plain"), "plain text where TLS should have begun: INFO");
  assert.equal(await meet("upgrade", "plain"), "plain text where TLS should have begun: INFO");
  assert.equal(await meet("optional", "plain"), "served: INFO ping");
});

Deno.test("tls_start: auto sees that TLS has begun, however busy this process was", async () => {
  using port = new TlsPort();
  const server = await makeServer({ ...LAX, handshake_timeout: 1000 });
  for (let round = 0; round < 10; round++) {
    const client = await Deno.connect({ hostname: "127.0.0.1", port: port.number });
    const conn = await port.accept();
    const starting = beginTls(conn, NOTHING, server, "auto", realClock());
    await client.write(Uint8Array.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5));
    const until_ms = performance.now() + 2 * AUTO_WAIT_MS;
    while (performance.now() < until_ms);
    await assert.rejects(starting, /TLS handshake failed/);
    client.close();
  }
});

for (const mode of ["upgrade", "auto", "optional"] as const) {
  Deno.test(`tls_start: ${mode} turns to TLS after the greeting, on the same connection`, async () => {
    using port = new TlsPort();
    const server = await makeServer(STRICT);
    const good = authority.client("device");
    const serving = (async () => {
      const stream = await beginTls(await port.accept(), NOTHING, server, mode, realClock());
      await stream.write(new TextEncoder().encode("INFO\n"));
      await stream.startTls!();
      assert.equal(stream.startTls, undefined);
      await echoOnce(stream);
      return stream;
    })();
    const socket = connect(port.number, "127.0.0.1");
    const [greeting] = await once(socket, "data");
    assert.equal(String(greeting), "INFO\n");
    const client = tls.connect({
      socket,
      host: "localhost",
      ca: authority.ca,
      cert: good.certificate,
      key: good.key,
    });
    await once(client, "secureConnect");
    client.write("ping");
    const [data] = await once(client, "data");
    assert.equal(String(data), "ping");
    const stream = await serving;
    assert.equal(stream.certificate?.commonName, "device");
    client.destroy();
    stream.close();
  });
}

Deno.test("tls_start: a client that never begins is let go after the handshake timeout", async () => {
  using port = new TlsPort();
  const server = await makeServer({ ...LAX, handshake_timeout: 20 });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: port.number });
  const stream = await beginTls(await port.accept(), NOTHING, server, "upgrade", realClock());
  await assert.rejects(stream.startTls!(), /no TLS handshake within 20 ms/);
  client.close();
});
