/**
 * Redis: a single server, one behind sentinels, or a cluster, by `ioredis`.
 */
import type { Cluster, Redis } from "ioredis";
import { redisWords } from "../config/redis_words.ts";
import type { PasswordConfig } from "../config/types.ts";
import { NOT_AUTHORIZED, type Provider } from "./chain.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import type { PartDeps } from "./deps.ts";
import { fact, type Facts, factsOfLogin } from "./facts.ts";
import { BadAnswer, type Guard } from "./guard.ts";
import { asFlag, asObject, asText, parseJson } from "./json.ts";
import { OnDemand } from "./on_demand.ts";
import type { HashAlgorithm } from "./password.ts";
import { backendFailed, judgeFound } from "./provider.ts";
import type { Rule } from "./rule.ts";
import { readRule } from "./rule_object.ts";
import type { RuleSource } from "./source.ts";
import { parseTemplate, render, type Template } from "./template.ts";

/** How the servers are reached. */
export type RedisOptions =
  & Pick<
    PasswordConfig<"redis">,
    | "redis_type"
    | "server"
    | "servers"
    | "sentinel"
    | "sentinel_username"
    | "sentinel_password"
    | "username"
    | "password"
    | "database"
    | "connect_timeout"
  >
  & {
    readonly ssl: ClientTls;
  };

/** A connection that is made with the first command, and again whenever it must be. */
export interface RedisClient {
  command(words: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

/** A command of the configuration: its words, of which the key may hold placeholders. */
export interface RedisCommand {
  readonly verb: string;
  readonly key: Template;
  readonly fields: readonly string[];
}

/** A command of the configuration; undefined when it is broken. */
export function parseCommand(text: string): RedisCommand | undefined {
  const [verb, key, ...fields] = redisWords(text) ?? [];
  if (verb === undefined || key === undefined) return undefined;
  return { verb: verb.toUpperCase(), key: parseTemplate(key), fields };
}

/** An authenticator: `HGET` or `HMGET` of a hash per user. */
export function redisProvider(
  command: RedisCommand,
  algorithm: HashAlgorithm,
  client: RedisClient,
  guard: Guard,
  deps: PartDeps,
): Provider {
  return {
    id: "password_based:redis",
    guard,
    async authenticate(credentials) {
      const words = wordsFor(command, factsOfLogin(credentials));
      const ask = async () => fieldsOf(command, await client.command(words));
      const found = await guard.run(ask, credentials.password);
      if (found === "failed") return backendFailed(deps.failClosed);
      if ([...found.values()].every((value) => value === undefined)) return { kind: "ignore" };
      const hash = found.get("password_hash") ?? found.get("password");
      if (hash === undefined) return NOT_AUTHORIZED;
      return judgeFound(deps.hasher, algorithm, credentials, {
        hash,
        salt: found.get("salt") ?? "",
        superuser: asFlag(found.get("is_superuser")),
        clientId: found.get("clientid_override"),
        method: "redis",
      });
    },
    close: () => client.close(),
  };
}

/** A source: a hash per client, topic filter to action. It can only allow. */
export function redisSource(
  command: RedisCommand,
  client: RedisClient,
  guard: Guard,
  deps: Pick<PartDeps, "subjects">,
): RuleSource {
  return {
    kind: "rules",
    type: "redis",
    remote: true,
    guard,
    rules: (facts) =>
      guard.run(async () => {
        const found = fieldsOf(command, await client.command(wordsFor(command, facts)));
        const rules: Rule[] = [];
        for (const [topic, value] of found) {
          if (value === undefined) continue;
          const more = asObject(parseJson(value)) ?? { action: value };
          const rule = { ...more, permission: "allow", topic: undefined, topics: [topic] };
          const source = `redis ${topic}`;
          rules.push(readRule(rule, { ...deps, source, namesAreConditions: false }));
        }
        return rules;
      }),
    close: () => client.close(),
  };
}

/** Makes a client. */
export function redisClient(options: RedisOptions): RedisClient {
  /** What went wrong with the connection last: commands only say that they were not sent. */
  let broken: Error | undefined;
  const connection = new OnDemand(() => connect(options, (error) => broken = error));
  return {
    async command(words) {
      const client = await connection.get();
      try {
        return await client.call(words[0]!, ...words.slice(1));
      } catch (error) {
        const { message, name } = error as Error;
        if (name === "MaxRetriesPerRequestError" && broken !== undefined) throw broken;
        // The key of this client holds something else than a hash.
        if (message.startsWith("WRONGTYPE")) throw new BadAnswer(message);
        throw error;
      }
    },
    async close() {
      (await connection.take())?.disconnect();
    },
  };
}

function wordsFor(command: RedisCommand, facts: Facts): string[] {
  return [command.verb, render(command.key, (name) => fact(facts, name)), ...command.fields];
}

/** Field names and values of any of the answers. Throws for what is none. */
function fieldsOf(command: RedisCommand, answer: unknown): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  const put = (name: unknown, value: unknown) => {
    if (typeof name !== "string") {
      throw new BadAnswer(`${command.verb} gave an answer of another kind`);
    }
    found.set(name, asText(value));
  };
  if (command.verb === "HGET") put(command.fields[0], answer);
  else if (command.verb === "HMGET" && Array.isArray(answer)) {
    command.fields.forEach((name, i) => put(name, answer[i]));
  } else if (Array.isArray(answer)) {
    for (let i = 0; i + 1 < answer.length; i += 2) put(answer[i], answer[i + 1]);
  } else {
    const map = asObject(answer);
    if (map === undefined) throw new BadAnswer(`${command.verb} gave an answer of another kind`);
    for (const [name, value] of Object.entries(map)) put(name, value);
  }
  return found;
}

/** Milliseconds between attempts to connect again, growing up to a limit. */
const RETRY_STEP_MS = 200;
const RETRY_MAX_MS = 2000;

async function connect(
  options: RedisOptions,
  onError: (error: Error) => void,
): Promise<Redis | Cluster> {
  const driver = await import("ioredis");
  const servers = (options.servers ?? []).map(({ host, port }) => ({ host, port }));
  const tls = tlsOptions(options.ssl, options.server?.host);
  const common = {
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(tls === undefined ? {} : { tls }),
    connectTimeout: options.connect_timeout,
    // A command that finds no connection fails now; the guard decides what that means.
    maxRetriesPerRequest: 1,
  };
  const retryStrategy = (times: number) => Math.min(times * RETRY_STEP_MS, RETRY_MAX_MS);
  const { database: db, sentinel_username, sentinel_password } = options;
  let client: Redis | Cluster;
  switch (options.redis_type) {
    case "cluster":
      client = new driver.Cluster(servers, {
        redisOptions: common,
        clusterRetryStrategy: retryStrategy,
      });
      break;
    case "sentinel":
      client = new driver.Redis({
        ...common,
        retryStrategy,
        db,
        sentinels: servers,
        name: options.sentinel ?? "",
        sentinelRetryStrategy: retryStrategy,
        ...(sentinel_username === undefined ? {} : { sentinelUsername: sentinel_username }),
        ...(sentinel_password === undefined ? {} : { sentinelPassword: sentinel_password }),
        ...(tls === undefined ? {} : { sentinelTLS: tls, enableTLSForSentinelMode: true }),
      });
      break;
    case "single":
      client = new driver.Redis({ ...common, retryStrategy, db, ...options.server });
  }
  // Without a listener a lost connection is written to the console; the guard logs it.
  client.on("error", onError);
  return client;
}
