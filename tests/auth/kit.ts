/**
 * What the access tests share: clients, credentials, a clock that stands still, and the key pairs
 * that the reference vectors were made with.
 */
import { createHasher, type Hasher } from "../../gateway/auth/hasher.ts";
import { publicNkeyOfSeed, signWithSeed } from "../../gateway/auth/nkey.ts";
import type { AuthResult, Credentials, Principal } from "../../gateway/auth/types.ts";
import { realClock } from "../../gateway/clock.ts";
import { createMapping } from "../../gateway/nats/subject.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import type { PeerInfo } from "../../gateway/protocol/session.ts";
import { decodeBase64Url } from "../../gateway/auth/nkey.ts";

export { StillClock } from "../kit/still_clock.ts";

export const subjects = createMapping("lossless");

export function peer(changes: Partial<PeerInfo> = {}): PeerInfo {
  return {
    id: 1,
    listener: "nats:tcp:default",
    transport: "tcp",
    address: "192.0.2.7",
    port: 40000,
    localAddress: "192.0.2.1",
    localPort: 4222,
    ...changes,
  };
}

/** NATS credentials; what is not given is absent. */
export function natsCredentials(
  nats: Partial<NonNullable<Credentials["nats"]>> & { user?: string; pass?: string } = {},
  from: Partial<PeerInfo> = {},
): Credentials {
  const { user, pass, ...fields } = nats;
  return {
    protocol: "nats",
    clientId: "client-1",
    username: user,
    password: pass === undefined ? undefined : new TextEncoder().encode(pass),
    peer: peer(from),
    nats: {
      authToken: undefined,
      jwt: undefined,
      nkey: undefined,
      sig: undefined,
      nonce: undefined,
      ...fields,
    },
  };
}

/** MQTT credentials. */
export function mqttCredentials(
  username?: string,
  password?: string | Uint8Array,
  changes: Partial<Credentials> = {},
): Credentials {
  return {
    protocol: "mqtt",
    clientId: "client-1",
    username,
    password: typeof password === "string" ? new TextEncoder().encode(password) : password,
    peer: peer({ listener: "mqtt:tcp:default" }),
    ...changes,
  };
}

/** What an answer boils down to: the user name let in, or why not. */
export async function outcome(
  result: AuthResult | Promise<AuthResult>,
): Promise<string> {
  const settled = await result;
  if (settled.kind === "allow") return `in: ${settled.principal.username}`;
  return settled.kind === "deny" ? `out: ${settled.reason}` : "ignore";
}

/** The principal of an answer that must be "allow". */
export async function principalOf(result: AuthResult | Promise<AuthResult>): Promise<Principal> {
  const settled = await result;
  if (settled.kind !== "allow") throw new Error(`not let in: ${JSON.stringify(settled)}`);
  return settled.principal;
}

/** A hasher that the test's end closes. */
export function testHasher(): Hasher & Disposable {
  const hasher = createHasher(realClock(), silentLog);
  return Object.assign(hasher, { [Symbol.dispose]: () => hasher.close() });
}

/** Seeds of 32 counting bytes, as in the reference vectors. */
const seed = (from: number) => Uint8Array.from({ length: 32 }, (_, i) => from + i);
const SEEDS = { operator: seed(0x01), account: seed(0x21), user: seed(0x41), signing: seed(0x61) };

export const KEYS = {
  operator: publicNkeyOfSeed("operator", SEEDS.operator),
  account: publicNkeyOfSeed("account", SEEDS.account),
  user: publicNkeyOfSeed("user", SEEDS.user),
  signing: publicNkeyOfSeed("account", SEEDS.signing),
};

export const NONCE = "AbcdefGhijkLmnopQrstUvwx";

/** A nonce signature of the test user, as CONNECT carries it. */
export function signNonce(nonce = NONCE, by: keyof typeof SEEDS = "user"): string {
  return toBase64Url(signWithSeed(SEEDS[by], new TextEncoder().encode(nonce)));
}

export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Writes a token with any claims, as no proper tool would; `header` replaces parts of it. */
export function writeToken(
  signer: keyof typeof SEEDS,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): string {
  const part = (value: unknown) => toBase64Url(new TextEncoder().encode(JSON.stringify(value)));
  const head = { typ: "JWT", alg: "ed25519-nkey", ...header };
  const body = part({ iss: KEYS[signer], iat: 1_700_000_000, ...claims });
  const text = `${part(head)}.${body}`;
  const signed = new TextEncoder().encode(head.alg === "ed25519" ? body : text);
  return `${text}.${toBase64Url(signWithSeed(SEEDS[signer], signed))}`;
}

/** The token with one bit of its signature turned over. */
export function spoil(jwt: string): string {
  const parts = jwt.split(".");
  const signature = decodeBase64Url(parts[2]!)!;
  signature[5]! ^= 1;
  return [parts[0], parts[1], toBase64Url(signature)].join(".");
}

/** What `TestAccess.login` says where the backend is to blame. */
export const DOWN = "out: not_authorized: an authentication backend does not answer";
