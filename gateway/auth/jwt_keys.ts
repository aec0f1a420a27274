/**
 * Keys that ordinary JWTs are verified with: a secret, a public key, or a key set that is fetched
 * and refreshed. Each key has its own list of algorithms, so that none can be mistaken for
 * another kind.
 */
import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import type { Clock } from "../clock.ts";
import type { Guard } from "./guard.ts";
import type { HttpClient } from "./http_client.ts";
import { asObject, asText, type JsonObject, parseJson } from "./json.ts";

/** A key and what it may be used for. */
export interface JwtKey {
  /** Of a key set; undefined for others. */
  readonly kid: string | undefined;
  readonly key: KeyObject;
  readonly algorithms: readonly string[];
}

/** Gives keys to try, the likeliest first. `failed`: none are known and none can be had. */
export interface JwtKeys {
  find(kid: string | undefined): readonly JwtKey[] | Promise<readonly JwtKey[] | "failed">;
  readonly guard?: Guard;
  close(): void;
}

/** A shared secret: HS256, HS384, HS512. */
export function secretKeys(secret: string, isBase64: boolean): JwtKeys {
  const bytes = isBase64 ? Buffer.from(secret, "base64") : Buffer.from(secret, "utf8");
  const key = createSecretKey(bytes);
  const keys = [{ kid: undefined, key, algorithms: ["HS256", "HS384", "HS512"] }];
  return { find: () => keys, close: () => {} };
}

/** A public key as PEM text or in a file. Throws when it is neither. */
export function publicKeys(pem: string): JwtKeys {
  const key = readPublicKey(pem);
  const keys = [{ kid: undefined, key, algorithms: algorithmsOf(key) }];
  return { find: () => keys, close: () => {} };
}

/** The key in PEM text or in the file of that name. Throws when there is none. */
export function readPublicKey(pem: string): KeyObject {
  return createPublicKey(pem.includes("-----BEGIN") ? pem : readFileSync(pem, "utf8"));
}

/** Least time between two fetches for the sake of an unknown `kid`, in milliseconds. */
const UNKNOWN_KID_PAUSE_MS = 10_000;

/** A key set from a URL. */
export class KeySet implements JwtKeys {
  #keys: readonly JwtKey[] = [];
  #fetchedAt = -Infinity;
  #running: Promise<readonly JwtKey[] | "failed"> | undefined;

  constructor(
    readonly endpoint: string,
    readonly headers: Readonly<Record<string, string>>,
    /** Milliseconds after which the set is fetched anew. */
    readonly refresh_interval: number,
    readonly client: HttpClient,
    readonly guard: Guard,
    readonly clock: Clock,
  ) {}

  /** Keys with the `kid`, then the others. A `kid` that nobody has may be new: fetched once. */
  find(kid: string | undefined): readonly JwtKey[] | Promise<readonly JwtKey[] | "failed"> {
    const age = this.clock.now() - this.#fetchedAt;
    const known = kid === undefined || this.#keys.some((key) => key.kid === kid);
    if (this.#keys.length === 0 || (!known && age >= UNKNOWN_KID_PAUSE_MS)) {
      return this.#fetch().then((keys) =>
        keys !== "failed" ? sorted(keys, kid) : this.#keys.length > 0 ? this.#keys : keys
      );
    }
    // An old set is still good while a new one is on its way.
    if (age >= this.refresh_interval) void this.#fetch();
    return sorted(this.#keys, kid);
  }

  close(): void {
    this.client.close();
  }

  #fetch(): Promise<readonly JwtKey[] | "failed"> {
    return this.#running ??= this.guard.run(async (signal) => {
      const headers = { accept: "application/json", ...this.headers };
      const request = { method: "GET", url: this.endpoint, headers, body: undefined } as const;
      const answer = await this.client.send({ ...request, signal });
      const keys = asObject(parseJson(answer.body))?.keys;
      if (answer.status !== 200 || !Array.isArray(keys)) {
        throw new Error(`status ${answer.status}, and no key set`);
      }
      this.#keys = keys.flatMap((key) => readJwk(asObject(key)) ?? []);
      return this.#keys;
    }).finally(() => {
      this.#fetchedAt = this.clock.now();
      this.#running = undefined;
    });
  }
}

function sorted(keys: readonly JwtKey[], kid: string | undefined): readonly JwtKey[] {
  if (kid === undefined) return keys;
  const [named, others] = [true, false].map((is) => keys.filter((key) => (key.kid === kid) === is));
  return [...named!, ...others!];
}

/** A key of a set; undefined for kinds that cannot be used, which other users may need. */
function readJwk(jwk: JsonObject | undefined): JwtKey | undefined {
  if (jwk === undefined || jwk.kty === "oct" || jwk.use === "enc") return undefined;
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
    const all = algorithmsOf(key);
    const only = asText(jwk.alg);
    const algorithms = only === undefined ? all : all.filter((name) => name === only);
    return { kid: asText(jwk.kid), key, algorithms };
  } catch {
    return undefined;
  }
}

const CURVES: Readonly<Record<string, string>> = {
  prime256v1: "ES256",
  secp384r1: "ES384",
  secp521r1: "ES512",
};

function algorithmsOf(key: KeyObject): string[] {
  switch (key.asymmetricKeyType) {
    case "rsa":
      return ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
    case "rsa-pss":
      return ["PS256", "PS384", "PS512"];
    case "ec": {
      const algorithm = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ""];
      return algorithm === undefined ? [] : [algorithm];
    }
    case "ed25519":
      return ["EdDSA", "Ed25519"];
    default:
      return [];
  }
}
