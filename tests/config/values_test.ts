import assert from "node:assert/strict";
import fc from "fast-check";
import { formatBind } from "../../gateway/address.ts";
import {
  isLocal,
  parseBind,
  parseCount,
  parseDuration,
  parseRate,
  parseServer,
  parseSize,
} from "../../gateway/config/values.ts";

Deno.test("parseDuration reads units, sums of them, and bare numbers", () => {
  assert.equal(parseDuration("500ms"), 500);
  assert.equal(parseDuration("1h30m"), 5_400_000);
  assert.equal(parseDuration("1.5s"), 1500);
  assert.equal(parseDuration("2W"), 14 * 86_400_000);
  assert.equal(parseDuration(" 3d "), 3 * 86_400_000);
  assert.equal(parseDuration(250), 250);
  assert.equal(parseDuration("250"), 250);
  assert.equal(parseDuration(300, 1000), 300_000);
  assert.equal(parseDuration("300s", 1000), 300_000);
  for (const bad of ["", "s", "5 s", "-1s", "5x", "1s2", "infinity", "1e3s"]) {
    assert.equal(parseDuration(bad), undefined, bad);
  }
  for (const bad of [-1, NaN, Infinity, 0.5]) assert.equal(parseDuration(bad), undefined);
});

Deno.test("a duration of several units is their sum", () => {
  const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
  const part = fc.tuple(fc.nat({ max: 9999 }), fc.constantFrom(...Object.entries(units)));
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
    const text = parts.map(([amount, [unit]]) => amount + unit).join("");
    const sum = parts.reduce((total, [amount, [, unit_ms]]) => total + amount * unit_ms, 0);
    assert.equal(parseDuration(text), sum);
  }));
});

Deno.test("parseSize counts in 1024s, in any case", () => {
  assert.equal(parseSize("1MB"), 1_048_576);
  assert.equal(parseSize("4kb"), 4096);
  assert.equal(parseSize("1.5 GB"), 1.5 * 1024 ** 3);
  assert.equal(parseSize("12B"), 12);
  assert.equal(parseSize("12"), 12);
  assert.equal(parseSize(12), 12);
  for (const bad of ["", "MB", "1TB", "-1KB", "1MBs", "infinity"]) {
    assert.equal(parseSize(bad), undefined, bad);
  }
});

Deno.test("parseSize multiplies by the unit", () => {
  const units = { "": 1, B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 };
  const unit = fc.constantFrom(...Object.entries(units));
  fc.assert(fc.property(fc.nat({ max: 2 ** 20 }), unit, (amount, [name, bytes]) => {
    assert.equal(parseSize(`${amount}${name}`), amount * bytes);
  }));
});

Deno.test("parseRate gives a number a second", () => {
  assert.equal(parseRate("1000/s"), 1000);
  assert.equal(parseRate("100/10s"), 10);
  assert.equal(parseRate("60/m"), 1);
  assert.equal(parseRate("infinity"), Infinity);
  assert.equal(parseRate(5), 5);
  assert.equal(parseRate("5"), 5);
  assert.equal(parseRate("10MB/s", parseSize), 10 * 1024 * 1024);
  for (const bad of ["", "/s", "10/", "10/0s", "x/s", "10MB/s", "-1/s"]) {
    assert.equal(parseRate(bad), undefined, bad);
  }
});

Deno.test("parseCount takes whole numbers only", () => {
  assert.equal(parseCount("12"), 12);
  assert.equal(parseCount(0), 0);
  for (const bad of ["1.5", "-1", "", "x"]) assert.equal(parseCount(bad), undefined, bad);
  assert.equal(parseCount(1.5), undefined);
});

Deno.test("parseBind reads ports, addresses and Unix sockets", () => {
  assert.deepEqual(parseBind(4222), { host: "0.0.0.0", port: 4222 });
  assert.deepEqual(parseBind("4222"), { host: "0.0.0.0", port: 4222 });
  assert.deepEqual(parseBind(":4222"), { host: "0.0.0.0", port: 4222 });
  assert.deepEqual(parseBind("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseBind("[::1]:4222"), { host: "::1", port: 4222 });
  assert.deepEqual(parseBind("localhost:4222"), { host: "localhost", port: 4222 });
  assert.deepEqual(parseBind("unix:/run/nats.sock"), { path: "/run/nats.sock" });
  for (
    const bad of ["", "x", "1.2.3.4", "::1:4222", "[::1]", "65536", "[::g]:1", "unix:", "a/b:1"]
  ) {
    assert.equal(parseBind(bad), undefined, bad);
  }
  for (const bad of [-1, 65536, 1.5]) assert.equal(parseBind(bad), undefined);
});

Deno.test("parseBind reads what formatBind writes", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  const bind = fc.record({ host, port: fc.nat({ max: 65535 }) }, { noNullPrototype: true });
  fc.assert(fc.property(bind, (bind) => {
    assert.deepEqual(parseBind(formatBind(bind)), bind);
  }));
  assert.equal(formatBind({ path: "/run/x" }), "unix:/run/x");
});

Deno.test("isLocal knows what only this machine can reach", () => {
  for (const text of ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "unix:/x"]) {
    assert.equal(isLocal(parseBind(text)!), true, text);
  }
  for (const text of ["1", "0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.com:1"]) {
    assert.equal(isLocal(parseBind(text)!), false, text);
  }
});

Deno.test("parseServer adds the standard port", () => {
  assert.deepEqual(parseServer("db", 3306), { host: "db", port: 3306 });
  assert.deepEqual(parseServer("db:1", 3306), { host: "db", port: 1 });
  assert.deepEqual(parseServer("[::1]:1", 3306), { host: "::1", port: 1 });
  for (const bad of ["", "a b", "http://db", "u@db", "db:x", "db:99999"]) {
    assert.equal(parseServer(bad, 3306), undefined, bad);
  }
});
