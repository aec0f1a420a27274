/**
 * Rows of the table of commands: small tools that need no running gateway.
 */
import { CONFIG_OPTION, OVERRIDES } from "./commands_gateway.ts";
import type { Command, OptionSpec } from "./parse.ts";

const JSON_OPTION: OptionSpec = { name: "json", help: "print JSON" };

/** The data directory of the services that `natsgate service` prints. */
export const SERVICE_DATA_DIR = "/var/lib/natsgate";

/** Commands that answer by themselves. */
export const TOOL_COMMANDS: readonly Command[] = [
  {
    name: "translate",
    summary: "show a name as NATS and as MQTT spell it",
    operands: [{ name: "NAME", help: "subject, topic or filter" }],
    options: [
      {
        name: "from",
        value: "SIDE",
        choices: ["nats", "mqtt"],
        help: "how NAME is spelled; without it, a slash makes it MQTT",
      },
      {
        name: "mapping",
        value: "KIND",
        choices: ["lossless", "plain"],
        standard: "lossless",
        help: "gateway.nats.topic_mapping",
      },
      JSON_OPTION,
    ],
    text: "Ends with 1 when the other side has no spelling for it.",
    examples: ["natsgate translate 'sensors/+/temp'", "natsgate translate 'sensors.*.temp'"],
    load: () => import("./translate.ts"),
  },
  {
    name: "acl test",
    summary: "say whether a client may publish or subscribe, and which rule decides",
    operands: [
      { name: "ACTION", choices: ["publish", "subscribe"], help: "publish or subscribe" },
      { name: "NAME", help: "topic or filter; a subject with --protocol=nats" },
    ],
    options: [
      CONFIG_OPTION,
      ...OVERRIDES,
      {
        name: "protocol",
        value: "NAME",
        choices: ["nats", "mqtt"],
        standard: "mqtt",
        help: "protocol of the client",
      },
      { name: "user", short: "u", value: "NAME", help: "user name of the client" },
      { name: "id", value: "ID", help: "client id" },
      { name: "address", value: "IP", standard: "127.0.0.1", help: "address of the client" },
      { name: "qos", value: "N", choices: ["0", "1", "2"], standard: "0", help: "QoS" },
      { name: "retain", help: "of a publish" },
      { name: "group", value: "NAME", help: "queue group of a subscription" },
      JSON_OPTION,
    ],
    text:
      "Asks the sources of the configuration, without a running gateway. Ends with 1 when the " +
      "client\nmay not.",
    examples: ["natsgate acl test publish alarms/fire --user kitchen --config config.toml"],
    load: () => import("./acl.ts"),
  },
  {
    name: "hash-password",
    summary: "hash a password for a bootstrap file or a database",
    operands: [],
    options: [
      {
        name: "algorithm",
        value: "NAME",
        choices: ["bcrypt", "pbkdf2", "sha256", "sha512", "sha", "md5"],
        standard: "bcrypt",
        help: "as in password_hash_algorithm",
      },
      {
        name: "rounds",
        value: "N",
        integer: { min: 5, max: 10 },
        standard: "10",
        help: "cost of bcrypt",
      },
      {
        name: "mac",
        value: "NAME",
        choices: ["sha", "sha224", "sha256", "sha384", "sha512"],
        standard: "sha256",
        help: "digest of pbkdf2",
      },
      {
        name: "iterations",
        value: "N",
        integer: { min: 1, max: 10_000_000 },
        standard: "600000",
        help: "of pbkdf2",
      },
      {
        name: "salt-position",
        value: "WHERE",
        choices: ["prefix", "suffix", "disable"],
        standard: "prefix",
        help: "for sha and md5",
      },
      JSON_OPTION,
    ],
    text: "Reads the password from standard input; a line feed at its end is taken off.",
    examples: ["natsgate hash-password < password.txt"],
    load: () => import("./hash_password.ts"),
  },
  {
    name: "nkey gen",
    summary: "make a key pair for NATS logins: the seed, then the public key",
    operands: [
      {
        name: "KIND",
        optional: true,
        choices: ["user", "account", "operator"],
        help: "whose key it is; a user's without it",
      },
    ],
    options: [JSON_OPTION],
    examples: ["natsgate nkey gen user"],
    load: async () => ({ run: (await import("./keys.ts")).generate }),
  },
  {
    name: "nkey show",
    summary: "print the public key of a seed",
    operands: [],
    options: [JSON_OPTION],
    text: "Reads the seed from standard input.",
    examples: ["natsgate nkey show < user.nk"],
    load: async () => ({ run: (await import("./keys.ts")).show }),
  },
  {
    name: "nkey inspect",
    summary: "say what a public key, seed, JWT or creds file is, and what is wrong with it",
    operands: [{ name: "KEY", optional: true, help: "a public key; else standard input is read" }],
    options: [JSON_OPTION],
    text: "Seeds are never shown. Ends with 1 when the text is good for nothing.",
    examples: ["natsgate nkey inspect < user.creds"],
    load: async () => ({ run: (await import("./keys.ts")).inspect }),
  },
  {
    name: "cert self-signed",
    summary: "make a CA and a server certificate for tests and closed networks",
    operands: [
      {
        name: "HOST",
        optional: true,
        many: true,
        help: "names and addresses of the server; without one, those of this host",
      },
    ],
    options: [
      { name: "out", short: "o", value: "DIR", standard: ".", help: "where to write the files" },
      {
        name: "days",
        value: "N",
        integer: { min: 1, max: 36_500 },
        standard: "365",
        help: "how long they are valid",
      },
      { name: "client", value: "NAME", help: "make a client certificate for this name, too" },
    ],
    text: "Writes ca.pem, cert.pem and key.pem; never over a file that is there.",
    examples: ["natsgate cert self-signed gateway.local 192.168.1.7 --out certs"],
    load: () => import("./cert.ts"),
  },
  {
    name: "service",
    summary: "print a file that makes the gateway a service",
    operands: [
      {
        name: "MANAGER",
        choices: ["systemd", "openrc", "docker"],
        help: "systemd: a unit; openrc: an init script; docker: a Dockerfile",
      },
    ],
    options: [
      { name: "binary", value: "FILE", standard: "/usr/bin/natsgate", help: "the program" },
      {
        name: "config",
        short: "c",
        value: "FILE",
        standard: "/etc/natsgate/config.toml",
        help: "its configuration",
      },
      { name: "data-dir", value: "DIR", standard: SERVICE_DATA_DIR, help: "its data" },
      { name: "user", value: "NAME", standard: "natsgate", help: "whom it runs as" },
    ],
    examples: ["natsgate service systemd > /etc/systemd/system/natsgate.service"],
    load: () => import("./service.ts"),
  },
  {
    name: "completion",
    summary: "print the completions for a shell",
    operands: [{ name: "SHELL", choices: ["bash", "zsh", "fish"], help: "which shell" }],
    options: [],
    examples: ["natsgate completion bash > /usr/share/bash-completion/completions/natsgate"],
    load: () => import("./completion.ts"),
  },
  {
    name: "man",
    summary: "print the manual page",
    operands: [],
    options: [],
    examples: ["natsgate man > /usr/share/man/man1/natsgate.1"],
    load: () => import("./man.ts"),
  },
  {
    name: "version",
    summary: "print version, commit and runtime",
    operands: [],
    options: [JSON_OPTION],
    examples: ["natsgate version --json"],
    load: () => import("./version.ts"),
  },
  {
    name: "help",
    summary: "explain a command or a topic",
    operands: [{ name: "TOPIC", optional: true, many: true, help: "a command or a topic" }],
    options: [],
    examples: ["natsgate help sub", "natsgate help names"],
    load: () => import("./help.ts"),
  },
];
