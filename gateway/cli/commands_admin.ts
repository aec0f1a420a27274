/**
 * Rows of the table of commands: those that talk to a running gateway through its admin API.
 */
import { CONFIG_OPTION, OVERRIDES } from "./commands_gateway.ts";
import { PRINT_OPTIONS } from "./commands_client.ts";
import type { Command, OptionSpec } from "./parse.ts";

const JSON_OPTION: OptionSpec = { name: "json", help: "print JSON" };

/** Where the gateway is; without --url, where the configuration puts it. */
const API_OPTIONS: readonly OptionSpec[] = [
  { name: "url", value: "URL", help: "admin address; without it, the one in the configuration" },
  {
    name: "key-file",
    value: "FILE",
    help: "API key (key:secret) instead of admin.key of the data directory, or of the service",
  },
  { name: "cafile", value: "FILE", help: "for https: trust the certificates in this PEM file" },
  {
    name: "timeout",
    value: "SECONDS",
    integer: { min: 1 },
    standard: "5",
    help: "how long to wait for an answer",
  },
  CONFIG_OPTION,
  ...OVERRIDES,
];

/** Commands for a running gateway. */
export const ADMIN_COMMANDS: readonly Command[] = [
  {
    name: "status",
    summary: "show what a running gateway does",
    operands: [],
    options: [JSON_OPTION, ...API_OPTIONS],
    examples: ["natsgate status", "natsgate status --url http://10.0.0.7:18083 --key-file my.key"],
    load: async () => ({ run: (await import("./remote.ts")).status }),
  },
  {
    name: "health",
    summary: "end with 0 when the running gateway is ready (for containers)",
    operands: [],
    options: [JSON_OPTION, ...API_OPTIONS],
    text: "Ends with 1 when it is not ready and with 69 when nobody answers. Needs no key.",
    examples: ["natsgate health"],
    load: async () => ({ run: (await import("./remote.ts")).health }),
  },
  {
    name: "clients",
    summary: "list connected clients and sessions",
    operands: [],
    options: [
      { name: "like", value: "TEXT", help: "only client ids that hold this" },
      { name: "protocol", value: "NAME", choices: ["nats", "mqtt"], help: "only these" },
      {
        name: "limit",
        value: "N",
        integer: { min: 1, max: 10_000 },
        standard: "100",
        help: "at most so many of each protocol",
      },
      JSON_OPTION,
      ...API_OPTIONS,
    ],
    examples: ["natsgate clients --like sensor"],
    load: async () => ({ run: (await import("./remote.ts")).clients }),
  },
  {
    name: "kick",
    summary: "cut the connection of a client",
    operands: [{ name: "ID", help: "client id" }],
    options: [JSON_OPTION, ...API_OPTIONS],
    examples: ["natsgate kick sensor-7"],
    load: async () => ({ run: (await import("./remote.ts")).kick }),
  },
  {
    name: "tail",
    summary: "print live traffic of a running gateway (a sample when there is much)",
    operands: [
      {
        name: "FILTER",
        optional: true,
        help: "MQTT filter or nats:SUBJECT; everything without it",
      },
    ],
    options: [
      { name: "count", value: "N", integer: { min: 1 }, help: "end after N messages" },
      ...PRINT_OPTIONS,
      ...API_OPTIONS,
    ],
    examples: ["natsgate tail 'sensors/#' --json"],
    load: () => import("./tail.ts"),
  },
  {
    name: "reload",
    summary: "make a running gateway read its configuration again",
    operands: [],
    options: [JSON_OPTION, ...API_OPTIONS],
    text: "Everything is checked first; if anything is wrong, the running configuration stays.",
    examples: ["natsgate reload"],
    load: async () => ({ run: (await import("./remote.ts")).reload }),
  },
  {
    name: "backup",
    summary: "save users, rules, retained messages, sessions and settings into a file",
    operands: [{ name: "TO", path: true, help: "file to write; it must not be there yet" }],
    options: [JSON_OPTION, ...API_OPTIONS],
    examples: ["natsgate backup natsgate-monday.backup"],
    load: async () => ({ run: (await import("./remote.ts")).backup }),
  },
  {
    name: "restore",
    summary: "bring back what a backup holds",
    operands: [{ name: "FROM", path: true, help: "file that `natsgate backup` wrote" }],
    options: [JSON_OPTION, ...API_OPTIONS],
    examples: ["natsgate restore natsgate-monday.backup"],
    load: async () => ({ run: (await import("./remote.ts")).restore }),
  },
];
