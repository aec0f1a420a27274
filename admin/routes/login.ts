/**
 * Logging in and out.
 */
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import * as v from "valibot";
import { VERSION } from "../../gateway/version.ts";
import { type AdminContext, type Api, done, json } from "../api.ts";
import { SESSION_COOKIE } from "../auth/auth.ts";
import type { NewLogin } from "../auth/logins.ts";
import { Problem } from "../problem.ts";

const text = v.pipe(v.string("expected text"), v.maxLength(1000, "is too long"));
const Session = v.object({
  token: v.string(),
  version: v.string(),
  role: v.string(),
  license: v.object({ edition: v.string() }),
});

/** `/login`, `/logout` and `/setup`. */
export function loginRoutes(api: Api): void {
  const { auth, control } = api.deps;
  const tag = "Login";
  api.on({
    method: "post",
    path: "/login",
    summary: "Log in with user name and password; gives a token for the Authorization header",
    tag,
    scope: "system",
    open: true,
    body: v.strictObject({ username: text, password: text, mfa_token: v.optional(text) }),
    answers: { 200: Session },
    errors: [401],
  }, async ({ context, body }) => {
    const login = await auth.login(body.username, body.password, addressOf(context));
    return json(sessionOf(login));
  });

  api.on({
    method: "post",
    path: "/setup",
    summary: "Make the first user of the dashboard with an administrator's API key",
    tag,
    scope: "system",
    open: true,
    body: v.strictObject({ api_key: text, api_secret: text, username: text, password: text }),
    answers: { 200: Session },
    errors: [401, 403],
  }, async ({ context, body }) => {
    const login = await auth.setUp(body, body, addressOf(context));
    control.log.info("the first dashboard user was made", { username: login.username });
    return json(sessionOf(login));
  });

  api.on({
    method: "post",
    path: "/logout",
    summary: "End the login",
    tag,
    scope: "system",
    loginOnly: true,
    also: "viewer",
    body: v.strictObject({ username: text }),
    answers: { 204: null },
  }, ({ context, body, caller }) => {
    if (body.username !== caller.name) {
      throw new Problem(401, "WRONG_TOKEN_OR_USERNAME", "the token is not that user's");
    }
    closeSession(context, api);
    return done();
  });
}

function sessionOf(login: NewLogin) {
  const { token, role } = login;
  return { token, version: VERSION, role, license: { edition: "opensource" } };
}

/** Address of the caller, for the brake on guessing. */
export function addressOf(context: AdminContext): string {
  return context.env?.address ?? "";
}

/** Gives the browser the token of a login, out of reach of scripts and other sites. */
export function setSession(context: AdminContext, login: NewLogin): void {
  setCookie(context, SESSION_COOKIE, login.token, {
    path: "/",
    httpOnly: true,
    sameSite: "Strict",
    secure: context.env?.secure ?? false,
  });
}

/** Ends the login of the request, in whichever way its token came. */
export function closeSession(context: AdminContext, { deps }: Pick<Api, "deps">): void {
  const bearer = /^bearer\s+(\S+)$/i.exec(context.req.header("authorization") ?? "")?.[1];
  const token = bearer ?? getCookie(context, SESSION_COOKIE);
  if (token !== undefined) deps.auth.logins.close(token);
  deleteCookie(context, SESSION_COOKIE, { path: "/" });
}
