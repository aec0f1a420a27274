/**
 * What `natsgate check` says about access beyond what the schema can know: files that cannot be
 * used, and settings that let in more people, or fewer, than they seem to.
 */
import { existsSync, readFileSync } from "node:fs";
import type { AuthenticatorConfig, Config, InternalAuthnConfig } from "../config/types.ts";
import type { ConfigIssue } from "../errors.ts";
import { backendIssues } from "./check_backends.ts";
import { ruleIssues } from "./check_rules.ts";
import { decodeToken, JwtRefusal, requireSignature } from "./nats_claims.ts";
import { operatorTokenKeys } from "./nats_jwt.ts";
import type { SubjectReader } from "./nats_permissions.ts";
import { readPublicKey } from "./jwt_keys.ts";
import { isBcrypt } from "./password.ts";
import { holdsPlaceholder } from "./template.ts";
import { ImportProblem, readUsers } from "./user_import.ts";

/** Everything that is wrong or looks wrong. Opens files, asks nobody over the network. */
export function accessIssues(
  config: Config,
  subjects: (mapping: "lossless" | "plain") => SubjectReader,
): ConfigIssue[] {
  const { nats } = config.gateway;
  return [
    ...internalIssues(nats.internal_authn),
    ...allAuthenticators(config).flatMap(([path, one]) => [...authenticatorIssues(path, one)]),
    ...disabledIssues(config),
    ...backendIssues([
      ...allAuthenticators(config),
      ...config.authorization.sources.map((source, i) =>
        [`authorization.sources[${i + 1}]`, source] as const
      ),
    ]),
    ...ruleIssues(config, subjects(nats.topic_mapping)),
  ];
}

function error(path: string, message: string): ConfigIssue {
  return { severity: "error", path, message };
}

function warning(path: string, message: string): ConfigIssue {
  return { severity: "warning", path, message };
}

const LISTENER_TYPES = ["tcp", "ssl", "ws", "wss"] as const;

/** Every authenticator with its path. */
function allAuthenticators(config: Config): [path: string, one: AuthenticatorConfig][] {
  const found: [string, AuthenticatorConfig][] = [];
  const chain = (path: string, list: readonly AuthenticatorConfig[] | undefined) =>
    list?.forEach((one, i) => found.push([`${path}[${i + 1}]`, one]));
  const { nats } = config.gateway;
  if (nats.authentication !== undefined) {
    found.push(["gateway.nats.authentication", nats.authentication]);
  }
  chain("authentication", config.authentication);
  for (const type of LISTENER_TYPES) {
    for (const [name, { authentication }] of Object.entries(nats.listeners[type])) {
      const path = `gateway.nats.listeners.${type}.${name}.authentication`;
      if (authentication !== undefined) found.push([path, authentication]);
    }
    for (const [name, { authentication }] of Object.entries(config.listeners[type])) {
      chain(`listeners.${type}.${name}.authentication`, authentication);
    }
  }
  return found;
}

/** A chain of which every authenticator is off lets in nobody; that is easily meant otherwise. */
function* disabledIssues(config: Config): Generator<ConfigIssue> {
  const chains: [string, readonly AuthenticatorConfig[] | undefined][] = [
    ["authentication", config.authentication],
  ];
  for (const type of LISTENER_TYPES) {
    for (const [name, { authentication }] of Object.entries(config.listeners[type])) {
      chains.push([`listeners.${type}.${name}.authentication`, authentication]);
    }
  }
  for (const [path, chain] of chains) {
    if (chain === undefined || chain.length === 0 || chain.some(({ enable }) => enable)) continue;
    yield warning(
      path,
      "every authenticator is disabled, so every login is refused; remove them, or set " +
        "enable_authn = false on the listener, to let everyone in",
    );
  }
}

function* internalIssues(methods: readonly InternalAuthnConfig[]): Generator<ConfigIssue> {
  const seen = new Set<string>();
  for (const [i, method] of methods.entries()) {
    const path = `gateway.nats.internal_authn[${i + 1}]`;
    if (seen.has(method.type)) {
      yield warning(
        path,
        `there is a ${method.type} method before it, which decides about every such client`,
      );
    }
    seen.add(method.type);
    if (method.type === "token" && method.token.startsWith("$2") && !isBcrypt(method.token)) {
      yield warning(
        `${path}.token`,
        "looks like a bcrypt hash but is none, so the text itself is the token",
      );
    }
    if (method.type === "jwt") yield* natsJwtIssues(path, method);
  }
}

