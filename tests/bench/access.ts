/**
 * What access control costs: publishing under 100 rules against none, logins a second from the
 * built-in database, and how long bcrypt logins hold the event loop.
 */
// deno-lint-ignore-file no-console
import { startGateway } from "../kit/gateway.ts";
import { createHasher } from "../../gateway/auth/hasher.ts";
import type { HashAlgorithm } from "../../gateway/auth/password.ts";
import { realClock } from "../../gateway/clock.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { memoryUsers, testAccess } from "../auth/config.ts";
import { UserTable } from "../../gateway/auth/users.ts";

const ROUNDS = 3;
const main = new URL("../../main.ts", import.meta.url).pathname;

/** Microseconds of CPU that the gateway spends on one message, from NATS to NATS. */
async function publishCost(config: string): Promise<number> {
  await using gateway = await startGateway({ config });
  const before_us = cpu_us(gateway.child.pid);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "bench", `nats://127.0.0.1:${gateway.nats}`, "--json"],
    stdin: "null",
    stderr: "null",
  }).output();
  const { received } = JSON.parse(new TextDecoder().decode(stdout));
  return (cpu_us(gateway.child.pid) - before_us) / received;
}

/** CPU time that a process has used so far: user and system, in ticks of 10 ms. */
function cpu_us(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
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
await using on = await testAccess(
  '[[authentication]]\nmechanism = "password_based"\nbackend = "built_in_database"\n' +
    "[authentication_settings.login_throttle]\nenable = false\n",
  realClock(),
  users,
);
const LOGINS = 10_000;
const started = performance.now();
for (let i = 0; i < LOGINS; i++) await on.login("sha", "password");
console.log(`logins: ${Math.round(LOGINS / (performance.now() - started) * 1000)}/s with sha256`);

let worst_ms = 0;
let last = performance.now();
const watch = setInterval(() => {
  const now = performance.now();
  worst_ms = Math.max(worst_ms, now - last - 1);
  last = now;
}, 1);
const outcomes = await Promise.all(
  Array.from({ length: 50 }, (_, i) => on.login("bcrypt", i === 0 ? "password" : `wrong ${i}`)),
);
clearInterval(watch);
console.log(
  `bcrypt: 50 logins at once, ${outcomes.filter((one) => one.startsWith("in")).length} let in; ` +
    `the event loop waited ${worst_ms.toFixed(1)} ms at most`,
);
