import assert from "node:assert/strict";
import { loadConfig } from "../../gateway/config/load.ts";

Deno.test("each layer overrides those before it, and origins say which one won", () => {
  const { config, origins, issues } = loadConfig({
    text: '[gateway.nats]\nserver_name = "file"\nserver_id = "file"\nmountpoint = "file/"\n' +
      'topic_mapping = "plain"\nidle_timeout = "1s"',
    fileName: "gate.toml",
    overlayText: '[gateway.nats]\nserver_id = "overlay"\nmountpoint = "overlay/"\n' +
      'topic_mapping = "lossless"',
    env: {
      NATSGATE_GATEWAY__NATS__MOUNTPOINT: "env/",
      NATSGATE_GATEWAY__NATS__TOPIC_MAPPING: "plain",
    },
    sets: ["gateway.nats.topic_mapping=lossless", 'gateway.nats.auth_timeout="7s"'],
  });
  assert.deepEqual(issues.filter(({ message }) => !message.includes("not in effect yet")), []);
  const { nats } = config!.gateway;
  assert.deepEqual(
    [nats.server_name, nats.server_id, nats.mountpoint, nats.topic_mapping, nats.auth_timeout],
    ["file", "overlay", "env/", "lossless", 7000],
  );
  assert.deepEqual(Object.fromEntries(origins), {
    "gateway.nats.server_name": { layer: "file", name: "gate.toml", line: 2, column: 1 },
    "gateway.nats.server_id": { layer: "overlay", name: "overlay.toml", line: 2, column: 1 },
    "gateway.nats.mountpoint": {
      layer: "environment",
      name: "NATSGATE_GATEWAY__NATS__MOUNTPOINT",
    },
    "gateway.nats.topic_mapping": { layer: "set", name: "gateway.nats.topic_mapping" },
    "gateway.nats.idle_timeout": { layer: "file", name: "gate.toml", line: 6, column: 1 },
    "gateway.nats.auth_timeout": { layer: "set", name: "gateway.nats.auth_timeout" },
  });
});

Deno.test("a layer replaces arrays as a whole and joins tables", () => {
  const { raw, origins } = loadConfig({
    text: '[[api_key.keys]]\nkey = "a"\nsecret = "x"\nrole = "viewer"\n[[api_key.keys]]\n' +
      'key = "b"\nsecret = "x"\n[mqtt]\nmax_inflight = 1',
    overlayText: '[[api_key.keys]]\nkey = "c"\nsecret = "y"\n[mqtt]\nupgrade_qos = true',
  });
  assert.deepEqual(raw, {
    api_key: { keys: [{ key: "c", secret: "y" }] },
    mqtt: { max_inflight: 1, upgrade_qos: true },
  });
  assert.deepEqual([...origins.keys()].sort(), [
    "api_key.keys[1].key",
    "api_key.keys[1].secret",
    "mqtt.max_inflight",
    "mqtt.upgrade_qos",
  ]);
});

Deno.test("values from outside are TOML where that fits, else text", () => {
  const { config } = loadConfig({
    env: {
      NATSGATE_GATEWAY__NATS__SERVER_NAME: "12345",
      NATSGATE_MQTT__UPGRADE_QOS: "true",
      NATSGATE_MQTT__MAX_INFLIGHT: "7",
      NATSGATE_GATEWAY__NATS__LISTENERS__TCP__DEFAULT__BIND: "127.0.0.1:4333",
      NATSGATE_AUTHORIZATION__CACHE__EXCLUDES: '["a/#"]',
      NATSGATE_NODE__NAME: 'a"\nb = 1',
      PATH: "/bin",
    },
    sets: ['gateway.nats.server_id="quoted"', "listeners.tcp.default.bind=1884"],
  });
  assert.ok(config);
  const { nats } = config.gateway;
  assert.equal(nats.server_name, "12345");
  assert.equal(nats.server_id, "quoted");
  assert.equal(config.mqtt.upgrade_qos, true);
  assert.equal(config.mqtt.max_inflight, 7);
  assert.deepEqual(nats.listeners.tcp.default?.bind, { host: "127.0.0.1", port: 4333 });
  assert.deepEqual(config.listeners.tcp.default?.bind, { host: "0.0.0.0", port: 1884 });
  assert.deepEqual(config.authorization.cache.excludes, ["a/#"]);
  assert.equal(config.node.name, 'a"\nb = 1');
});

Deno.test("names in the environment match whatever their case", () => {
  const { raw } = loadConfig({
    text: "[listeners.tcp.MyOwn]\nbind = 1",
    env: { NATSGATE_LISTENERS__TCP__MYOWN__BIND: "2", NATSGATE_LISTENERS__TCP__OTHER__BIND: "3" },
  });
  assert.deepEqual(raw, {
    listeners: { tcp: { MyOwn: { bind: 2 }, other: { bind: 3 } } },
  });
});

Deno.test("elements of arrays are counted from 1, and one can be added", () => {
  const { raw, origins, issues } = loadConfig({
    text: '[[gateway.nats.internal_authn]]\ntype = "token"\ntoken = "a"',
    env: {
      NATSGATE_GATEWAY__NATS__INTERNAL_AUTHN__1__TOKEN: "123",
      NATSGATE_API_KEY__KEYS__1__KEY: "k",
      NATSGATE_API_KEY__KEYS__1__SECRET: "s",
    },
    sets: ["gateway.nats.internal_authn[2].type=token", "gateway.nats.internal_authn.2.token=b"],
  });
  assert.deepEqual(raw, {
    gateway: {
      nats: { internal_authn: [{ type: "token", token: "123" }, { type: "token", token: "b" }] },
    },
    api_key: { keys: [{ key: "k", secret: "s" }] },
  });
  assert.equal(origins.get("gateway.nats.internal_authn[1].token")?.layer, "environment");
  assert.equal(origins.get("gateway.nats.internal_authn[1].type")?.layer, "file");
  assert.equal(issues.some(({ message }) => message.includes("counted from 1")), false);
});

Deno.test("what cannot be meant is said with its source", () => {
  const { issues } = loadConfig({
    env: {
      NATSGATE_SECURITY_PROFIL: "hardened",
      NATSGATE_MQTT__MAX_INFLGHT: "1",
      NATSGATE_API_KEY__KEYS__3__KEY: "k",
      NATSGATE_CONFIG: "x.toml",
    },
    sets: ["mqtt", "a..b=1"],
    overlayText: "[mqtt]\nfoo = 1",
  });
  assert.deepEqual(
    issues.filter(({ message }) => !message.includes("not in effect yet")).map((issue) => [
      issue.source,
      issue.line,
      issue.message,
      issue.hint,
    ]),
    [
      [
        "environment NATSGATE_SECURITY_PROFIL",
        undefined,
        "NATSGATE_SECURITY_PROFIL is no setting and was ignored",
        "did you mean NATSGATE_SECURITY_PROFILE?",
      ],
      ["--set", undefined, 'expected --set a.b=value, got "mqtt"', undefined],
      ["--set", undefined, 'expected --set a.b=value, got "a..b"', undefined],
      [
        "environment NATSGATE_API_KEY__KEYS__3__KEY",
        undefined,
        "3 is no element: there are 0, counted from 1",
        undefined,
      ],
      [
        "environment NATSGATE_MQTT__MAX_INFLGHT",
        undefined,
        "unknown setting",
        'did you mean "max_inflight"?',
      ],
      ["overlay.toml", 2, "unknown setting", undefined],
    ],
  );
});
