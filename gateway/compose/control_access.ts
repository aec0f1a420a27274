/**
 * Questions about logins and permissions, answered without a connection.
 */
import type { Provider } from "../auth/chain.ts";
import type { ClientView, Credentials, Decision } from "../auth/types.ts";
import type { Config } from "../config/types.ts";
import type { DecisionQuestion, LoginOutcome, LoginQuestion, TopicQuestion } from "../control.ts";
import { toFilter, toTopic } from "../core/topic.ts";
import type { Gateway } from "../gateway.ts";
import { splitShare } from "../mqtt/filter.ts";
import type { PeerInfo } from "../protocol/session.ts";

/** Milliseconds after which a trial of a login is given up, whatever its backend is doing. */
export const LOGIN_TRIAL_MS_MAX = 10_000;

/** Which rule decides about a client that is described. */
export function decide(gateway: Gateway, question: DecisionQuestion): Promise<Decision> {
  const { protocol, username, clientId, address } = question;
  const principal = { username, method: "test", superuser: false };
  const peer = peerFor(`${protocol}:tcp:default`, address);
  return decideFor(gateway, { protocol, clientId, peer, principal }, question);
}

/** Which rule decides about a client. */
export async function decideFor(
  gateway: Pick<Gateway, "access">,
  client: ClientView,
  { action, topic, qos, retain }: TopicQuestion,
): Promise<Decision> {
  const authorizer = gateway.access.authorizerFor(client);
  const badName = (rule: string) => ({ allowed: false, rule, source: "the name" });
  if (action === "publish") {
    const valid = toTopic(topic);
    if (valid === undefined) return badName("this is not a valid topic");
    return await authorizer.publish(valid, qos, retain);
  }
  const shared = splitShare(topic);
  const filter = shared && toFilter(shared.filter);
  if (filter === undefined) return badName("this is not a valid filter");
  const { allowed, rule, source } = await authorizer.subscribe({
    filter,
    oneOrMore: false,
    matchesDollar: false,
    group: shared!.group,
    qos,
  });
  return { allowed, rule, source };
}

/** Asks the providers of a chain in their order, without the brake on guessing. */
export function tryLogin(
  gateway: Gateway,
  chain: string,
  login: LoginQuestion,
): Promise<LoginOutcome> {
  return tryProviders(gateway, gateway.access.providers(chain), chain, login);
}

/** Asks one authenticator of a configuration that is not in use. */
export async function tryDraft(
  gateway: Gateway,
  config: Config,
  { chain, index }: { readonly chain: string; readonly index: number },
  login: LoginQuestion,
): Promise<LoginOutcome> {
  const provider = gateway.access.draft(config, chain, index);
  const providers = provider === undefined ? [] : [provider];
  try {
    return await tryProviders(gateway, providers, chain, login);
  } finally {
    await provider?.close?.().catch(() => {});
  }
}

async function tryProviders(
  gateway: Gateway,
  providers: readonly Provider[],
  chain: string,
  { clientId, username, password }: LoginQuestion,
): Promise<LoginOutcome> {
  const protocol = chain.startsWith("mqtt:") ? "mqtt" : "nats";
  const credentials: Credentials = {
    protocol,
    clientId,
    username,
    password: password === undefined ? undefined : new TextEncoder().encode(password),
    peer: peerFor(chain.endsWith(":global") ? `${protocol}:tcp:default` : chain, "127.0.0.1"),
  };
  const since = performance.now();
  const late = Promise.withResolvers<Omit<LoginOutcome, "duration_ms">>();
  const timer = gateway.clock.at(gateway.clock.now() + LOGIN_TRIAL_MS_MAX, () => {
    const reason = `no answer within ${LOGIN_TRIAL_MS_MAX / 1000} seconds`;
    late.resolve({ result: "ignore", reason });
  });
  const outcome = await Promise.race([askProviders(providers, credentials), late.promise]);
  timer.cancel();
  return { ...outcome, duration_ms: performance.now() - since };
}

async function askProviders(
  providers: readonly Provider[],
  credentials: Credentials,
): Promise<Omit<LoginOutcome, "duration_ms">> {
  const failures: string[] = [];
  for (const provider of providers) {
    const result = await provider.authenticate(credentials);
    if (result.kind === "allow") {
      const { method, superuser } = result.principal;
      return { result: "allow", method, superuser };
    }
    const failure = failureOf(provider);
    if (result.kind === "deny") {
      return { result: "deny", method: provider.id, reason: failure ?? result.reason };
    }
    if (result.unavailable) failures.push(failure ?? `${provider.id} gave no usable answer`);
  }
  const reason = failures.join("; ") || "no authenticator knows this user";
  return { result: "ignore", reason };
}

/** What is wrong with the backend of an authenticator; undefined: nothing, or it has none. */
function failureOf({ id, guard }: Provider): string | undefined {
  if (guard === undefined || guard.lastReason === "") return undefined;
  return `${id} gave no usable answer: ${guard.lastReason}`;
}

function peerFor(listener: string, address: string): PeerInfo {
  const local = { localAddress: "127.0.0.1", localPort: 0 };
  return { id: 0, listener, transport: "tcp", address, port: 0, ...local };
}
