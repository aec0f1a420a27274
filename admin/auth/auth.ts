/**
 * Who may administer: keys, users, and the credentials of a request.
 */
import type { GatewayControl } from "../../gateway/control.ts";
import { Problem } from "../problem.ts";
import type { Caller } from "./caller.ts";
import { ApiKeys } from "./keys.ts";
import { Lockout } from "./lockout.ts";
import { Logins, type NewLogin } from "./logins.ts";
import { AdminUsers } from "./users.ts";

/** Name of the cookie that holds the token of a login. */
export const SESSION_COOKIE = "natsgate_session";

/** Credentials as they came. */
export interface Presented {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** The token in the cookie. */
  readonly cookie: string | undefined;
  /** Address of the caller. */
  readonly address: string;
}

/** Everything about who may administer. */
export class AdminAuth {
  readonly keys: ApiKeys;
  readonly users: AdminUsers;
  readonly logins: Logins;
  readonly #lockout: Lockout;

  constructor(readonly control: GatewayControl) {
    const now = () => control.now();
    this.keys = new ApiKeys(control);
    this.users = new AdminUsers(control);
    this.logins = new Logins(now, () => control.config.current.dashboard.token_expired_time);
    this.#lockout = new Lockout(now);
  }

  /**
   * Who calls; undefined without any credentials.
   * @throws {Problem} 401 for credentials that are wrong
   */
  identify({ authorization, cookie, address }: Presented): Caller | undefined {
    if (authorization !== undefined) {
      const [scheme, value = ""] = authorization.trim().split(/\s+/, 2);
      if (/^basic$/i.test(scheme!)) return this.#byKey(value, address);
      if (/^bearer$/i.test(scheme!)) return this.#byToken(value, "token");
      throw badHeader("expected `Authorization: Basic …` with an API key, or a Bearer token");
    }
    return cookie === undefined ? undefined : this.#byToken(cookie, "cookie");
  }

  /**
   * Opens a login.
   * @throws {Problem} 401 when name and password do not fit, or were tried too often
   */
  async login(username: string, password: string, address: string): Promise<NewLogin> {
    this.#checkLock(username, address);
    if (!await this.users.verify(username, password)) {
      this.#lockout.failed(username, address);
      this.control.log.warn("dashboard login refused", { username, peer: address });
      throw new Problem(401, "BAD_USERNAME_OR_PWD", "user name or password is wrong");
    }
    this.#lockout.succeeded(username, address);
    return this.logins.open(username, this.users.get(username)!.role);
  }

  /**
   * Makes the first user of the dashboard, for who has an administrator's key.
   * @throws {Problem} 401 for a wrong key, 400 when there are users already
   */
  async setUp(
    key: { readonly api_key: string; readonly api_secret: string },
    user: { readonly username: string; readonly password: string },
    address: string,
  ): Promise<NewLogin> {
    const caller = this.#checkKey(key.api_key, key.api_secret, address);
    if (caller.role !== "administrator" || caller.scopes !== undefined) {
      throw new Problem(403, "UNAUTHORIZED_ROLE", "this needs an administrator's key");
    }
    if (this.users.size > 0) {
      throw new Problem(400, "ALREADY_EXISTS", "there are users already: log in as one of them");
    }
    const { username, password } = user;
    await this.users.create({ username, description: "", role: "administrator" }, password);
    return this.logins.open(username, "administrator");
  }

  #byKey(credentials: string, address: string): Caller {
    let text: string;
    try {
      text = atob(credentials);
    } catch {
      throw badHeader("the credentials are not valid base64");
    }
    const colon = text.indexOf(":");
    if (colon < 0) throw badHeader("expected base64 of `api_key:api_secret`");
    return this.#checkKey(text.slice(0, colon), text.slice(colon + 1), address);
  }

  #checkKey(key: string, secret: string, address: string): Caller {
    this.#checkLock(`key ${key}`, address);
    const grant = this.keys.verify(key, secret);
    if (grant === undefined) {
      this.#lockout.failed(`key ${key}`, address);
      throw new Problem(401, "BAD_API_KEY_OR_SECRET", "API key or secret is wrong");
    }
    return { by: "key", ...grant, csrf: undefined };
  }

  #byToken(token: string, by: "token" | "cookie"): Caller {
    const login = this.logins.find(token);
    if (login === "expired") throw new Problem(401, "TOKEN_TIME_OUT", "log in again");
    if (login === "unknown") throw new Problem(401, "BAD_TOKEN", "log in again");
    return {
      by,
      name: login.username,
      role: login.role,
      scopes: undefined,
      csrf: by === "cookie" ? login.csrf : undefined,
    };
  }

  #checkLock(name: string, address: string): void {
    const wait_ms = this.#lockout.wait_ms(name, address);
    if (wait_ms === 0) return;
    const minutes = Math.ceil(wait_ms / 60_000);
    const message = `too many failed attempts; try again in ${minutes} minutes`;
    throw new Problem(401, "LOGIN_LOCKED", message);
  }
}

function badHeader(message: string): Problem {
  return new Problem(401, "AUTHORIZATION_HEADER_ERROR", message);
}
