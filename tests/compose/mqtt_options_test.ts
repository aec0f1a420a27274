import assert from "node:assert/strict";
import { certificateNames } from "../../gateway/compose/mqtt_options.ts";
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
