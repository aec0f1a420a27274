/**
 * Abuse of a WebSocket on a real port by a client that makes its frames by hand: each mistake gets
 * its close code, and everyone else goes on.
 */
import assert from "node:assert/strict";
import { deflateRawSync } from "node:zlib";
import { concat } from "../kit/raw_nats.ts";
import { Bystanders } from "../kit/bystanders.ts";
import { writeAll } from "../kit/conn.ts";
import { sharedGateway } from "../kit/gateway.ts";
import { clientFrame, type FrameChanges } from "../kit/websocket_frame.ts";
import { until, within } from "../kit/wait.ts";

const SETTINGS = 'bind = "127.0.0.1:0"\nwebsocket.max_frame_size = "1KB"\n' +
  "websocket.compress = true\n";
const gateway = sharedGateway({
  config: `[gateway.nats.listeners.ws.it]\n${SETTINGS}[listeners.ws.it]\n${SETTINGS}`,
});

/** A connection that has been upgraded. */
async function open(
  listener: "nats" | "mqtt",
  extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n",
): Promise<Deno.Conn> {
  const port = gateway.process.port(`${listener}:ws:it`);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const path = listener === "mqtt" ? "/mqtt" : "/";
  const offer = listener === "mqtt" ? "Sec-WebSocket-Protocol: mqtt\r\n" : "";
  await writeAll(
    conn,
    new TextEncoder().encode(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
        `${extensions}${offer}\r\n`,
    ),
  );
  return conn;
}

/** What comes until the end or until `text` has come, without the answer to the upgrade. */
async function rest(conn: Deno.Conn, text?: string): Promise<Uint8Array> {
  const seen: number[] = [];
  const into = new Uint8Array(65_536);
  for (;;) {
    const count = await within(conn.read(into), "the end of the connection").catch(() => null);
    if (count === null) break;
    seen.push(...into.subarray(0, count));
    if (text !== undefined && String.fromCharCode(...seen).includes(text)) break;
  }
  const all = String.fromCharCode(...seen);
  const head = all.startsWith("HTTP/1.1 101 ") ? all.indexOf("\r\n\r\n") + 4 : 0;
  return Uint8Array.from(seen.slice(head));
}

/** The code of the close frame at the end; undefined when there is none. */
function closeCode(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length;) {
    const short = bytes[at + 1]! & 0x7f;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    const size = short === 126 ? bytes[at + 2]! * 256 + bytes[at + 3]! : short;
    if ((bytes[at]! & 0x0f) === 8) return bytes[at + head]! * 256 + bytes[at + head + 1]!;
    at += head + size;
  }
  return undefined;
}

const PING = new TextEncoder().encode("PING\r\n");
const frame = (opcode: number, payload: ArrayLike<number>, changes?: FrameChanges) =>
  clientFrame(opcode, payload, changes);
const marked = { reserved: 0x40 };
const longHeader = (...length: number[]) => Uint8Array.of(0x82, 0xff, ...length, 1, 2, 3, 4);

const CASES: readonly (readonly [name: string, code: number, ...frames: Uint8Array[]])[] = [
  ["a frame without a mask", 1002, frame(2, PING, { mask: undefined })],
  ["a reserved bit", 1002, frame(2, PING, { reserved: 0x20 })],
  ["an unknown opcode", 1002, frame(3, PING)],
  ["an unknown control opcode", 1002, frame(11, [])],
  ["a ping in fragments", 1002, frame(9, [1], { fin: false })],
  ["a ping of 126 bytes", 1002, frame(9, new Uint8Array(126))],
  ["a continuation of nothing", 1002, frame(0, PING)],
  ["a message inside a message", 1002, frame(2, PING, { fin: false }), frame(2, PING)],
  ["a length of 64 bits", 1002, longHeader(0x80, 0, 0, 0, 0, 0, 0, 1)],
  ["a length of 63 bits", 1009, longHeader(0x7f, 0, 0, 0, 0, 0, 0, 1)],
  ["a frame above max_frame_size", 1009, frame(2, new Uint8Array(1025))],
  [
    "a message above max_frame_size",
    1009,
    frame(2, new Uint8Array(1000), { fin: false }),
    frame(0, new Uint8Array(25)),
  ],
  ["a close code that does not exist", 1002, frame(8, [0x03, 0xed])],
  ["a close frame of one byte", 1002, frame(8, [3])],
  ["a close reason that is no UTF-8", 1007, frame(8, [0x03, 0xe8, 0xff])],
  [
    "a continuation that is marked as compressed",
    1002,
    frame(2, [1], { fin: false }),
    frame(0, [1], marked),
  ],
  ["compressed garbage", 1007, frame(2, [0xff, 0xff, 0xff], marked)],
  ["a decompression bomb", 1009, frame(2, deflateRawSync(new Uint8Array(500_000)), marked)],
];

for (const listener of ["nats", "mqtt"] as const) {
  for (const [name, code, ...frames] of CASES) {
    Deno.test(`websocket abuse, ${listener}: ${name} is answered with ${code}`, async () => {
      using bystanders = await Bystanders.open(gateway.process);
      const conn = await open(listener);
      // In one piece: what comes before the mistake is for the protocol above, which has its own.
      await writeAll(conn, concat(...frames));
      assert.equal(closeCode(await rest(conn)), code);
      conn.close();
      await bystanders.talk();
    });
  }
}

Deno.test("websocket abuse: text is for NATS, and must be UTF-8 wherever it is cut", async () => {
  const text = await open("nats", "");
  await writeAll(text, frame(1, PING.subarray(0, 3), { fin: false }));
  await writeAll(text, frame(9, [1, 2]));
  await writeAll(text, frame(0, PING.subarray(3)));
  const words = String.fromCharCode(...await rest(text, "PONG\r\n"));
  assert(words.includes("\x8a\x02\x01\x02"), "the answer to the ping in between");
  // The protocol above takes any byte there; the WebSocket does not.
  await writeAll(text, frame(1, new TextEncoder().encode("PUB a 2\r\n")));
  await writeAll(text, frame(1, [0xc3], { fin: false }));
  await writeAll(text, frame(0, [0x28]));
  assert.equal(closeCode(await rest(text)), 1007);
  text.close();
  const mqtt = await open("mqtt");
  await writeAll(mqtt, frame(1, PING));
  assert.equal(closeCode(await rest(mqtt)), 1003);
  mqtt.close();
});

Deno.test("websocket abuse: 500 halves of a frame harm nobody", async () => {
  using bystanders = await Bystanders.open(gateway.process);
  const files = gateway.process.openFiles();
  const crowd = await Promise.all(Array.from({ length: 500 }, () => open("nats")));
  await Promise.all(
    crowd.map((conn, index) =>
      writeAll(conn, longHeader(0, 0, 0, 0, 0, 0, 3, 0xe8).subarray(0, index % 14))
    ),
  );
  await bystanders.talk();
  for (const conn of crowd) conn.close();
  await until(() => gateway.process.openFiles() <= files, "all of them to be gone");
});
