import assert from "node:assert/strict";
import { diffConfigs } from "../../gateway/config/diff.ts";
import { loadConfig } from "../../gateway/config/load.ts";

function load(text: string) {
  const { config, issues } = loadConfig({ text });
  return config ?? assert.fail(JSON.stringify(issues));
}

Deno.test("equal configurations have no difference, however they are spelled", () => {
  const spelled = load('[gateway.nats]\nidle_timeout = "30000ms"\n[mqtt]\nmax_packet_size = "2MB"');
  assert.deepEqual(diffConfigs(load(""), spelled), []);
});

Deno.test("diffConfigs says what is live and what needs a restart", () => {
  const old = load('[node]\ndata_dir = "a"\n[mqtt]\nmax_inflight = 1');
  const next = load('[node]\ndata_dir = "b"\n[mqtt]\nmax_inflight = 2');
  assert.deepEqual(diffConfigs(old, next), [
    {
      path: "node.data_dir",
      old: "a",
      new: "b",
      live: false,
      reason: "the store and its lock stay where they were opened",
    },
    { path: "mqtt.max_inflight", old: 1, new: 2, live: true, reason: "at once" },
  ]);
});

Deno.test("only listeners whose bind changes are opened again", () => {
  const old = load(
    "[listeners.tcp.a]\nbind = 1\n[listeners.tcp.b]\nbind = 2\n[listeners.tcp.c]\nbind = 3\n" +
      "[listeners.tcp.d]\nbind = 4",
  );
  const next = load(
    "[listeners.tcp.a]\nbind = 1\nmax_connections = 5\n[listeners.tcp.b]\nbind = 22\n" +
      "[listeners.tcp.d]\nbind = 4\nenable = false\n[listeners.tcp.e]\nbind = 5",
  );
  assert.deepEqual(
    diffConfigs(old, next).map(({ path, live, reason, listener }) => [
      path,
      live,
      reason,
      listener,
    ]),
    [
      ["listeners.tcp.a.max_connections", true, "for new connections", undefined],
      [
        "listeners.tcp.b.bind",
        true,
        "the listener is closed and opened again",
        "listeners.tcp.b",
      ],
      ["listeners.tcp.d.enable", true, "the listener is closed", "listeners.tcp.d"],
      ["listeners.tcp.e", true, "the listener is opened", "listeners.tcp.e"],
      ["listeners.tcp.c", true, "the listener is closed", "listeners.tcp.c"],
    ],
  );
});

Deno.test("diffConfigs shows no secrets", () => {
  const old = load("");
  const next = load('[[api_key.keys]]\nkey = "k"\nsecret = "hush-hush"');
  const [change, ...rest] = diffConfigs(old, next);
  assert.deepEqual(rest, []);
  assert.equal(change?.path, "api_key.keys");
  assert.equal(JSON.stringify(change).includes("hush-hush"), false);
});
