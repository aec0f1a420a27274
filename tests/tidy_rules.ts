/**
 * The tables that the tidy test checks the sources against. A new exception goes here, with its
 * reason.
 */

/** The files of each protocol that turn bytes into frames and back. */
const CODECS = {
  nats: ["client", "control_line", "decode", "encode", "headers", "ops"],
  mqtt: [
    ...["codes", "decode", "decode_connect", "decode_packet", "encode", "encode_client"],
    ...["frames", "packets", "properties", "reader", "writer"],
  ],
};

function codecPattern(protocol: keyof typeof CODECS): RegExp {
  return new RegExp(`^gateway/${protocol}/(${CODECS[protocol].join("|")})\\.ts$`);
}

/** Of its own folder a codec knows the rest of the codec only. */
function codecOf(protocol: keyof typeof CODECS): string[] {
  const files = CODECS[protocol].map((name) => `gateway/${protocol}/${name}.ts`);
  return [...files, `!gateway/${protocol}/`];
}

/**
 * What each part of the gateway may import besides itself, first match wins. A name that ends
 * in "/" is a directory; one that begins with "!" is forbidden, but for files that are named.
 * Imports run one way: nothing here may be imported by what it imports.
 */
export const MAY_IMPORT: readonly (readonly [part: RegExp, allowed: readonly string[]])[] = [
  [/^main\.ts$/, ["gateway/cli/command.ts"]],
  [/^gateway\/(errors|clock|version|address|nkey_text|random_text)\.ts$/, []],
  // The codecs know bytes, and nothing of sessions, topics or each other.
  [codecPattern("nats"), ["gateway/protocol/", "gateway/errors.ts", ...codecOf("nats")]],
  [codecPattern("mqtt"), ["gateway/protocol/", "gateway/errors.ts", ...codecOf("mqtt")]],
  [/^gateway\/core\//, ["gateway/errors.ts"]],
  [/^gateway\/protocol\//, ["gateway/errors.ts"]],
  [
    /^gateway\/(nats|mqtt)\//,
    [
      "gateway/errors.ts",
      "gateway/core/",
      "gateway/protocol/",
      "gateway/auth/types.ts",
      "gateway/store/types.ts",
      "gateway/observe/log.ts",
      "gateway/observe/metrics.ts",
    ],
  ],
  [
    /^gateway\/auth\//,
    [
      "gateway/config/types.ts",
      "gateway/config/redis_words.ts",
      "gateway/config/values.ts",
      "gateway/errors.ts",
      "gateway/address.ts",
      "gateway/nkey_text.ts",
      "gateway/clock.ts",
      "gateway/core/",
      "gateway/protocol/session.ts",
      "gateway/store/types.ts",
      "gateway/observe/log.ts",
      "gateway/observe/metrics.ts",
    ],
  ],
  [
    /^gateway\/store\//,
    [
      "gateway/errors.ts",
      "gateway/clock.ts",
      "gateway/core/",
    ],
  ],
  [
    /^gateway\/transport\//,
    [
      "gateway/errors.ts",
      "gateway/address.ts",
      "gateway/clock.ts",
      "gateway/protocol/",
      "gateway/observe/log.ts",
    ],
  ],
  [/^gateway\/config\//, ["gateway/errors.ts", "gateway/address.ts", "gateway/nkey_text.ts"]],
  [/^gateway\/observe\//, ["gateway/clock.ts", "gateway/version.ts"]],
  // The test clients use the codecs; everything else of a running gateway comes through gateway.ts.
  [
    /^gateway\/cli\//,
    [
      "gateway/address.ts",
      "gateway/errors.ts",
      "gateway/nkey_text.ts",
      "gateway/clock.ts",
      "gateway/version.ts",
      "gateway/lifecycle.ts",
      "gateway/gateway.ts",
      "gateway/core/",
      "gateway/protocol/",
      "gateway/nats/",
      "gateway/mqtt/",
      "gateway/auth/",
      "gateway/config/",
      "gateway/observe/",
      "gateway/transport/",
      "gateway/store/memory_documents.ts",
      // `natsgate run` opens the admin port.
      "admin/server.ts",
    ],
  ],
  [
    /^admin\//,
    [
      "gateway/control.ts",
      "gateway/address.ts",
      "gateway/errors.ts",
      "gateway/random_text.ts",
      "gateway/version.ts",
      // Certificates of the HTTPS port, read and tried like those of any listener.
      "gateway/clock.ts",
      "gateway/transport/tls_contexts.ts",
      "gateway/transport/tls_judge.ts",
      "gateway/transport/tls_material.ts",
      "gateway/transport/tls_probe.ts",
      // Bodies of requests are checked by the schema of the configuration.
      "gateway/config/",
    ],
  ],
  // The composition root and what it is split into.
  [/^gateway\/(compose\/)?[a-z_]+\.ts$/, ["gateway/", "!gateway/cli/"]],
  [/^tests\//, ["gateway/", "admin/", "main.ts"]],
];

/** Where the machine may be named: `Deno.*` and `node:*`. Everything else is pure. */
export const MAY_TOUCH_MACHINE: readonly RegExp[] = [
  /^main\.ts$/,
  /^gateway\/clock\.ts$/,
  /^gateway\/(gateway|lifecycle|systemd)\.ts$/,
  /^gateway\/(transport|cli|auth)\//,
  /^gateway\/store\/sqlite\w*\.ts$/,
  /^gateway\/config\/read\.ts$/,
  /^admin\//,
  /^tests\//,
];

/** Pure modules of the runtime that any part may use. */
export const PURE_NODE_MODULES: readonly string[] = [];

/** Which part may use which package. Tests may use all. */
export const MAY_USE_PACKAGE: readonly (readonly [packages: RegExp, part: RegExp])[] = [
  [/^@logtape\/logtape$/, /^gateway\/observe\//],
  [/^(valibot|@valibot\/to-json-schema)$/, /^(gateway\/config|admin)\//],
  [/^smol-toml$/, /^(gateway\/config|admin)\//],
  [/^hono(\/|$)/, /^admin\//],
  [/^(ioredis|mysql2|postgres|mongodb|ldapts|jose|bcryptjs)(\/|$)/, /^gateway\/auth\//],
];

/** Lines of a file of the program at most. */
export const FILE_LINES_MAX = 400;
/** Tests are lists of cases, which are easier to read in one place. */
export const TEST_LINES_MAX = 500;
/** Files that are longer for a reason. */
export const LONG_FILES: ReadonlyMap<string, string> = new Map();

/** Lines of a function at most. */
export const FUNCTION_LINES_MAX = 70;
/** Functions that are longer for a reason, as `path:line text`. */
export const LONG_FUNCTIONS: ReadonlyMap<string, string> = new Map();
