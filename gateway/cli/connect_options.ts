/**
 * The options that all test-client commands share; `connect.ts` acts on them.
 */
import type { OptionSpec } from "./parse.ts";

/** Options of every command that connects to a broker. */
export const CONNECT_OPTIONS: readonly OptionSpec[] = [
  {
    name: "protocol",
    value: "NAME",
    choices: ["nats", "mqtt"],
    help: "what to speak over ws:// and wss://",
  },
  { name: "user", short: "u", value: "NAME", help: "user name, if not in the URL" },
  { name: "password-file", value: "FILE", help: "read the password from a file" },
  { name: "id", value: "ID", help: "MQTT client id, name of a NATS client" },
  {
    name: "mqtt-version",
    value: "V",
    choices: ["3.1.1", "5"],
    standard: "5",
    help: "version of MQTT",
  },
  { name: "creds", value: "FILE", help: "NATS: log in with the JWT and seed of a .creds file" },
  { name: "nkey", value: "FILE", help: "NATS: log in with the seed in a file" },
  { name: "cafile", value: "FILE", help: "trust the certificates in this PEM file" },
  { name: "cert", value: "FILE", help: "client certificate (PEM)" },
  { name: "key", value: "FILE", help: "key of the client certificate (PEM)" },
  { name: "insecure", help: "take any server certificate" },
  { name: "tls-first", help: "NATS: begin with TLS, do not wait for INFO" },
  {
    name: "timeout",
    value: "SECONDS",
    integer: { min: 1 },
    standard: "5",
    help: "how long to wait for the server",
  },
];
