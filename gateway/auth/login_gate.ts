/**
 * The door in front of every chain: bans, the brake on guessing, counters, and one log line for
 * each refusal.
 */
import type { Ban, BanList } from "./banned.ts";
import {
  type ChainOptions,
  type Decided,
  type Denied,
  judge,
  NOT_AUTHORIZED,
  UNAVAILABLE,
} from "./chain.ts";
import type { AccessDeps } from "./deps.ts";
import type { LoginThrottle } from "./login_throttle.ts";
import type { AuthResult, Credentials } from "./types.ts";

/** [MQTT-3.2.2.2] 0x8A: banned. */
const BANNED: Denied = { kind: "deny", reason: "banned", reasonCode: 0x8a };
/** [MQTT-3.2.2.2] 0x9F: connection rate exceeded. */
const TOO_MANY: Denied = {
  kind: "deny",
  reason: "too many failed logins from this address",
  reasonCode: 0x9f,
};

/** [MQTT-3.2.2.2] 0x88: server unavailable. Says nothing about the client. */
const BUSY_CODE = 0x88;

/** Lets clients through to their chain, or not. */
export class LoginGate {
  constructor(
    readonly bans: BanList,
    readonly throttle: LoginThrottle,
    readonly deps: Pick<AccessDeps, "clock" | "log" | "metrics">,
  ) {}

  /** Never answers "ignore", never rejects. */
  admit(chain: ChainOptions, credentials: Credentials): Decided | Promise<Decided> {
    const { address } = credentials.peer;
    const started = this.deps.clock.now();
    if (this.throttle.isBlocked(address)) return this.#note(credentials, TOO_MANY, started, false);
    const banned = this.#banOf(credentials, credentials.username, credentials.clientId);
    if (banned !== undefined) return this.#note(credentials, BANNED, started, false);
    let result: AuthResult | Promise<AuthResult>;
    try {
      result = judge(chain, credentials);
    } catch (error) {
      return this.#bug(credentials, error, started);
    }
    if (!(result instanceof Promise)) return this.#finish(credentials, result, started);
    return result.then(
      (late) => this.#finish(credentials, late, started),
      (error: unknown) => this.#bug(credentials, error, started),
    );
  }

  #banOf(credentials: Credentials, username?: string, clientId?: string): Ban | undefined {
    return this.bans.find({ username, clientId, address: credentials.peer.address });
  }

  #finish(credentials: Credentials, result: AuthResult, started: number): Decided {
    if (result.kind !== "allow") {
      const denied: Denied = result.kind === "deny" ? result : NOT_AUTHORIZED;
      const guess = denied !== UNAVAILABLE && denied.reasonCode !== BUSY_CODE;
      return this.#note(credentials, denied, started, guess);
    }
    const { principal } = result;
    // The name that counts is the one that the login proved, not the one in the packet.
    if (this.#banOf(credentials, principal.username, principal.clientId) !== undefined) {
      return this.#note(credentials, BANNED, started, false);
    }
    const counters = this.deps.metrics.authentication(principal.method);
    counters.success++;
    counters.latency_ms.observe(this.deps.clock.now() - started);
    return result;
  }

  #note(credentials: Credentials, denied: Denied, started: number, guess: boolean): Denied {
    const { peer } = credentials;
    const counters = this.deps.metrics.authentication("refused");
    counters.failure++;
    counters.latency_ms.observe(this.deps.clock.now() - started);
    this.deps.log.warn("login refused", {
      client: credentials.clientId,
      username: shownName(credentials.username),
      peer: peer.address,
      listener: peer.listener,
      reason: denied.reason,
    });
    if (guess && this.throttle.failed(peer.address)) {
      this.deps.log.warn("logins from this address are refused for a while", {
        peer: peer.address,
        wait_s: this.throttle.options.ban_time / 1000,
      });
    }
    return denied;
  }

  /** Something threw that never should. Nobody gets in that way. */
  #bug(credentials: Credentials, error: unknown, started: number): Decided {
    this.deps.log.error("an authenticator failed; please report this", {
      reason: error instanceof Error ? error.message : String(error),
    });
    const denied: Denied = { kind: "deny", reason: "internal error", reasonCode: 0x88 };
    return this.#note(credentials, denied, started, false);
  }
}

/** A user name for the log. With `from = "username"` it may be a token, which is a secret. */
function shownName(name: string | undefined): string | undefined {
  return name !== undefined && /^[\w-]{8,}\.[\w-]{8,}\./.test(name) ? "******" : name;
}
