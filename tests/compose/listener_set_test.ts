import assert from "node:assert/strict";
import { once } from "node:events";
import tls from "node:tls";
import { CertificateWatch } from "../../gateway/compose/certificate_watch.ts";
import { listenerPlans } from "../../gateway/compose/listener_plan.ts";
import { ListenerSet } from "../../gateway/compose/listener_set.ts";
import { loadConfig } from "../../gateway/config/load.ts";
import { type Log, type LogFields, silentLog } from "../../gateway/observe/log.ts";
import { type TestAuthority, testAuthority } from "../kit/certs.ts";
import { echoParts } from "../kit/echo_session.ts";
import { StillClock } from "../kit/still_clock.ts";
import { until, within } from "../kit/wait.ts";

const DAY_MS = 86_400_000;
/** Files are read again that often. */
const CERTIFICATE_CHECK_MS = 60_000;

/** A strict TLS listener with files that a test changes. */
async function world() {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const clock = new StillClock(Date.now());
  const lines: string[] = [];
  const note = (level: string) => (text: string, fields: LogFields = {}) =>
    void lines.push(`${level} ${text} ${Object.values(fields).join(" ")}`);
  const log: Log = { ...silentLog, info: note("info"), warn: note("warn"), error: note("error") };
  const { parts, deadlines } = echoParts(clock, log);
  const certificates = new CertificateWatch(log, clock);
  const set = new ListenerSet({
    certificates,
    clock,
    listenerParts: () => parts,
    disconnect() {},
  });
  const { config } = loadConfig({
    text: "[listeners.tcp.default]\nenable = false\n[listeners.ws.default]\nenable = false\n" +
      '[gateway.nats]\nenable = false\n[listeners.ssl.it]\nbind = "127.0.0.1:0"\n' +
      `[listeners.ssl.it.ssl_options]\ncertfile = "${dir}/cert.pem"\n` +
      `keyfile = "${dir}/key.pem"\ncacertfile = "${dir}/ca.pem"\nverify = "verify_peer"\n` +
      "fail_if_no_peer_cert = true\n",
  });
  assert(config !== undefined);
  const write = async (name: string, authority: TestAuthority, clients = authority) => {
    const { certificate, key } = authority.server(name);
    await Deno.writeTextFile(`${dir}/cert.pem`, certificate);
    await Deno.writeTextFile(`${dir}/key.pem`, key);
    await Deno.writeTextFile(`${dir}/ca.pem`, clients.ca);
  };
  const connect = async (client: { certificate: string; key: string }) => {
    const socket = tls.connect({
      port: set.get("mqtt:ssl:it")!.port,
      host: "127.0.0.1",
      cert: client.certificate,
      key: client.key,
      rejectUnauthorized: false,
    });
    socket.on("error", () => {});
    socket.write("hello");
    const answer = await within(
      Promise.race([once(socket, "data"), once(socket, "close")]),
      "an answer",
    );
    const shown = socket.getPeerCertificate()?.subject?.CN;
    return { socket, shown, isIn: String(answer[0]) === "hello" };
  };
  return {
    dir,
    clock,
    lines,
    set,
    certificates,
    write,
    connect,
    open: () => set.change(listenerPlans(config)),
    async [Symbol.asyncDispose]() {
      certificates.stop();
      set.stop();
      for (const connection of set.connections()) connection.stream.close();
      deadlines.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

Deno.test("listener_set: renewed certificates and authorities are taken on, nobody is closed", async () => {
  await using it = await world();
  const [first, second] = [testAuthority("first"), testAuthority("second")];
  await it.write("one", first);
  await it.open();
  const early = await it.connect(first.client("early"));
  assert.deepEqual([early.shown, early.isIn], ["one", true]);
  assert.equal((await it.connect(second.client("stranger"))).isIn, false);

  await it.write("two", second);
  it.clock.advance(CERTIFICATE_CHECK_MS);
  await until(
    () => it.certificates.list()[0]?.subject === "CN=two",
    "the files to be read again",
  );
  const later = await it.connect(second.client("later"));
  assert.deepEqual([later.shown, later.isIn], ["two", true]);
  assert.equal((await it.connect(first.client("early"))).isIn, false, "its authority has gone");
  early.socket.write("still here");
  assert.equal(String((await within(once(early.socket, "data"), "the echo"))[0]), "still here");
  for (const { socket } of [early, later]) socket.destroy();
});

Deno.test("listener_set: files that vanish or do not fit change nothing, and are told of once", async () => {
  await using it = await world();
  const authority = testAuthority();
  await it.write("good", authority);
  await it.open();
  const problems = () => it.lines.filter((line) => line.startsWith("error"));
  const check = async (count: number) => {
    await it.certificates.refresh();
    assert.equal(problems().length, count, problems().join("\n"));
    const { socket, shown, isIn } = await it.connect(authority.client("device"));
    assert.deepEqual([shown, isIn], ["good", true]);
    socket.destroy();
  };
  await Deno.rename(`${it.dir}/cert.pem`, `${it.dir}/away.pem`);
  await check(1);
  assert.match(problems()[0]!, /the old one stays in use .*certfile .*there is no such file/);
  await check(1);
  await Deno.rename(`${it.dir}/away.pem`, `${it.dir}/cert.pem`);
  await Deno.writeTextFile(`${it.dir}/key.pem`, authority.server("other").key);
  await check(2);
  assert.match(problems()[1]!, /keyfile does not belong to the certificate/);
  await Deno.writeTextFile(`${it.dir}/ca.pem`, "nothing");
  await check(2);
  await it.write("good", authority);
  await check(2);
  await Deno.remove(`${it.dir}/ca.pem`);
  await check(3);
});

Deno.test("listener_set: days left are logged, listed and warned about in time", async () => {
  await using it = await world();
  await it.write("short", testAuthority());
  await it.open();
  const [certificate] = it.certificates.list();
  assert.deepEqual([certificate?.listener, certificate?.daysLeft], ["mqtt:ssl:it", 29]);
  assert(it.lines.includes("info certificate in use mqtt:ssl:it CN=short 29"));
  const warnings = () => it.lines.filter((line) => line.startsWith("warn"));
  assert.deepEqual(warnings(), []);
  const pass = async (days: number) => {
    it.clock.ahead_ms += days * DAY_MS;
    it.clock.advance(CERTIFICATE_CHECK_MS);
    // The check reads files before it looks at dates.
    await it.certificates.refresh();
    await until(() => it.clock.pending > 0, "the next check to be planned");
  };
  await pass(15);
  await pass(0);
  assert.deepEqual(warnings(), [
    "warn a certificate expires soon; renew its file mqtt:ssl:it CN=short 14",
  ]);
  await pass(20);
  assert.match(warnings().at(-1)!, /has expired: clients will refuse it.* -6$/);
  assert.equal(warnings().length, 2);
});
