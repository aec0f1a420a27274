/**
 * What access control costs: publishing under 100 rules against none, logins a second from the
 * built-in database without and with a network, and how long bcrypt logins hold the event loop.
 */
// deno-lint-ignore-file no-console
import { cpuTime_us } from "../kit/cpu.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { createHasher } from "../../gateway/auth/hasher.ts";
import type { HashAlgorithm } from "../../gateway/auth/password.ts";
import { realClock } from "../../gateway/clock.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { memoryUsers, testAccess } from "../auth/config.ts";
import { UserTable } from "../../gateway/auth/users.ts";

const ROUNDS = 3;
const BCRYPT_ROUNDS = 8;
const main = new URL("../../main.ts", import.meta.url).pathname;

/** Microseconds of CPU that the gateway spends on one message, from NATS to NATS. */
async function publishCost(config: string): Promise<number> {
  await using gateway = await startGateway({ config });
  const before_us = cpuTime_us(gateway.child.pid);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", `nats://127.0.0.1:${gateway.nats}`, "--json"],
    stdin: "null",
    stderr: "null",
  }).output();
  const { received } = JSON.parse(new TextDecoder().decode(stdout));
  return (cpuTime_us(gateway.child.pid) - before_us) / received;
}

const rules = Array.from(
  { length: 100 },
  (_, i) => `{ permission = "deny", action = "all", topic = "rule/${i}/+/#", username = "u${i}" }`,
);
const RULED = `[[authorization.sources]]\ntype = "file"\nrules_list = [${rules.join(",\n")}]\n`;
const best = { without: Infinity, with: Infinity };
for (let i = 0; i < ROUNDS; i++) {
  best.without = Math.min(best.without, await publishCost(""));
  best.with = Math.min(best.with, await publishCost(RULED));
}
console.log(
  `publish: ${best.without.toFixed(3)} µs of CPU a message without rules, ` +
    `${best.with.toFixed(3)} µs with 100 (${((best.with / best.without - 1) * 100).toFixed(1)} %)`,
);

const users = memoryUsers();
const utf8 = new TextEncoder();
const bcrypt: HashAlgorithm = { name: "bcrypt", salt_rounds: 10 };
const sha256: HashAlgorithm = { name: "sha256", salt_position: "prefix" };
const hasher = createHasher(realClock(), silentLog);
const table = new UserTable(users, "mqtt:global");
for (const [name, algorithm] of [["sha", sha256], ["bcrypt", bcrypt]] as const) {
  const { hash, salt } = await hasher.hash(algorithm, utf8.encode("password"));
  table.put(name, { password_hash: hash, salt, is_superuser: false, algorithm });
}
hasher.close();
const CHAIN = `[[authentication]]
mechanism = "password_based"
backend = "built_in_database"
[authentication.password_hash_algorithm]
name = "bcrypt"
[authentication_settings.login_throttle]
enable = false
`;

const LOGINS = 10_000;
{
  await using on = await testAccess(CHAIN, realClock(), users);
  const started = performance.now();
  for (let i = 0; i < LOGINS; i++) await on.login("sha", "password");
  const rate = LOGINS / (performance.now() - started) * 1000;
  console.log(`logins: ${Math.round(rate)}/s with sha256, without a network`);
}

/** Connections that come, log in over TCP and go, so many at a time, until all are through. */
async function loginsOverTcp(): Promise<number> {
  const file = Deno.makeTempFileSync({ suffix: ".csv" });
  Deno.writeTextFileSync(file, "user_id,password\nalice,password\n");
  await using gateway = await startGateway({
    config: `[gateway.nats.authentication]
mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${file}"
[gateway.nats.listeners.tcp.fast]
bind = "127.0.0.1:0"
max_conn_rate = "infinity"`,
  });
  const port = gateway.port("nats:tcp:fast");
  let left = LOGINS / 2;
  const started = performance.now();
  await Promise.all(Array.from({ length: 16 }, async () => {
    while (left-- > 0) {
      using client = await RawNats.connect(port);
      await client.send('CONNECT {"verbose":true,"user":"alice","pass":"password"}\r\n');
      await client.expect("+OK");
    }
  }));
  const seconds = (performance.now() - started) / 1000;
  Deno.removeSync(file);
  return LOGINS / 2 / seconds;
}
console.log(`logins: ${Math.round(await loginsOverTcp())}/s over TCP, connecting included`);

/** Milliseconds so far that this thread was ready to run and no core was free for it. */
function coreless_ms(): number {
  return Number(Deno.readTextFileSync("/proc/self/schedstat").split(" ")[1]) / 1e6;
}

/**
 * Longest time in milliseconds that the event loop stood still in 50 logins at once; and what of
 * it is left when waits for a core are taken off, which other programs cause.
 */
async function worstWait(): Promise<{ readonly all: number; readonly own: number }> {
  await using on = await testAccess(CHAIN, realClock(), users);
  let all = 0, own = 0;
  let last = performance.now(), lastCoreless = coreless_ms();
  const watch = setInterval(() => {
    const now = performance.now(), coreless = coreless_ms();
    all = Math.max(all, now - last - 1);
    own = Math.max(own, now - last - 1 - (coreless - lastCoreless));
    [last, lastCoreless] = [now, coreless];
  }, 1);
  const password = (i: number) => i === 0 ? "password" : `wrong ${i}`;
  const logins = Array.from({ length: 50 }, (_, i) => on.login("bcrypt", password(i)));
  const letIn = (await Promise.all(logins)).filter((one) => one.startsWith("in"));
  clearInterval(watch);
  if (letIn.length !== 1) throw new Error(`${letIn.length} were let in, not 1`);
  return { all, own };
}

const waits: Awaited<ReturnType<typeof worstWait>>[] = [];
for (let i = 0; i < BCRYPT_ROUNDS; i++) waits.push(await worstWait());
const listed = (name: "all" | "own") => waits.map((one) => one[name].toFixed(1)).join(", ");
console.log(`bcrypt: with 50 logins at once the event loop waited ${listed("all")} ms at most;`);
console.log(`        waits for a core taken off: ${listed("own")} ms`);
