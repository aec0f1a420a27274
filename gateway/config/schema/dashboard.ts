/** `[dashboard]`, `[api_key]`, `[prometheus]`: administration. */
import * as v from "valibot";
import { bindOrZero, count, duration, flag, requiredText, section, table, text } from "./kinds.ts";
import { serverTls } from "./tls.ts";

/** `[dashboard]`: the admin API and its pages. */
export const dashboard = section({
  /** The first user of the pages, made while there is none and a password is given. */
  default_username: text("admin"),
  default_password: v.optional(
    v.pipe(
      v.string("expected text"),
      v.check(
        (password) => password !== "public" && goodPassword(password),
        "must have 8 to 64 ASCII characters of at least two kinds " +
          "(lower case, upper case, digits, others)",
      ),
    ),
  ),
  /** A login without use ends after this long. */
  token_expired_time: duration("60m", 1, 1000),
  /** True: pages of other origins may use the API. */
  cors: flag(false),
  /** The page that describes the API. */
  swagger_support: flag(true),
  listeners: section({
    http: section({
      bind: bindOrZero("127.0.0.1:18083"),
      max_connections: count(512, 1),
    }),
    https: section({
      bind: bindOrZero(0),
      max_connections: count(512, 1),
      ssl_options: serverTls,
    }),
  }),
});

/** `[api_key]`. */
export const apiKey = section({
  /** A file of `key:secret[:role[:scopes]]` lines. */
  bootstrap_file: text(""),
  keys: v.optional(
    v.array(
      table({
        key: requiredText,
        secret: requiredText,
        role: v.optional(
          v.picklist(
            ["administrator", "viewer", "publisher"],
            'expected "administrator", "viewer" or "publisher"',
          ),
          "administrator",
        ),
        /** Left out: all. */
        scopes: v.optional(v.array(v.string("expected text"), "expected an array of texts")),
      }),
      "expected an array of tables: [[api_key.keys]]",
    ),
    [],
  ),
});

/** `[prometheus]`. */
export const prometheus = section({
  /** Metrics need credentials. */
  enable_basic_auth: flag(true),
});

function goodPassword(password: string): boolean {
  if (!/^[\x20-\x7e]{8,64}$/.test(password)) return false;
  const kinds = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/];
  return kinds.filter((kind) => kind.test(password)).length >= 2;
}
