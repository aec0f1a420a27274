/**
 * Rows of the table of commands: the test clients for NATS and MQTT.
 */
import { CONNECT_OPTIONS } from "./connect_options.ts";
import type { Command, OperandSpec, OptionSpec } from "./parse.ts";

const URL_OPERAND: OperandSpec = {
  name: "URL",
  help: "broker, such as nats://127.0.0.1:4222 (`natsgate help urls`)",
};
const PAYLOAD_OPERAND: OperandSpec = {
  name: "PAYLOAD",
  optional: true,
  help: "text to send; without it, --file or standard input",
};
const QOS_OPTION: OptionSpec = {
  name: "qos",
  short: "q",
  value: "N",
  choices: ["0", "1", "2"],
  standard: "0",
  help: "delivery guarantee",
};
const PAYLOAD_OPTIONS: readonly OptionSpec[] = [
  { name: "file", short: "f", value: "FILE", help: "send what a file holds" },
  { name: "header", short: "H", value: "NAME:VALUE", many: true, help: "header or user property" },
  { name: "retain", short: "r", help: "the broker keeps the message for later subscribers" },
];
/** How to print messages. */
export const PRINT_OPTIONS: readonly OptionSpec[] = [
  { name: "raw", help: "print payloads only" },
  { name: "json", help: "print one JSON object a message" },
];

/** Commands that connect to a broker as a client. */
export const CLIENT_COMMANDS: readonly Command[] = [
  {
    name: "pub",
    summary: "publish a message as a NATS or MQTT client",
    operands: [
      URL_OPERAND,
      { name: "NAME", help: "NATS subject or MQTT topic, as the URL's protocol spells it" },
      PAYLOAD_OPERAND,
    ],
    options: [
      QOS_OPTION,
      ...PAYLOAD_OPTIONS,
      { name: "lines", help: "each line of the input is a message" },
      { name: "count", value: "N", integer: { min: 1 }, standard: "1", help: "send it so often" },
      {
        name: "interval",
        value: "MS",
        integer: { min: 0 },
        standard: "0",
        help: "milliseconds between two of --count",
      },
      ...CONNECT_OPTIONS,
    ],
    examples: [
      "natsgate pub nats://127.0.0.1:4222 sensors.kitchen 21.5",
      "natsgate pub mqtt://127.0.0.1:1883 sensors/kitchen 21.5 --retain --qos 1",
    ],
    load: () => import("./pub.ts"),
  },
  {
    name: "sub",
    summary: "print messages as a NATS or MQTT client",
    operands: [
      URL_OPERAND,
      { name: "FILTER", many: true, help: "subjects or topics; wildcards are * > or + #" },
    ],
    options: [
      QOS_OPTION,
      {
        name: "group",
        short: "g",
        value: "NAME",
        help: "join a queue group (shared subscription)",
      },
      { name: "count", value: "N", integer: { min: 1 }, help: "end after N messages" },
      {
        name: "wait",
        value: "SECONDS",
        integer: { min: 1 },
        help: "end then; with --count it is a failure to end before N messages",
      },
      ...PRINT_OPTIONS,
      ...CONNECT_OPTIONS,
    ],
    examples: [
      "natsgate sub mqtt://127.0.0.1:1883 'sensors/#'",
      "natsgate sub nats://127.0.0.1:4222 'sensors.*' --group workers --json",
    ],
    load: () => import("./sub.ts"),
  },
  {
    name: "request",
    summary: "send a request and print the answer",
    operands: [
      URL_OPERAND,
      { name: "NAME", help: "NATS subject or MQTT topic of the responder" },
      PAYLOAD_OPERAND,
    ],
    options: [
      QOS_OPTION,
      ...PAYLOAD_OPTIONS.filter((option) => option.name !== "retain"),
      ...PRINT_OPTIONS,
      ...CONNECT_OPTIONS,
    ],
    text: "Ends with 1 when nobody is subscribed to NAME, and with 69 when nobody answers in time.",
    examples: ["natsgate request nats://127.0.0.1:4222 time.now '' --timeout 2"],
    load: () => import("./request.ts"),
  },
  {
    name: "bench",
    summary: "measure rates and latencies from publishers to subscribers",
    operands: [URL_OPERAND],
    options: [
      { name: "sub-url", value: "URL", help: "where subscribers connect to, if not to URL" },
      { name: "name", value: "NAME", standard: "bench", help: "subject or topic to publish to" },
      {
        name: "sub-name",
        value: "FILTER",
        help: "what to subscribe to, if it is spelled in another way",
      },
      { name: "pubs", value: "N", integer: { min: 1 }, standard: "1", help: "publishers" },
      { name: "subs", value: "N", integer: { min: 0 }, standard: "1", help: "subscribers" },
      { name: "group", short: "g", value: "NAME", help: "subscribers share the messages" },
      { name: "size", value: "BYTES", integer: { min: 8 }, standard: "128", help: "payload" },
      QOS_OPTION,
      {
        name: "duration",
        value: "SECONDS",
        integer: { min: 1 },
        standard: "5",
        help: "how long to publish",
      },
      {
        name: "count",
        value: "N",
        integer: { min: 1 },
        help: "messages in all, instead of a time",
      },
      {
        name: "rate",
        value: "N",
        integer: { min: 0 },
        standard: "0",
        help: "messages a second in all; 0: as fast as it goes",
      },
      {
        name: "window",
        value: "N",
        integer: { min: 1 },
        help: "messages on their way to one subscriber at most; 10000, or 8 MB of payload",
      },
      { name: "json", help: "print JSON" },
      ...CONNECT_OPTIONS,
    ],
    text:
      "Without --rate, latencies are mostly the time that messages wait in full queues: use a " +
      "rate\nbelow the maximum to see those of normal work. Ends with 1 when messages were lost.",
    examples: [
      "natsgate bench nats://127.0.0.1:4222 --subs 10 --duration 10",
      "natsgate bench mqtt://127.0.0.1:1883 --sub-url nats://127.0.0.1:4222 --rate 5000 --qos 1",
    ],
    load: () => import("./bench.ts"),
  },
];
