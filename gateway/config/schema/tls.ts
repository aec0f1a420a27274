/** TLS: `ssl_options` of listeners, `ssl` of connections to backends. */
import * as v from "valibot";
import { cipherNamed, CIPHERS } from "../ciphers.ts";
import {
  choice,
  duration,
  flag,
  integer,
  optionalText,
  section,
  table,
  textList,
  wordList,
} from "./kinds.ts";
import type { SecurityProfile } from "./profile.ts";

const VERSIONS = ["tlsv1.3", "tlsv1.2"] as const;

const versions = v.optional(
  v.pipe(
    v.array(
      v.picklist(VERSIONS, 'expected "tlsv1.3" or "tlsv1.2" (older versions are not safe)'),
      "expected an array of TLS versions",
    ),
    v.nonEmpty("must name at least one TLS version"),
  ),
  [...VERSIONS],
);

/** A path, or the PEM text itself. */
const pem = v.optional(v.string("expected a path or PEM text"));

const LOG_LEVELS = [
  "emergency",
  "alert",
  "critical",
  "error",
  "warning",
  "notice",
  "info",
  "debug",
  "none",
  "all",
] as const;

/** Names of OpenSSL or the IANA, which become those of OpenSSL; empty: all suites there are. */
const ciphers = v.optional(
  v.pipe(
    v.union([v.string(), v.array(v.string())], "expected cipher names"),
    v.transform((value) => typeof value === "string" ? value.split(/[:,\s]+/) : value),
    v.transform((names) => names.filter((name) => name !== "")),
    v.check(
      (names) => names.every((name) => cipherNamed(name) !== undefined),
      ({ input }) => {
        const unknown = input.filter((name) => cipherNamed(name) === undefined).join(", ");
        return `names suites that the runtime does not have: ${unknown}. It has ` +
          CIPHERS.join(", ");
      },
    ),
    v.transform((names) => names.map((name) => cipherNamed(name)!)),
  ),
  [],
);

/** `ssl_options` of an `ssl`, `wss` or https listener. */
export const serverTls = section({
  certfile: pem,
  keyfile: pem,
  cacertfile: pem,
  /** Passphrase of the key. */
  password: optionalText,
  verify: choice(["verify_none", "verify_peer"], "verify_none"),
  fail_if_no_peer_cert: flag(false),
  /** Intermediate certificates that may stand between a client's and an authority's. */
  depth: integer(10, 0, 255),
  versions,
  ciphers,
  honor_cipher_order: flag(true),
  handshake_timeout: duration("15s", 1, 1),
  reuse_sessions: flag(false),
  session_tickets: choice(["disabled", "stateless", "stateless_with_cert"], "disabled"),
  /** Further certificates, picked by the name that the client asks for. */
  sni: v.optional(
    v.array(
      table({
        hosts: wordList([]),
        certfile: v.string("expected a path or PEM text"),
        keyfile: v.string("expected a path or PEM text"),
        password: optionalText,
      }),
      "expected an array of tables",
    ),
    [],
  ),
  dhfile: pem,
  partial_chain: v.optional(
    v.union([v.boolean(), v.picklist(["cacert_from_cacertfile", "two_cacerts_from_cacertfile"])]),
  ),
  verify_peer_ext_key_usage: optionalText,
  enable_crl_check: flag(false),
  crlfile: pem,
  secure_renegotiate: flag(true),
  client_renegotiation: flag(true),
  hibernate_after: duration("5s"),
  gc_after_handshake: flag(false),
  log_level: choice(LOG_LEVELS, "notice"),
});

/** `ssl` of a connection that the gateway opens. */
export function clientTls(profile: SecurityProfile) {
  return section({ enable: flag(false), ...clientTlsEntries(profile) });
}

/** `ssl` beside a URL: `enable` left out follows its scheme; see `tlsByScheme`. */
export function urlTls(profile: SecurityProfile) {
  const enable = v.optional(v.boolean("expected true or false"));
  return section({ enable, ...clientTlsEntries(profile) });
}

/** Settles `ssl.enable` where it was left out. `url`: which URL it is about. */
export function tlsByScheme<
  Entries extends { ssl: { enable?: boolean | undefined } },
>(url: (entries: Entries) => string) {
  return v.transform((entries: Entries) => ({
    ...entries,
    ssl: { ...entries.ssl, enable: entries.ssl.enable ?? /^https:/i.test(url(entries)) },
  }));
}

function clientTlsEntries(profile: SecurityProfile) {
  return {
    verify: choice(
      ["verify_none", "verify_peer"],
      profile === "hardened" ? "verify_peer" : "verify_none",
    ),
    certfile: pem,
    keyfile: pem,
    cacertfile: pem,
    /** Passphrase of the key. */
    password: optionalText,
    /** Name to ask for and check, when it is not the host's; `disable`: ask for none. */
    server_name_indication: optionalText,
    depth: integer(10, 0, 255),
    versions,
    ciphers: textList([]),
    reuse_sessions: flag(true),
    secure_renegotiate: flag(true),
    middlebox_comp_mode: flag(true),
    hibernate_after: duration("5s"),
    log_level: choice(LOG_LEVELS, "notice"),
  };
}
