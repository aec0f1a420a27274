/**
 * Client certificates shown by `openssl s_client`, and what they say in place of CONNECT.
 */
import assert from "node:assert/strict";
import { testAuthority } from "../kit/certs.ts";
import { hasProgram, MqttClient, Program } from "../kit/clients.ts";
import { startGateway } from "../kit/gateway.ts";
import { until } from "../kit/wait.ts";

const HAS_OPENSSL = hasProgram("openssl", "version");
const authority = testAuthority();
const server = authority.server();
const right = authority.client("device-42");
const SHOWN = {
  right,
  wrong: testAuthority().client("device-42"),
  expired: authority.expired("device-42"),
  missing: undefined,
};

const strict = (ca: string) =>
  `bind = "127.0.0.1:0"
ssl_options.certfile = '''${server.certificate}'''
ssl_options.keyfile = '''${server.key}'''
ssl_options.cacertfile = '''${ca}'''
ssl_options.verify = "verify_peer"
ssl_options.fail_if_no_peer_cert = true
`;

for (const [name, certificate] of Object.entries(SHOWN)) {
  Deno.test({
    name: `openssl s_client with ${name} certificate` +
      (HAS_OPENSSL ? "" : " (skipped: no openssl)"),
    ignore: !HAS_OPENSSL,
    async fn() {
      const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
      try {
        await using gateway = await startGateway({
          config: `[gateway.nats.listeners.ssl.strict]\nhandshake = "first"\n` +
            strict(authority.ca),
        });
        const files = { "ca.pem": authority.ca, "it.pem": certificate?.certificate ?? "" };
        for (const [file, text] of Object.entries({ ...files, "it.key": certificate?.key ?? "" })) {
          await Deno.writeTextFile(`${dir}/${file}`, text);
        }
        const shown = certificate === undefined
          ? []
          : ["-cert", `${dir}/it.pem`, "-key", `${dir}/it.key`];
        await using client = Program.start(
          "openssl",
          ...["s_client", "-quiet", "-verify_return_error", "-CAfile", `${dir}/ca.pem`, ...shown],
          ...["-connect", `127.0.0.1:${gateway.port("nats:ssl:strict")}`],
        );
        const greeting = await client.line();
        if (name === "right") assert.match(greeting ?? "", /^INFO \{.*"tls_required":true/);
        else {
          assert.equal(greeting, undefined);
          const why = /refused a connection: .*certificate/;
          await until(() => why.test(gateway.log()), "the line that says why");
        }
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}

Deno.test("a certificate gives an MQTT client its username and client id", async () => {
  await using gateway = await startGateway({
    config: `[mqtt]\npeer_cert_as_username = "cn"\npeer_cert_as_clientid = "md5"\n` +
      `[listeners.ssl.strict]\n${strict(authority.ca)}`,
    set: ["log.console.level=debug"],
  });
  await using _client = await MqttClient.open(gateway.port("mqtt:ssl:strict"), 5, {
    host: "localhost",
    protocol: "mqtts",
    ca: authority.ca,
    cert: right.certificate,
    key: right.key,
    username: "somebody-else",
    clientId: "another-device",
  });
  const line = () => /.*client connected.*/.exec(gateway.log())?.[0] ?? "";
  await until(() => line() !== "", "the line that says who has connected");
  assert.match(line(), /device-42/);
  assert.match(line(), /\b[0-9a-f]{32}\b/);
  assert.doesNotMatch(line(), /somebody-else|another-device/);
});
