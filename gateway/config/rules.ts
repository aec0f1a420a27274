/**
 * What is wrong although each setting for itself is right: combinations that cannot work, and
 * those that probably do not do what was meant.
 */
import { cipherVersion } from "./ciphers.ts";
import { type Bind, formatBind } from "../address.ts";
import type { Finding } from "./issue.ts";
import {
  listAuthenticators,
  listBinds,
  listListeners,
  listServerTls,
  type NamedListener,
} from "./listing.ts";
import type { Path } from "./path.ts";
import { placeholders } from "./template.ts";
import type { AuthenticatorConfig, Config, ServerTlsConfig, SourceConfig } from "./types.ts";
import { ANY_HOST, isLocal } from "./values.ts";

/** Checks a configuration that the schema has passed. */
export function checkRules(config: Config): Finding[] {
  return [
    ...binds(config),
    ...serverTls(config),
    ...proxies(config),
    ...openListeners(config),
    ...authenticators(config),
    ...sources(config),
  ];
}

function error(path: Path, message: string): Finding {
  return { path, severity: "error", message, remove: "value" };
}

function warning(path: Path, message: string): Finding {
  return { path, severity: "warning", message, remove: "value" };
}

/** No two listeners on one address. */
function* binds(config: Config): Generator<Finding> {
  const seen: { id: string; bind: Bind }[] = [];
  for (const { id, path, bind } of listBinds(config)) {
    const other = seen.find((one) => collide(one.bind, bind));
    if (other !== undefined) {
      const where = formatBind(bind);
      yield error(path, `${id} cannot listen on ${where}: ${other.id} does so already`);
    }
    seen.push({ id, bind });
  }
}

function collide(a: Bind, b: Bind): boolean {
  if ("path" in a || "path" in b) return "path" in a && "path" in b && a.path === b.path;
  if (a.port !== b.port || a.port === 0) return false;
  const isAny = (host: string) => host === ANY_HOST || host === "::";
  return a.host === b.host || isAny(a.host) || isAny(b.host);
}

function* serverTls(config: Config): Generator<Finding> {
  for (const { id, path, tls } of listServerTls(config)) {
    if (tls.fail_if_no_peer_cert && tls.verify === "verify_none") {
      yield error(
        [...path, "fail_if_no_peer_cert"],
        'verify must be "verify_peer" when fail_if_no_peer_cert is true',
      );
    }
    for (const key of ["certfile", "keyfile"] as const) {
      if (!tls[key]) yield error([...path, key], `is required: ${id} speaks TLS`);
    }
    if (tls.verify === "verify_peer" && !tls.cacertfile) {
      yield error(
        [...path, "cacertfile"],
        'is required when verify is "verify_peer": whose certificates are accepted',
      );
    }
    yield* revocation(path, tls);
    const { ciphers, versions } = tls;
    if (ciphers.length > 0 && !ciphers.some((name) => versions.includes(cipherVersion(name)))) {
      yield error([...path, "ciphers"], "names no suite of the TLS versions in versions");
    }
  }
}

function* revocation(path: Path, tls: ServerTlsConfig): Generator<Finding> {
  if (!tls.enable_crl_check) {
    if (tls.crlfile) yield warning([...path, "crlfile"], "is not used: enable_crl_check is false");
    return;
  }
  if (tls.verify === "verify_none") {
    const at = [...path, "enable_crl_check"];
    yield error(at, 'verify must be "verify_peer" when enable_crl_check is true');
  }
  if (!tls.crlfile) {
    const why = "is required when enable_crl_check is true: lists are read from a file, " +
      "not fetched from the address in a certificate";
    yield error([...path, "crlfile"], why);
  }
}

function* proxies(config: Config): Generator<Finding> {
  for (const { path, listener, enabled } of listListeners(config)) {
    if (!enabled || !listener.proxy_protocol || isLocal(listener.bind)) continue;
    if (listener.proxy_protocol_trusted.length > 0) continue;
    yield warning(
      [...path, "proxy_protocol"],
      "everyone who reaches this listener can claim any address; " +
        "name the proxies in proxy_protocol_trusted",
    );
  }
}

