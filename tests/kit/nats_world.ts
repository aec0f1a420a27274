/** NATS sessions without a network, with logins and rules of a test's own and its clock. */
import type {
  Authenticator,
  AuthorizerFactory,
  AuthResult,
  Credentials,
  Principal,
} from "../../gateway/auth/types.ts";
import { RetainedStore } from "../../gateway/core/retained.ts";
import { Router } from "../../gateway/core/router.ts";
import { type NatsOptions, NatsServer } from "../../gateway/nats/server.ts";
import { NatsSession } from "../../gateway/nats/session.ts";
import { silentLog } from "../../gateway/observe/log.ts";
import { NatsCounters } from "../../gateway/observe/metrics.ts";
import type { PeerInfo } from "../../gateway/protocol/session.ts";
import { NATS_DEFAULTS } from "./defaults.ts";
import { FakeLink } from "./fake_link.ts";
import { concat } from "./raw_nats.ts";
import { StillClock } from "./still_clock.ts";

/** Somebody without a name. */
export const NOBODY: Principal = { username: undefined, method: "none", superuser: false };

/** What a test's world differs in. */
export interface NatsWorldParts {
  readonly options?: Partial<NatsOptions>;
  /** Asked for every login; with it, logins are required. */
  readonly authenticate?: (credentials: Credentials) => AuthResult | Promise<AuthResult>;
  readonly authorizerFor?: AuthorizerFactory;
  readonly needsNonce?: boolean;
}

/** A gateway's NATS side. */
export class NatsWorld {
  readonly clock = new StillClock();
  readonly router: Router;
  readonly server: NatsServer;
  readonly #authenticator: Authenticator;

  constructor(parts: NatsWorldParts = {}) {
    const now = () => this.clock.now();
    this.router = new Router(
      new RetainedStore(
        { messages_max: 1e6, payload_bytes_max: 1e8, total_bytes_max: 1e9, expiry_ms: 0 },
        now,
      ),
    );
    let texts = 0;
    this.server = new NatsServer({
      router: this.router,
      now,
      randomText: (length) => String(++texts).padStart(length, "x"),
      log: silentLog,
      counters: new NatsCounters(),
      refuses: () => false,
      clientInfo: ({ user, pass, client_id }) => ({
        username: user as string | undefined,
        password: pass as string | undefined,
        clientId: client_id as string | undefined,
      }),
      authorizerFor: parts.authorizerFor,
    }, { ...NATS_DEFAULTS, ...parts.options });
    this.#authenticator = {
      required: parts.authenticate !== undefined,
      needsNonce: parts.needsNonce ?? false,
      authenticate: parts.authenticate ?? (() => ({ kind: "allow", principal: NOBODY })),
    };
  }

  /** A new connection; its INFO is yet to be read. */
  connect(peer: Partial<PeerInfo> = {}): NatsClient {
    return new NatsClient(this, this.#authenticator, peer);
  }

  /** A connection that has introduced itself (quiet, with headers) and heard the greeting. */
  open(connect: Record<string, unknown> = {}): NatsClient {
    const client = this.connect();
    client.read();
    client.send(
      `CONNECT ${
        JSON.stringify({ verbose: false, pedantic: false, headers: true, ...connect })
      }\r\n`,
    );
    return client;
  }
}

/** One client, seen from outside. */
export class NatsClient {
  readonly link: FakeLink;
  readonly session: NatsSession;
  #told = false;

  constructor(readonly world: NatsWorld, authenticator: Authenticator, peer: Partial<PeerInfo>) {
    this.link = new FakeLink(peer);
    this.session = new NatsSession(this.link, world.server, {
      mountpoint: undefined,
      authenticator,
      tls: { required: false, available: false, verify: false, handshakeFirst: false },
    });
    this.session.open();
  }

  /** Sends bytes in one piece, from a buffer that is used again. */
  send(...parts: (string | Uint8Array)[]): this {
    const buffer = concat(...parts);
    this.session.receive(buffer);
    buffer.fill(0x21);
    this.#settle();
    return this;
  }

  /** What has come since the last call, as text. */
  read(): string {
    this.#settle();
    return new TextDecoder().decode(this.link.written());
  }

  /** Time passes for this client, as the transport sees to it. */
  pass(ms: number): void {
    const { clock } = this.world;
    const end = clock.now() + ms;
    while (!this.#told && this.session.nextDeadline <= end) {
      clock.time = Math.max(clock.time, this.session.nextDeadline);
      this.session.tick(clock.time);
      this.#settle();
    }
    clock.time = end;
  }

  /** Why it was closed: the kind of the cause; undefined while it is open. */
  get closed(): string | undefined {
    this.#settle();
    return this.link.cause?.kind;
  }

  /** The client goes away. */
  leave(): void {
    this.link.close({ kind: "peer" });
    this.#settle();
  }

  #settle(): void {
    if (this.link.cause === undefined || this.#told) return;
    this.#told = true;
    this.session.closed(this.link.cause);
  }
}
