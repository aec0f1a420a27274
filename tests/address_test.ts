import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import {
  formatBind,
  inNetwork,
  isLoopback,
  networksMatcher,
  parseNetwork,
} from "../gateway/address.ts";

Deno.test("addresses and networks", () => {
  const inside = (network: string, address: string) => inNetwork(parseNetwork(network)!, address);
  assert.equal(inside("10.0.0.0/8", "10.255.0.1"), true);
  assert.equal(inside("10.0.0.0/8", "11.0.0.1"), false);
  assert.equal(inside("10.0.0.0/8", "::ffff:10.1.1.1"), true);
  assert.equal(inside("::ffff:10.0.0.0/104", "10.1.1.1"), true);
  assert.equal(inside("2001:db8::/33", "2001:db8:8000::1"), false);
  assert.equal(inside("2001:db8::/33", "2001:db8:7fff::1"), true);
  assert.equal(inside("fe80::/10", "fe80::1%eth0"), true);
  assert.equal(inside("0.0.0.0/0", "::1"), false);
  assert.equal(inside("::/0", "2001::1"), true);
  for (
    const odd of [
      "",
      "10.0.0",
      "10.0.0.256",
      "010.0.0.1",
      "10.0.0.1/",
      "10.0.0.1/33",
      "::1/129",
      "1::2::3",
      ":::",
      "1:2:3:4:5:6:7:8:9",
      "g::",
      "10.0.0.1/x",
    ]
  ) {
    assert.equal(parseNetwork(odd), undefined, odd);
  }
});

Deno.test("addresses and networks: the runtime's own lists agree", () => {
  const v4 = fc.tuple(fc.ipV4(), fc.nat({ max: 32 }), fc.ipV4());
  const v6 = fc.tuple(fc.ipV6(), fc.nat({ max: 128 }), fc.ipV6());
  fc.assert(fc.property(fc.oneof(v4, v6), ([base, bits, address]) => {
    const family = isIP(base) === 4 ? "ipv4" : "ipv6";
    // An IPv4 address in IPv6 is an IPv4 address here, which the runtime sees differently.
    fc.pre(![base, address].some((text) => /^[0:]*ffff:/i.test(text)));
    const list = new BlockList();
    list.addSubnet(base, bits, family);
    const lies = networksMatcher([`${base}/${bits}`]);
    assert.equal(lies?.(address), list.check(address, family), `${address} in ${base}/${bits}`);
    assert.equal(lies?.(base), true);
  }));
});

Deno.test("addresses and networks: the generators of addresses agree, and what is none is refused", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
    assert.notEqual(parseNetwork(address), undefined, address);
    assert.notEqual(parseNetwork(`${address}/8`), undefined, address);
  }));
  for (const bad of ["1:2:3:4:5:6:7", "g::", "1:2:3:4:5:6:7:8:9", "10.0.0.0/x", "all"]) {
    assert.equal(parseNetwork(bad), undefined, bad);
  }
  assert.equal(networksMatcher(["10.0.0.0/8", "all"]), undefined);
});

Deno.test("isLoopback() knows every way to write this host", () => {
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"]) {
    assert(isLoopback(address), address);
  }
  for (const address of ["0.0.0.0", "::", "10.0.0.1", "1270.0.0.1"]) {
    assert(!isLoopback(address), address);
  }
});

Deno.test("formatBind() writes addresses as people do", () => {
  assert.equal(formatBind({ host: "::1", port: 1 }), "[::1]:1");
  assert.equal(formatBind({ host: "0.0.0.0", port: 1883 }), "0.0.0.0:1883");
  assert.equal(formatBind({ path: "/run/x" }), "unix:/run/x");
});