/** True when clients of the listener must log in. */
function needsLogin(config: Config, named: NamedListener): boolean {
  if (!named.listener.enable_authn) return false;
  if (config.security_profile === "hardened") return true;
  if (named.protocol === "mqtt") {
    return (named.listener.authentication?.length ?? 0) > 0 || config.authentication.length > 0;
  }
  const { nats } = config.gateway;
  return named.listener.authentication !== undefined || nats.authentication !== undefined ||
    nats.internal_authn.length > 0;
}

/** Listeners that let everyone in, and listeners that are stricter than the rest. */
function* openListeners(config: Config): Generator<Finding> {
  const { nats } = config.gateway;
  for (const named of listListeners(config).filter(({ enabled }) => enabled)) {
    const { path, listener, protocol } = named;
    if (!needsLogin(config, named)) {
      if (isLocal(listener.bind)) continue;
      const who = `everyone who reaches ${formatBind(listener.bind)} may connect without a login`;
      if (config.security_profile === "hardened") {
        yield error([...path, "enable_authn"], `${who}, which the hardened profile forbids`);
      } else {
        yield warning([...path, "bind"], `${who}; configure authentication, or bind to 127.0.0.1`);
      }
      continue;
    }
    const isStricter = protocol === "nats"
      ? listener.authentication !== undefined && nats.authentication === undefined &&
        nats.internal_authn.length === 0
      : (listener.authentication?.length ?? 0) > 0 && config.authentication.length === 0;
    if (isStricter && config.security_profile === "legacy") {
      yield warning(
        [...path, "authentication"],
        "this listener requires a login, others do not: there is no authenticator for all",
      );
    }
  }
}

function* authenticators(config: Config): Generator<Finding> {
  const seen = new Set<string>();
  for (const { path, authenticator, isNats } of listAuthenticators(config)) {
    if (!isNats) {
      const kind = kindOf(authenticator);
      const key = `${path.slice(0, -1).join("\0")}\0${kind}`;
      if (seen.has(key)) yield error(path, `there is already an authenticator of kind ${kind}`);
      seen.add(key);
    }
    if (!authenticator.enable && isNats) {
      yield warning(
        [...path, "enable"],
        "a disabled authenticator refuses every login; " +
          "remove it, or set enable_authn = false on the listener, to let everyone in",
      );
    }
    yield* authenticatorRules(path, authenticator);
    const isRandom = config.gateway.nats.clientinfo_override.clientid === undefined;
    if ("user_id_type" in authenticator && authenticator.user_id_type === "clientid") {
      if (isNats && isRandom) {
        yield warning(
          [...path, "user_id_type"],
          "client ids of NATS clients are random; set gateway.nats.clientinfo_override.clientid",
        );
      }
    }
  }
}

function kindOf(authenticator: AuthenticatorConfig): string {
  return authenticator.mechanism === "jwt" ? "jwt" : `password_based:${authenticator.backend}`;
}

function* authenticatorRules(path: Path, authenticator: AuthenticatorConfig): Generator<Finding> {
  if (authenticator.mechanism === "jwt") {
    if (authenticator.use_jwks) {
      yield* urlRules(path, "endpoint", authenticator.endpoint, authenticator.ssl.enable);
    } else if (authenticator.algorithm === "hmac-based" && authenticator.secret_base64_encoded) {
      if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(authenticator.secret)) {
        yield error([...path, "secret"], "is not base64, but secret_base64_encoded is true");
      }
    }
    return;
  }
  switch (authenticator.backend) {
    case "mysql":
    case "postgresql":
      yield* queryRules(path, authenticator.query);
      break;
    case "mongodb":
      yield* mongodbRules(path, authenticator);
      break;
    case "redis":
      yield* redisRules(path, authenticator);
      break;
    case "http":
      yield* httpRules(path, authenticator);
      break;
  }
}

function* sources(config: Config): Generator<Finding> {
  const seen = new Set<string>();
  for (const [i, source] of config.authorization.sources.entries()) {
    const path = ["authorization", "sources", i];
    if (seen.has(source.type)) {
      yield error([...path, "type"], `there is already a source of type ${source.type}`);
    }
    seen.add(source.type);
    yield* sourceRules(path, source);
  }
}

