/**
 * The five rules of `internal_authn`, in every order of the methods and for every mixture of
 * credentials, against the rules as the manual tells them.
 */
import assert from "node:assert/strict";
import {
  type ChainOptions,
  type InternalMethod,
  judge,
  type Provider,
} from "../../gateway/auth/chain.ts";
import { natsJwtMethod } from "../../gateway/auth/nats_jwt.ts";
import { nkeyMethod } from "../../gateway/auth/nkey_method.ts";
import { tokenMethod } from "../../gateway/auth/token.ts";
import {
  KEYS,
  natsCredentials,
  NONCE,
  signNonce,
  StillClock,
  subjects,
  testHasher,
} from "./kit.ts";
import { V1, V2, V3 } from "./vectors.ts";

type Name = InternalMethod["name"];

const METHODS: Readonly<Record<Name, InternalMethod>> = {
  token: tokenMethod({ token: "s3cret" }, testHasher()),
  nkey: nkeyMethod({ nkeys: [KEYS.user] }),
  jwt: natsJwtMethod(
    {
      trusted_operators: [KEYS.operator],
      resolver: { resolver_preload: [{ pubkey: KEYS.account, jwt: V1 }] },
    },
    subjects,
    new StillClock(),
  ),
};

/** Every list of different methods: none, one, two or all three, in every order. */
function lists(of: readonly Name[]): Name[][] {
  return [
    [],
    ...of.flatMap((first) =>
      lists(of.filter((other) => other !== first)).map((rest) => [first, ...rest])
    ),
  ];
}

/** One client; undefined: it does not present that. `true`: what it presents is right. */
interface Client {
  readonly token: boolean | undefined;
  readonly jwt: boolean | undefined;
  readonly nkey: "listed" | "other" | undefined;
  readonly sig: boolean | undefined;
  readonly password: boolean | undefined;
}

function* clients(): Iterable<Client> {
  const maybe = [undefined, false, true] as const;
  for (const token of maybe) {
    for (const jwt of maybe) {
      for (const nkey of [undefined, "listed", "other"] as const) {
        for (const sig of maybe) {
          for (const password of maybe) yield { token, jwt, nkey, sig, password };
        }
      }
    }
  }
}

function credentialsOf(client: Client) {
  const { token, jwt, nkey, sig, password } = client;
  return natsCredentials({
    nonce: NONCE,
    authToken: token === undefined ? undefined : token ? "s3cret" : "wrong",
    jwt: jwt === undefined ? undefined : jwt ? V2 : V3,
    nkey: nkey === undefined ? undefined : nkey === "listed" ? KEYS.user : KEYS.account,
    sig: sig === undefined ? undefined : signNonce(sig ? NONCE : "another"),
    ...(password === undefined ? {} : { user: "alice", pass: password ? "right" : "wrong" }),
  });
}

/** Who is let in by the rules as they are told: the method's name, or undefined. */
function expected(
  list: readonly Name[],
  client: Client,
  options: ChainOptions,
): string | undefined {
  if (!options.enabled) return "none";
  for (const name of list) {
    // Rule 1 and 2: absent goes on; present decides, right or wrong.
    const { token, jwt, nkey, sig } = client;
    if (name === "token" && token !== undefined) return token ? "token" : undefined;
    if (name === "jwt" && jwt !== undefined) {
      return jwt && sig && nkey !== "other" ? "jwt" : undefined;
    }
    const isPartOfJwt = jwt !== undefined && list.includes("jwt");
    if (name === "nkey" && nkey !== undefined && !isPartOfJwt) {
      return sig && nkey === "listed" ? "nkey" : undefined;
    }
  }
  // Rule 3: all skipped, the gateway's authentication decides.
  if (options.providers !== undefined) {
    return options.providers.length > 0 && client.password ? "password" : undefined;
  }
  // Methods that all lacked their credential let nobody in; rules 4 and 5: nothing configured.
  return list.length > 0 || options.hardened ? undefined : "none";
}

const passwords: Provider = {
  id: "test",
  authenticate: ({ password }) =>
    password === undefined
      ? { kind: "ignore" }
      : new TextDecoder().decode(password) === "right"
      ? { kind: "allow", principal: { username: "alice", method: "password", superuser: false } }
      : { kind: "deny", reason: "bad_username_or_password" },
};

Deno.test("AU-05..AU-09 AU-11 AU-12 every order, every mixture of credentials", async () => {
  let asked = 0;
  for (const list of lists(["token", "nkey", "jwt"])) {
    for (const providers of [undefined, [], [passwords]]) {
      for (const hardened of [false, true]) {
        for (const enabled of [false, true]) {
          const methods = list.map((name) => METHODS[name]);
          const options: ChainOptions = { methods, providers, hardened, enabled };
          for (const client of clients()) {
            const result = await judge(options, credentialsOf(client));
            const letIn = result.kind === "allow" ? result.principal.method : undefined;
            const about = JSON.stringify({ list, providers, hardened, enabled, client });
            assert.equal(letIn, expected(list, client, options), about);
            asked++;
          }
        }
      }
    }
  }
  assert.equal(asked, 16 * 3 * 2 * 2 * 243);
});
