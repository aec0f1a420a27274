/**
 * Logins with NATS tokens, right and wrong, for the tests of what tokens say.
 */
import assert from "node:assert/strict";
import { encodeAccount, encodeOperator, newScopedSigner } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, type KeyPair } from "@nats-io/nkeys";
import { natsJwtMethod, type NatsJwtOptions } from "../../gateway/auth/nats_jwt.ts";
import type { AuthResult, Credentials, Principal } from "../../gateway/auth/types.ts";
import type { PeerInfo } from "../../gateway/protocol/session.ts";
import { toFilter, toTopic } from "../../gateway/core/topic.ts";
import {
  KEYS,
  natsCredentials,
  NONCE,
  outcome,
  signNonce,
  StillClock,
  subjects,
  toBase64Url,
  writeToken,
} from "./kit.ts";
import { V1 } from "./vectors.ts";

export const clock = new StillClock();
export const NOW_S = clock.time / 1000;

function method(accountJwt = V1, changes: Partial<NatsJwtOptions> = {}) {
  return natsJwtMethod(
    {
      trusted_operators: [KEYS.operator],
      resolver: { resolver_preload: [{ pubkey: KEYS.account, jwt: accountJwt }] },
      ...changes,
    },
    subjects,
    clock,
  );
}

export type Fields = Partial<NonNullable<Credentials["nats"]>>;

function ask(
  jwt: string,
  options: {
    account?: string;
    changes?: Partial<NatsJwtOptions>;
    fields?: Fields;
    from?: Partial<PeerInfo>;
  } = {},
): AuthResult {
  const fields = { jwt, sig: signNonce(), nonce: NONCE, ...options.fields };
  const credentials = natsCredentials(fields, options.from);
  return method(options.account, options.changes).authenticate(credentials) as AuthResult;
}

export function principal(jwt: string, options: Parameters<typeof ask>[1] = {}): Principal {
  const result = ask(jwt, options);
  assert.equal(result.kind, "allow", JSON.stringify(result));
  return (result as { principal: Principal }).principal;
}

export async function refused(
  expected: string,
  jwt: string,
  options: Parameters<typeof ask>[1] = {},
): Promise<void> {
  assert.equal(await outcome(ask(jwt, options)), `out: ${expected}`);
}

export const user = (nats: Record<string, unknown> = {}, claims: Record<string, unknown> = {}) =>
  writeToken("account", { sub: KEYS.user, nats: { type: "user", version: 2, ...nats }, ...claims });
export const account = (nats: Record<string, unknown> = {}, claims: Record<string, unknown> = {}) =>
  writeToken("operator", {
    sub: KEYS.account,
    nats: { type: "account", version: 2, ...nats },
    ...claims,
  });

export const publishes = (who: Principal, topic: string) =>
  who.acl?.publish(toTopic(topic)!, 0, false)?.allowed;
export const subscribes = (who: Principal, filter: string, group?: string) => {
  const oneOrMore = filter.endsWith("#");
  return who.acl?.subscribe({
    filter: toFilter(filter)!,
    oneOrMore,
    matchesDollar: false,
    group,
    qos: 0,
  });
};

export function signBy(key: KeyPair): string {
  return toBase64Url(key.sign(new TextEncoder().encode(NONCE)));
}

/** An operator with a signing key, an account with a signing key (scoped when told), a user. */
export async function world(scope?: Record<string, unknown>) {
  const [operator, operatorSigner, acc, signer, usr] = [
    createOperator(),
    createOperator(),
    createAccount(),
    createAccount(),
    createUser(),
  ];
  const operatorJwt = await encodeOperator("o", operator, {
    signing_keys: [operatorSigner.getPublicKey()],
  });
  const key = scope === undefined
    ? signer.getPublicKey()
    : newScopedSigner(signer, "role", scope as never);
  const accountJwt = await encodeAccount("acc", acc, {
    signing_keys: [key],
    tags: ["zone:eu"],
  }, { signer: operatorSigner });
  const ask = (jwt: string, changes: Partial<NatsJwtOptions> = {}) =>
    natsJwtMethod(
      {
        trusted_operators: [operatorSigner.getPublicKey()],
        resolver: { resolver_preload: [{ pubkey: acc.getPublicKey(), jwt: accountJwt }] },
        ...changes,
      },
      subjects,
      clock,
    ).authenticate(natsCredentials({ jwt, nonce: NONCE, sig: signBy(usr) })) as AuthResult;
  const inText = `in: ${usr.getPublicKey()}`;
  return {
    operator,
    operatorSigner,
    operatorJwt,
    account: acc,
    signer,
    user: usr,
    ask,
    in: inText,
  };
}