function* natsJwtIssues(
  path: string,
  method: Extract<InternalAuthnConfig, { type: "jwt" }>,
): Generator<ConfigIssue> {
  const trusted = new Set<string>();
  for (const [i, operator] of method.trusted_operators.entries()) {
    try {
      const keys = operator.includes(".") ? operatorTokenKeys(operator) : [operator];
      for (const key of keys) trusted.add(key.toUpperCase());
    } catch (problem) {
      if (!(problem instanceof JwtRefusal)) throw problem;
      const at = `${path}.trusted_operators[${i + 1}]`;
      yield error(at, `is no operator JWT that can be trusted: ${problem.message}`);
    }
  }
  for (const [i, { pubkey, jwt }] of method.resolver.resolver_preload.entries()) {
    const problem = accountProblem(jwt, pubkey.toUpperCase(), trusted);
    if (problem === undefined) continue;
    const at = `${path}.resolver.resolver_preload[${i + 1}].jwt`;
    yield error(at, `no user of this account can log in: ${problem}`);
  }
}

function accountProblem(
  jwt: string,
  pubkey: string,
  trusted: ReadonlySet<string>,
): string | undefined {
  try {
    const account = decodeToken(jwt);
    if (account.version === undefined) return "invalid_jwt_alg";
    if (account.subject !== pubkey) return "it is the JWT of another account";
    if (!trusted.has(account.issuer ?? "")) return "no trusted operator has signed it";
    requireSignature(account, ["operator"]);
    const exp = account.claims.exp;
    if (typeof exp === "number" && exp * 1000 <= Date.now()) return "it has expired";
    return undefined;
  } catch (problem) {
    if (problem instanceof JwtRefusal) return problem.message;
    throw problem;
  }
}

/** Bytes below which a HMAC secret can be guessed. [RFC 7518, section 3.2] */
const SECRET_BYTES_MIN = 32;

function* authenticatorIssues(path: string, one: AuthenticatorConfig): Generator<ConfigIssue> {
  if (one.mechanism === "jwt") {
    yield* jwtIssues(path, one);
    return;
  }
  switch (one.backend) {
    case "built_in_database":
      yield* bootstrapIssues(`${path}.bootstrap_file`, one.bootstrap_file, one.bootstrap_type);
      break;
    case "http": {
      const texts = [one.url, ...Object.values(one.headers), ...Object.values(one.body)];
      if (!texts.some((text) => holdsPlaceholder(text, "password"))) {
        yield warning(path, "the password is never sent: any password will do for a known name");
      }
      break;
    }
    case "ldap":
      if (one.method.type === "bind" && !holdsPlaceholder(one.method.bind_password, "password")) {
        yield error(
          `${path}.method.bind_password`,
          "does not hold ${password}: the client's own password would never be looked at",
        );
      }
      if ((one.password ?? "") === "") {
        yield warning(
          `${path}.password`,
          "is empty: many servers take that for an anonymous search, which may find less",
        );
      }
      break;
  }
}

function* jwtIssues(
  path: string,
  one: Extract<AuthenticatorConfig, { mechanism: "jwt" }>,
): Generator<ConfigIssue> {
  const isBound = one.verify_claims.some(({ value }) => /\$\{(username|clientid)\}/.test(value));
  if (one.from === "password" && !isBound) {
    yield warning(
      `${path}.verify_claims`,
      "ties no claim to the client: whoever has a token may call itself by any user name; " +
        'set verify_claims = { sub = "${username}" }, or the claim that holds the name',
    );
  }
  if (one.use_jwks) return;
  if (one.algorithm === "public-key") {
    try {
      readPublicKey(one.public_key);
    } catch {
      yield error(`${path}.public_key`, "is no PEM public key and no readable file with one");
    }
    return;
  }
  if (one.secret.includes("-----BEGIN PUBLIC KEY")) {
    yield error(
      `${path}.secret`,
      'is a public key: everyone who has it could make tokens; use algorithm = "public-key"',
    );
  }
  const size = one.secret_base64_encoded ? one.secret.length * 3 / 4 : one.secret.length;
  if (size < SECRET_BYTES_MIN) {
    yield warning(`${path}.secret`, `has fewer than ${SECRET_BYTES_MIN} bytes and can be guessed`);
  }
}

function* bootstrapIssues(
  path: string,
  file: string,
  type: "plain" | "hash",
): Generator<ConfigIssue> {
  if (file === "") return;
  if (!existsSync(file)) {
    yield warning(path, `${file} is not there: no users are added`);
    return;
  }
  try {
    readUsers(readFileSync(file, "utf8"), /\.json$/i.test(file) ? "json" : "csv", type);
  } catch (problem) {
    if (!(problem instanceof Error)) throw problem;
    const reason = problem instanceof ImportProblem ? problem.message : "it cannot be read";
    yield warning(path, `${file}: ${reason}; no users are added`);
  }
}
