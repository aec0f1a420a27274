/**
 * Rows of the table of commands: the gateway and its configuration.
 */
import type { Command, OptionSpec } from "./parse.ts";

/** Which configuration to use. */
export const CONFIG_OPTION: OptionSpec = {
  name: "config",
  short: "c",
  value: "FILE",
  help: "configuration; without it ./config.toml if it is there, else built-in defaults",
};
/** What overrides it on the command line. */
export const OVERRIDES: readonly OptionSpec[] = [
  {
    name: "set",
    value: "NAME=VALUE",
    many: true,
    help: "override one setting, such as gateway.nats.mountpoint=edge/",
  },
  { name: "data-dir", value: "DIR", help: "where the store and generated keys live" },
];

/** Commands about the gateway on this machine. */
export const GATEWAY_COMMANDS: readonly Command[] = [
  {
    name: "run",
    summary: "start the gateway (this is what happens without a command)",
    operands: [],
    options: [
      CONFIG_OPTION,
      ...OVERRIDES,
      {
        name: "log-level",
        value: "LEVEL",
        choices: ["debug", "info", "warning", "error"],
        help: "instead of log.console.level",
      },
      {
        name: "debug-client",
        value: "ID",
        many: true,
        help: "write debug lines for this client id (* stands for any text)",
      },
      { name: "watch", help: "read the configuration again whenever its file changes" },
    ],
    text: "Logs to standard error. SIGTERM and SIGINT stop it, SIGHUP reads the configuration " +
      "again;\nsee `natsgate help signals`.",
    examples: [
      "natsgate --config /etc/natsgate/config.toml",
      "natsgate run --set gateway.nats.listeners.tcp.default.bind=4222",
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "check",
    summary: "validate the configuration and print every problem with line and column",
    operands: [],
    options: [
      CONFIG_OPTION,
      ...OVERRIDES,
      { name: "strict", help: "warnings make it invalid, too" },
      { name: "json", help: "print JSON" },
    ],
    text: "Changes nothing. Ends with 78 when the configuration is not valid.",
    examples: ["natsgate check --config config.toml --strict"],
    load: () => import("./check.ts"),
  },
  {
    name: "config diff",
    summary: "say what a change from one configuration file to another would do",
    operands: [
      { name: "OLD", path: true, help: "configuration file" },
      { name: "NEW", path: true, help: "configuration file" },
    ],
    options: [...OVERRIDES, { name: "json", help: "print JSON" }],
    text: "Ends with 1 when they differ in effect, with 0 when they do not.",
    examples: ["natsgate config diff config.toml config.new.toml"],
    load: () => import("./config_diff.ts"),
  },
];
