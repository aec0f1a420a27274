/**
 * Access control from the text of a configuration: through the real schema, so that names and
 * defaults are those of the file.
 */
import assert from "node:assert/strict";
import { type Access, createAccess } from "../../gateway/auth/access.ts";
import type { UserStore } from "../../gateway/auth/users.ts";
import { type Clock, realClock } from "../../gateway/clock.ts";
import { formatIssues, loadConfig } from "../../gateway/config/load.ts";
import type { Config } from "../../gateway/config/types.ts";
import { toTopic } from "../../gateway/core/topic.ts";
import { createMapping } from "../../gateway/nats/subject.ts";
import { type Log, type LogFields, silentLog } from "../../gateway/observe/log.ts";
import { Metrics } from "../../gateway/observe/metrics.ts";
import { MemoryDocuments } from "../../gateway/store/memory_documents.ts";
import type { Credentials, Principal } from "../../gateway/auth/types.ts";
import type { Service } from "../kit/services.ts";
import { until } from "../kit/wait.ts";
import { DOWN, mqttCredentials, outcome, peer } from "./kit.ts";

/** The configuration. Throws with all problems when there are errors. */
export function configOf(text: string): Config {
  const { config, issues } = loadConfig({ text });
  if (config === undefined) throw new Error(formatIssues(issues, "test.toml").join("\n"));
  return config;
}

/** Access control for a test, with what it logged. */
export interface TestAccess extends AsyncDisposable {
  readonly access: Access;
  readonly metrics: Metrics;
  readonly lines: string[];
  /** Who is let in on the MQTT listener, as `outcome` says it. */
  login(username?: string, password?: string, changes?: Partial<Credentials>): Promise<string>;
  /** May the MQTT client publish there? */
  mayPublish(topic: string, principal?: Partial<Principal>): Promise<boolean>;
}

export function memoryUsers(): UserStore {
  return { documents: new MemoryDocuments(), commit: () => true };
}

/** Starts access control. */
export async function testAccess(
  text: string,
  clock: Clock = realClock(),
  store: UserStore = memoryUsers(),
): Promise<TestAccess> {
  const lines: string[] = [];
  const log = recordingLog(lines);
  const metrics = new Metrics();
  const access = await createAccess(configOf(text), {
    clock,
    log,
    metrics,
    store,
    subjects: createMapping,
  });
  return {
    access,
    metrics,
    lines,
    login: (username, password, changes) =>
      outcome(
        access.authenticatorFor("mqtt:tcp:default").authenticate(
          mqttCredentials(username, password, changes),
        ),
      ),
    async mayPublish(topic, principal = {}) {
      const authorizer = access.authorizerFor({
        protocol: "mqtt",
        clientId: "client-1",
        peer: peer(),
        principal: { username: "alice", method: "test", superuser: false, ...principal },
      });
      return (await authorizer.publish(toTopic(topic)!, 0, false)).allowed;
    },
    [Symbol.asyncDispose]: () => access.close(),
  };
}

/** Keeps each line as one text, fields as JSON behind it. */
export function recordingLog(lines: string[]): Log {
  const write = (level: string) => (text: string, fields?: LogFields) =>
    void lines.push(`${level} ${text} ${JSON.stringify(fields ?? {})}`);
  return {
    ...silentLog,
    debugs: true,
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    part: () => recordingLog(lines),
  };
}

/** Many logins while the backend stands still are refused, and it is found again when it goes on. */
export async function checkSilence(on: TestAccess, service: Service): Promise<void> {
  assert.equal(await on.login("alice", "a-pass"), "in: alice");
  await service.freeze();
  try {
    const many = Array.from({ length: 20 }, () => on.login("alice", "a-pass"));
    assert.deepEqual(new Set(await Promise.all(many)), new Set([DOWN]));
  } finally {
    service.thaw();
  }
  await until(
    async () => await on.login("alice", "a-pass") === "in: alice",
    "the gateway to find its backend again",
  );
  assert.ok(on.lines.some((line) => line.includes("backend answers again")));
}
