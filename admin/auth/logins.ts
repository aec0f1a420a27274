/**
 * Who is logged in: by a token that only the client has; here is its digest.
 */
import { randomText } from "../../gateway/random_text.ts";
import { digest } from "./secret.ts";
import type { UserRole } from "./users.ts";

/** A login. */
export interface Login {
  readonly username: string;
  readonly role: UserRole;
  /** What changes must carry when the token came in a cookie. */
  readonly csrf: string;
}

/** A new login, with what proves it from now on. */
export interface NewLogin extends Login {
  readonly token: string;
}

/** Logins at a time; the one that was used longest ago ends first. */
const LOGINS_MAX = 1000;
/** 43 letters of 62 carry 256 bits. */
const TOKEN_LETTERS = 43;

/** What a token is worth: a login, or why not. */
export type Found = Login | "unknown" | "expired";

/** All logins. They do not survive a restart. */
export class Logins {
  /** By digest of the token, used longest ago first. */
  readonly #logins = new Map<string, { readonly login: Login; expiresAt: number }>();

  /** @param life_ms how long a login lives without being used */
  constructor(readonly now: () => number, readonly life_ms: () => number) {}

  open(username: string, role: UserRole): NewLogin {
    const token = randomText(TOKEN_LETTERS);
    const login: Login = { username, role, csrf: randomText(TOKEN_LETTERS) };
    this.#logins.set(digest(token), { login, expiresAt: this.now() + this.life_ms() });
    const [oldest] = this.#logins.keys();
    if (this.#logins.size > LOGINS_MAX) this.#logins.delete(oldest!);
    return { ...login, token };
  }

  /** The login of a token; use renews it. */
  find(token: string): Found {
    const id = digest(token);
    const known = this.#logins.get(id);
    if (known === undefined) return "unknown";
    this.#logins.delete(id);
    if (known.expiresAt <= this.now()) return "expired";
    known.expiresAt = this.now() + this.life_ms();
    this.#logins.set(id, known);
    return known.login;
  }

  close(token: string): void {
    this.#logins.delete(digest(token));
  }

  /** Ends every login of a user: the password, the role or the user has changed. */
  closeAll(username: string): void {
    for (const [id, { login }] of this.#logins) {
      if (login.username === username) this.#logins.delete(id);
    }
  }
}