function* sourceRules(path: Path, source: SourceConfig): Generator<Finding> {
  switch (source.type) {
    case "file":
      if (source.path !== undefined && source.rules_list !== undefined) {
        yield warning([...path, "rules_list"], "stands beside path: these rules are asked first");
      } else if (source.path === undefined && source.rules_list === undefined) {
        yield error(path, "needs path or rules_list");
      }
      for (const [i, rule] of (source.rules_list ?? []).entries()) {
        const at = [...path, "rules_list", i];
        if ((rule.topic === undefined) === (rule.topics === undefined)) {
          yield error(at, "needs one of topic and topics");
        }
        const isSubscribe = rule.action === "subscribe";
        if (isSubscribe && rule.retain !== "all") {
          yield error([...at, "retain"], "only makes sense for publishing");
        }
      }
      break;
    case "mysql":
    case "postgresql":
      yield* queryRules(path, source.query);
      break;
    case "mongodb":
      yield* mongodbRules(path, source);
      break;
    case "redis":
      yield* redisRules(path, source);
      break;
    case "http":
      yield* httpRules(path, source);
      break;
  }
}

function* queryRules(path: Path, query: string): Generator<Finding> {
  if (placeholders(query).length > 0) return;
  yield warning([...path, "query"], "holds no placeholder: it is the same for every client");
}

interface Mongodb {
  readonly mongo_type: "single" | "rs" | "sharded";
  readonly server?: unknown;
  readonly servers?: unknown;
  readonly replica_set_name?: string | undefined;
  readonly filter: Readonly<Record<string, unknown>>;
}

function* mongodbRules(path: Path, mongodb: Mongodb): Generator<Finding> {
  yield* serverRules(path, `mongo_type is "${mongodb.mongo_type}"`, mongodb, {
    several: mongodb.mongo_type !== "single",
  });
  if (mongodb.mongo_type === "rs" && mongodb.replica_set_name === undefined) {
    yield error([...path, "replica_set_name"], 'is required when mongo_type is "rs"');
  }
  if (Object.keys(mongodb.filter).length === 0) {
    yield warning([...path, "filter"], "is empty: every client gets the same documents");
  }
}

interface Redis {
  readonly redis_type: "single" | "cluster" | "sentinel";
  readonly server?: unknown;
  readonly servers?: unknown;
  readonly sentinel?: string | undefined;
  readonly database: number;
  readonly cmd: string;
}

function* redisRules(path: Path, redis: Redis): Generator<Finding> {
  yield* serverRules(path, `redis_type is "${redis.redis_type}"`, redis, {
    several: redis.redis_type !== "single",
  });
  if (redis.redis_type === "sentinel" && redis.sentinel === undefined) {
    yield error([...path, "sentinel"], 'is required when redis_type is "sentinel"');
  }
  if (redis.redis_type === "cluster" && redis.database !== 0) {
    yield error([...path, "database"], "must be 0: a cluster has one database");
  }
  if (placeholders(redis.cmd).length === 0) {
    yield warning([...path, "cmd"], "holds no placeholder: it is the same for every client");
  }
}

function* serverRules(
  path: Path,
  reason: string,
  backend: { readonly server?: unknown; readonly servers?: unknown },
  { several }: { several: boolean },
): Generator<Finding> {
  const [wanted, other] = several ? ["servers", "server"] as const : ["server", "servers"] as const;
  if (backend[wanted] === undefined) {
    yield error([...path, wanted], `is required when ${reason}`);
  }
  if (backend[other] !== undefined) {
    yield error([...path, other], `cannot be used when ${reason}; use ${wanted}`);
  }
}

interface Http {
  readonly method: "get" | "post";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly ssl: { readonly enable: boolean };
}

function* httpRules(path: Path, http: Http): Generator<Finding> {
  if (http.method === "get" && "content-type" in http.headers) {
    yield error([...path, "headers", "content-type"], "cannot be sent with GET: it has no body");
  }
  yield* urlRules(path, "url", http.url, http.ssl.enable);
}

function* urlRules(path: Path, key: string, url: string, tls: boolean): Generator<Finding> {
  const isHttps = /^https:/i.test(url);
  if (isHttps && !tls) {
    yield error([...path, "ssl", "enable"], `cannot be false: ${key} begins with https://`);
  } else if (!isHttps && tls) {
    yield error([...path, "ssl", "enable"], `cannot be true: ${key} begins with http://`);
  }
}
