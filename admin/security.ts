/**
 * What every request passes before anything else: who calls, where from, and what the browser is
 * told to refuse.
 */
import type { MiddlewareHandler } from "hono";
import { getCookie } from "hono/cookie";
import type { AdminDeps, AdminEnv } from "./api.ts";
import { SESSION_COOKIE } from "./auth/auth.ts";
import type { Caller } from "./auth/caller.ts";
import { sameText } from "./auth/secret.ts";
import { Problem } from "./problem.ts";

/** Header that carries the CSRF token of a login by cookie. */
const CSRF_HEADER = "x-csrf-token";
/** The same in a form. */
export const CSRF_FIELD = "_csrf";

const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  // The test client of the dashboard talks to the listeners.
  "connect-src 'self' ws: wss:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Headers that keep browsers from being tricked. */
export const securityHeaders: MiddlewareHandler<AdminEnv> = async (context, next) => {
  await next();
  const { headers } = context.res;
  headers.set("content-security-policy", POLICY);
  headers.set("x-content-type-options", "nosniff");
  headers.set("x-frame-options", "DENY");
  headers.set("referrer-policy", "same-origin");
  headers.set("cross-origin-opener-policy", "same-origin");
  headers.set("cross-origin-resource-policy", "same-origin");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
  if (context.env?.secure) headers.set("strict-transport-security", "max-age=31536000");
};

/** `dashboard.cors`: pages of other origins may use the API, with credentials in the header. */
export function cors({ control }: AdminDeps): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    const allowed = control.config.current.dashboard.cors &&
      context.req.header("origin") !== undefined;
    if (allowed && context.req.method === "OPTIONS") {
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-origin": "*",
          "access-control-allow-methods": "GET, POST, PUT, DELETE",
          "access-control-allow-headers": "authorization, content-type, if-match",
          "access-control-max-age": "600",
        },
      });
    }
    await next();
    if (allowed) {
      context.res.headers.set("access-control-allow-origin", "*");
      context.res.headers.set("access-control-expose-headers", "etag");
      context.res.headers.set("cross-origin-resource-policy", "cross-origin");
    }
    return undefined;
  };
}

/** Finds out who calls. Wrong credentials are refused where credentials are needed. */
export function identify({ auth }: AdminDeps): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    try {
      const caller = auth.identify({
        authorization: context.req.header("authorization"),
        cookie: getCookie(context, SESSION_COOKIE),
        address: context.env?.address ?? "",
      });
      context.set("caller", caller);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      context.set("refusal", error);
    }
    await next();
  };
}

/**
 * Changes must come from our own pages or from programs: a page elsewhere can make a browser send
 * the credentials that it holds.
 */
export function refuseForgery({ control }: AdminDeps): MiddlewareHandler<AdminEnv> {
  return async (context, next) => {
    const { method, url } = context.req;
    if (method === "GET" || method === "HEAD" || method === "OPTIONS") return await next();
    const caller = context.get("caller");
    const origin = context.req.header("origin");
    if (
      origin !== undefined && !sameHost(origin, context.req.header("host") ?? hostOf(url) ?? "")
    ) {
      const open = control.config.current.dashboard.cors && caller?.by === "token";
      if (!open) throw new Problem(403, "FORBIDDEN", "changes from pages elsewhere are refused");
    }
    if (caller?.csrf !== undefined && !await hasToken(context, caller)) {
      const message = `changes need the ${CSRF_HEADER} header; load the page again`;
      throw new Problem(403, "FORBIDDEN", message);
    }
    await next();
  };
}

async function hasToken(
  context: Parameters<MiddlewareHandler<AdminEnv>>[0],
  caller: Caller,
): Promise<boolean> {
  const header = context.req.header(CSRF_HEADER);
  if (header !== undefined) return sameText(header, caller.csrf!);
  const type = context.req.header("content-type") ?? "";
  if (!/^(application\/x-www-form-urlencoded|multipart\/form-data)/i.test(type)) return false;
  const field = (await context.req.parseBody())[CSRF_FIELD];
  return typeof field === "string" && sameText(field, caller.csrf!);
}

function sameHost(origin: string, host: string): boolean {
  return hostOf(origin) === host.toLowerCase();
}

function hostOf(url: string): string | undefined {
  try {
    return new URL(url).host;
  } catch {
    return undefined;
  }
}
