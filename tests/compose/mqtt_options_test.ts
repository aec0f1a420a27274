import assert from "node:assert/strict";
import {
  certificateNames,
  mqttOptions,
  retainedLimits,
} from "../../gateway/compose/mqtt_options.ts";
import { loadConfig } from "../../gateway/config/load.ts";
import { FakeLink } from "../kit/fake_link.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nbmF0c2dh\ndGU=\n-----END CERTIFICATE-----\n";
const CERTIFICATE = {
  commonName: "device",
  subject: "CN=device,O=x",
  fingerprint256: "",
  pem: PEM,
};

for (
  const [part, name] of [
    ["disabled", undefined],
    ["cn", "device"],
    ["dn", "CN=device,O=x"],
    ["pem", PEM],
    ["crt", "bmF0c2dhdGU="],
    // Of the word "natsgate", which stands in for a certificate here.
    ["md5", "431c4e0563825b75e0c25972937836a4"],
  ] as const
) {
  Deno.test(`peer_cert_as_username and peer_cert_as_clientid: ${part}`, () => {
    const text = `[mqtt]\npeer_cert_as_username = "${part}"\npeer_cert_as_clientid = "${part}"\n`;
    const names = certificateNames(loadConfig({ text }).config!);
    const { peer } = new FakeLink();
    assert.deepEqual(names({ ...peer, certificate: CERTIFICATE }), {
      username: name,
      clientId: name,
    });
    assert.deepEqual(names(peer), { username: undefined, clientId: undefined });
  });
}

Deno.test("a certificate that a proxy tells of has its names only", () => {
  const names = certificateNames(
    loadConfig({
      text: '[mqtt]\npeer_cert_as_username = "cn"\npeer_cert_as_clientid = "md5"\n',
    }).config!,
  );
  const certificate = { commonName: "device", subject: "CN=device", fingerprint256: "" };
  assert.deepEqual(names({ ...new FakeLink().peer, certificate }), {
    username: "device",
    clientId: undefined,
  });
});

/** Settings, each with another value than its default, and what becomes of it. */
const SETTINGS: readonly (readonly [setting: string, option: string, value: unknown])[] = [
  ['mqtt.idle_timeout = "7s"', "idle_timeout", 7000],
  ['mqtt.max_packet_size = "9KB"', "max_packet_size", 9216],
  ["mqtt.max_clientid_len = 99", "max_clientid_len", 99],
  ["mqtt.max_topic_levels = 9", "max_topic_levels", 9],
  ["mqtt.max_qos_allowed = 1", "max_qos_allowed", 1],
  ["mqtt.max_topic_alias = 9", "max_topic_alias", 9],
  ["mqtt.retain_available = false", "retain_available", false],
  ["retainer.enable = false", "retain_available", false],
  ["mqtt.wildcard_subscription = false", "wildcard_subscription", false],
  ["mqtt.shared_subscription = false", "shared_subscription", false],
  ["mqtt.keepalive_multiplier = 2.5", "keepalive_multiplier", 2.5],
  ["mqtt.server_keepalive = 99", "server_keepalive", 99],
  ['mqtt.session_expiry_interval = "9s"', "session_expiry_interval", 9000],
  ['mqtt.max_session_expiry_interval = "9s"', "max_session_expiry_interval", 9000],
  ['mqtt.message_expiry_interval = "9s"', "message_expiry_interval", 9000],
  ["mqtt.max_inflight = 9", "max_inflight", 9],
  ["mqtt.max_awaiting_rel = 9", "max_awaiting_rel", 9],
  ['mqtt.await_rel_timeout = "9s"', "await_rel_timeout", 9000],
  ["mqtt.max_mqueue_len = 9", "max_mqueue_len", 9],
  ['mqtt.max_mqueue_bytes = "9KB"', "max_mqueue_bytes", 9216],
  ["mqtt.mqueue_priorities = { t = 9 }", "mqueue_priorities", { t: 9 }],
  ['mqtt.mqueue_default_priority = "highest"', "mqueue_default_priority", "highest"],
  ["mqtt.mqueue_store_qos0 = false", "mqueue_store_qos0", false],
  ['mqtt.retry_interval = "9s"', "retry_interval", 9000],
  ["mqtt.ignore_loop_deliver = true", "ignore_loop_deliver", true],
  ["mqtt.upgrade_qos = true", "upgrade_qos", true],
  ["mqtt.max_subscriptions = 9", "max_subscriptions", 9],
  ['mqtt.response_information = "r"', "response_information", "r"],
  ["mqtt.payload_format_check = true", "payload_format_check", true],
  ['mqtt.max_pending = "9KB"', "max_pending_bytes", 9216],
  ["store.max_sessions = 9", "max_sessions", 9],
  ['store.max_queued_bytes = "9KB"', "max_mqueue_total_bytes", 9216],
  ['node.server_reference = "r"', "server_reference", "r"],
  ['retainer.msg_expiry_interval = "9s"', "expiry_ms", 9000],
  ['retainer.msg_expiry_interval_override = "9s"', "expiry_override_ms", 9000],
  ["retainer.allow_never_expire = false", "never_expires_allowed", false],
  ['retainer.max_payload_size = "9KB"', "payload_bytes_max", 9216],
  ["retainer.stop_publish_clear_msg = true", "stop_publish_clear_msg", true],
  ['retainer.delivery_rate = "9/s"', "retained_delivery_rate", 9],
  ['retainer.max_publish_rate = "9/s"', "stores_per_second_max", 9],
  ['retainer.max_retained_bytes = "9KB"', "total_bytes_max", 9216],
  ["retainer.backend.max_retained_messages = 9", "messages_max", 9],
];

/** Taken into use elsewhere, where their tests are. */
const ELSEWHERE = [
  "mqtt.shared_subscription_strategy", // tests/e2e/groups_test.ts
  "mqtt.write_deadline", // tests/e2e/durable_test.ts
  "mqtt.peer_cert_as_username", // above
  "mqtt.peer_cert_as_clientid", // above
  "retainer.msg_clear_interval", // tests/e2e/retainer_test.ts
  "retainer.backend.type", // has one value
  "retainer.backend.storage_type", // tests/e2e/retainer_test.ts
];

Deno.test("every [mqtt] and [retainer] setting becomes the option that acts on it", () => {
  const optionsFrom = (text: string): Record<string, unknown> => {
    const { config, issues } = loadConfig({ text });
    assert.ok(config !== undefined, `${text}: ${JSON.stringify(issues)}`);
    return { ...mqttOptions(config), ...retainedLimits(config) };
  };
  const defaults = optionsFrom("");
  for (const [setting, option, value] of SETTINGS) {
    assert.notDeepEqual(value, defaults[option], `${option} is not tried with another value`);
    assert.deepEqual(optionsFrom(setting), { ...defaults, [option]: value }, setting);
  }
  const tried = new Set([...SETTINGS.map(([setting]) => setting.split(" = ")[0]!), ...ELSEWHERE]);
  const { mqtt, retainer } = loadConfig({ text: "" }).config!;
  const { backend, ...others } = retainer;
  const all = [
    ...Object.keys(mqtt).map((key) => `mqtt.${key}`),
    ...Object.keys(others).map((key) => `retainer.${key}`),
    ...Object.keys(backend).map((key) => `retainer.backend.${key}`),
  ];
  assert.deepEqual(all.filter((path) => !tried.has(path)), [], "settings that nothing tries");
});
