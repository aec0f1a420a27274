/**
 * MongoDB, by its own driver.
 */
import { createSecureContext } from "node:tls";
import type { Document, MongoClientOptions } from "mongodb";
import { formatBind } from "../address.ts";
import type { PasswordConfig } from "../config/types.ts";
import type { Provider } from "./chain.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import type { PartDeps } from "./deps.ts";
import { fact, type Facts, factsOfLogin } from "./facts.ts";
import { BadAnswer, type Guard } from "./guard.ts";
import { asFlag, asText } from "./json.ts";
import { OnDemand } from "./on_demand.ts";
import type { HashAlgorithm } from "./password.ts";
import { backendFailed, judgeFound } from "./provider.ts";
import { readRules } from "./rule_object.ts";
import type { RuleSource } from "./source.ts";
import { parseTemplate, render } from "./template.ts";

/** How the servers are reached, and which documents are meant. */
export type MongodbOptions =
  & Pick<
    PasswordConfig<"mongodb">,
    | "mongo_type"
    | "server"
    | "servers"
    | "replica_set_name"
    | "srv_record"
    | "r_mode"
    | "username"
    | "password"
    | "auth_source"
    | "database"
    | "collection"
    | "pool_size"
    | "topology"
  >
  & {
    readonly ssl: ClientTls;
  };

/** Asks for documents. */
export interface MongodbFinder {
  find(filter: Document, limit: number, skip: number, signal: AbortSignal): Promise<Document[]>;
  close(): Promise<void>;
}

/** The fields of an authenticator. */
export interface MongodbLogin {
  readonly filter: Readonly<Record<string, unknown>>;
  readonly password_hash_field: string;
  readonly salt_field: string;
  readonly is_superuser_field: string;
  readonly clientid_override_field?: string | undefined;
}

/** The filter for a client: placeholders only ever stand in texts, and stay texts. */
function renderFilter(value: unknown, facts: Facts): unknown {
  if (typeof value === "string") {
    return render(parseTemplate(value), (name) => fact(facts, name));
  }
  if (Array.isArray(value)) return value.map((item) => renderFilter(item, facts));
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [name, renderFilter(part, facts)]),
  );
}

/** An authenticator that asks for one document. */
export function mongodbProvider(
  login: MongodbLogin,
  algorithm: HashAlgorithm,
  finder: MongodbFinder,
  guard: Guard,
  deps: PartDeps,
): Provider {
  return {
    id: "password_based:mongodb",
    guard,
    async authenticate(credentials) {
      const filter = renderFilter(login.filter, factsOfLogin(credentials)) as Document;
      const found = await guard.run(async (signal) => {
        const [document] = await finder.find(filter, 1, 0, signal);
        if (document === undefined) return undefined;
        const hash = asText(document[login.password_hash_field]);
        if (hash === undefined) {
          throw new BadAnswer(`a document has no ${login.password_hash_field}`);
        }
        return { document, hash };
      }, credentials.password);
      if (found === "failed") return backendFailed(deps.failClosed);
      if (found === undefined) return { kind: "ignore" };
      const { document, hash } = found;
      const override = login.clientid_override_field;
      return judgeFound(deps.hasher, algorithm, credentials, {
        hash,
        salt: asText(document[login.salt_field]) ?? "",
        superuser: asFlag(document[login.is_superuser_field]),
        clientId: override === undefined ? undefined : asText(document[override]),
        method: "mongodb",
      });
    },
    close: () => finder.close(),
  };
}

/** A source: each document is a rule. */
export function mongodbSource(
  query: {
    readonly filter: Readonly<Record<string, unknown>>;
    readonly limit: number;
    readonly skip: number;
  },
  finder: MongodbFinder,
  guard: Guard,
  deps: Pick<PartDeps, "subjects">,
): RuleSource {
  return {
    kind: "rules",
    type: "mongodb",
    remote: true,
    guard,
    rules: (facts) =>
      guard.run(async (signal) => {
        const filter = renderFilter(query.filter, facts) as Document;
        const documents = await finder.find(filter, query.limit, query.skip, signal);
        const reading = { ...deps, source: "mongodb", namesAreConditions: false };
        return readRules(documents, reading);
      }),
    close: () => finder.close(),
  };
}

/** Makes a finder that connects with the first query. */
export function mongodbFinder(options: MongodbOptions, timeout_ms: number): MongodbFinder {
  const connection = new OnDemand(() => connect(options, timeout_ms));
  return {
    async find(filter, limit, skip, signal) {
      const { documents } = await connection.get();
      return await documents.find(filter, { limit, skip, signal }).toArray();
    },
    async close() {
      await (await connection.take())?.client.close(true).catch(() => {});
    },
  };
}

async function connect(options: MongodbOptions, timeout_ms: number) {
  const driver = await import("mongodb");
  const client = new driver.MongoClient(urlOf(options), driverOptions(options, timeout_ms));
  return { client, documents: client.db(options.database).collection(options.collection) };
}

function urlOf(options: MongodbOptions): string {
  const servers = options.server === undefined ? options.servers ?? [] : [options.server];
  if (options.srv_record) return `mongodb+srv://${servers[0]?.host ?? ""}/`;
  return `mongodb://${servers.map(formatBind).join(",")}/`;
}

function driverOptions(options: MongodbOptions, timeout_ms: number): MongoClientOptions {
  const { topology, username, password } = options;
  const tls = tlsOptions(options.ssl, options.server?.host);
  return {
    maxPoolSize: options.pool_size,
    readPreference: options.r_mode === "slave_ok" ? "secondaryPreferred" : "primary",
    heartbeatFrequencyMS: topology.heartbeat_frequency_ms,
    serverSelectionTimeoutMS: topology.server_selection_timeout_ms ?? timeout_ms,
    connectTimeoutMS: topology.connect_timeout_ms ?? timeout_ms,
    ...given("socketTimeoutMS", topology.socket_timeout_ms),
    ...given("waitQueueTimeoutMS", topology.wait_queue_timeout_ms),
    ...given("localThresholdMS", topology.local_threshold_ms),
    ...given("minHeartbeatFrequencyMS", topology.min_heartbeat_frequency_ms),
    ...given("replicaSet", options.replica_set_name),
    ...given("authSource", options.auth_source),
    ...(options.mongo_type === "single" && !options.srv_record ? { directConnection: true } : {}),
    ...(username === undefined ? {} : { auth: { username, password: password ?? "" } }),
    ...(tls === undefined ? {} : {
      tls: true,
      // The driver takes no versions, but a context that has them.
      secureContext: createSecureContext(tls),
      rejectUnauthorized: tls.rejectUnauthorized,
      checkServerIdentity: tls.checkServerIdentity,
      ...given("servername", tls.servername),
    }),
  };
}

function given<const Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}
