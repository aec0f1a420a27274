import assert from "node:assert/strict";
import { type Ban, type BanKind, BanList } from "../../gateway/auth/banned.ts";
import { LoginThrottle, WATCHED_MAX } from "../../gateway/auth/login_throttle.ts";
import { memoryUsers, testAccess } from "./config.ts";
import { mqttCredentials, natsCredentials, outcome, StillClock } from "./kit.ts";

const ban = (as: BanKind, who: string, more: Partial<Ban> = {}): Ban => ({
  as,
  who,
  by: "test",
  reason: "",
  at: 0,
  ...more,
});

Deno.test("bans keep out by every kind of sign, on both protocols, until they run out", async () => {
  const clock = new StillClock();
  await using on = await testAccess("", clock);
  const { bans } = on.access;
  const tries: [Ban, boolean][] = [
    [ban("clientid", "client-1"), true],
    [ban("clientid", "client"), false],
    [ban("clientid_re", "^client"), true],
    [ban("username", "alice"), true],
    [ban("username_re", "lic"), true],
    [ban("peerhost", "192.0.2.7"), true],
    [ban("peerhost", "192.0.2.8"), false],
    [ban("peerhost_net", "192.0.2.0/24"), true],
    [ban("peerhost_net", "10.0.0.0/8"), false],
  ];
  for (const [one, hits] of tries) {
    assert.equal(bans.add(one), true);
    const mqtt = on.access.authenticatorFor("mqtt:tcp:default").authenticate(
      mqttCredentials("alice"),
    );
    const nats = on.access.authenticatorFor("nats:tcp:default")
      .authenticate(natsCredentials({ user: "alice" }));
    const expected = hits ? "out: banned" : "in: alice";
    assert.equal(await outcome(mqtt), expected, one.as);
    assert.equal(await outcome(nats), expected, one.as);
    assert.equal(bans.delete(one.as, one.who), true);
  }
  bans.add(ban("username", "alice", { until: clock.now() + 1000 }));
  assert.equal(bans.add(ban("username", "alice")), false, "there is one");
  assert.equal(await on.login("alice"), "out: banned");
  assert.equal(await on.login("bob"), "in: bob");
  clock.advance(1000);
  assert.equal(await on.login("alice"), "in: alice");
  assert.equal(bans.list().length, 0);
});

Deno.test("a ban names the proven identity, not only what the packet claims", async () => {
  await using on = await testAccess(`
[[gateway.nats.internal_authn]]
type = "token"
token = "t0ken"`);
  on.access.bans.add(ban("username", "token"));
  const nats = on.access.authenticatorFor("nats:tcp:default");
  const result = nats.authenticate(natsCredentials({ authToken: "t0ken", user: "somebody" }));
  assert.equal(await outcome(result), "out: banned");
});

Deno.test("bans are kept in the store; spellings of one address are one ban", () => {
  const store = memoryUsers();
  const bans = new BanList(store, new StillClock());
  bans.add(ban("peerhost", "::ffff:10.0.0.1"));
  assert.equal(bans.add(ban("peerhost", "10.0.0.1")), false);
  assert.throws(() => bans.add(ban("peerhost_net", "10.0.0.0/40")), /not valid/);
  assert.throws(() => bans.add(ban("peerhost", "10.0.0.0/8")), /not valid/);
  assert.throws(() => bans.add(ban("clientid_re", "(")), /not valid/);
  assert.throws(() => bans.add(ban("clientid", "")), /not valid/);
  const again = new BanList(store, new StillClock());
  assert.equal(again.find({ clientId: "c", username: undefined, address: "10.0.0.1" })?.by, "test");
  again.clear();
  assert.equal(new BanList(store, new StillClock()).list().length, 0);
});

Deno.test("an address that keeps failing has to wait; others do not", async () => {
  const clock = new StillClock();
  await using on = await testAccess(
    `
[authentication_settings.login_throttle]
max_count = 3
window_time = "1m"
ban_time = "10s"
[[gateway.nats.internal_authn]]
type = "token"
token = "t0ken"`,
    clock,
  );
  const nats = on.access.authenticatorFor("nats:tcp:default");
  const login = (authToken: string, address = "192.0.2.7") =>
    outcome(nats.authenticate(natsCredentials({ authToken }, { address })));
  for (let i = 0; i < 3; i++) assert.equal(await login("bad"), "out: invalid_token");
  assert.match(await login("t0ken"), /too many failed logins/);
  assert.equal(await login("t0ken", "192.0.2.8"), "in: token");
  clock.advance(10_000);
  assert.equal(await login("t0ken"), "in: token");
  for (let i = 0; i < 2; i++) await login("bad");
  clock.advance(61_000);
  for (let i = 0; i < 2; i++) assert.equal(await login("bad"), "out: invalid_token");
  assert.ok(on.lines.some((line) => line.includes("refused for a while")));
  assert.ok(!on.lines.join().includes('"bad"'));
});

Deno.test("the brake counts IPv6 by the network of a host, and remembers so many", () => {
  const clock = new StillClock();
  const options = { enable: true, max_count: 2, window_time: 1000, ban_time: 1000 };
  const throttle = new LoginThrottle(options, clock);
  throttle.failed("2001:db8::1");
  throttle.failed("2001:db8::2");
  assert.equal(throttle.isBlocked("2001:db8::3"), true);
  assert.equal(throttle.isBlocked("2001:db8:0:1::3"), false);
  for (let i = 0; i < WATCHED_MAX + 1; i++) {
    throttle.failed(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`);
  }
  assert.equal(throttle.isBlocked("2001:db8::3"), false, "forgotten for newer ones");
  const off = new LoginThrottle({ ...options, enable: false }, clock);
  for (let i = 0; i < 9; i++) off.failed("10.0.0.1");
  assert.equal(off.isBlocked("10.0.0.1"), false);
});
