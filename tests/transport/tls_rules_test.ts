/**
 * Rules of TLS that the runtime does not keep by itself, tried by `openssl s_client`, with TLS
 * first and with an upgrade.
 */
import assert from "node:assert/strict";
import { testAuthority } from "../kit/certs.ts";
import { startGateway } from "../kit/gateway.ts";
import { HAS_OPENSSL, OPENSSL_NOTE, pingByOpenssl } from "../kit/openssl.ts";
import { revocationList } from "../kit/revocation.ts";
import { until } from "../kit/wait.ts";

const authority = testAuthority();
const server = authority.server();
const BEGINNINGS = ["first", "upgrade"] as const;

function rulesTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `TLS rules: ${name}${OPENSSL_NOTE}`, ignore: !HAS_OPENSSL, fn });
}

/** A listener for each beginning, with these lines in their `ssl_options`. */
function listeners(prefix: string, ...lines: string[]): string {
  return BEGINNINGS.map((begin) =>
    `[gateway.nats.listeners.ssl.${prefix}-${begin}]\nbind = "127.0.0.1:0"\n` +
    `handshake = "${begin}"\n[gateway.nats.listeners.ssl.${prefix}-${begin}.ssl_options]\n` +
    `certfile = '''${server.certificate}'''\nkeyfile = '''${server.key}'''\n${lines.join("\n")}\n`
  ).join("");
}

function mutual(ca = authority.ca): string[] {
  return [`cacertfile = '''${ca}'''`, 'verify = "verify_peer"', "fail_if_no_peer_cert = true"];
}

/** Files for openssl's arguments, in a directory that goes away. */
async function files(texts: Readonly<Record<string, string>>) {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

rulesTest("only the suites in ciphers are used, in either version", async () => {
  const both = 'ciphers = ["TLS_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"]';
  const old = 'ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"';
  await using gateway = await startGateway({
    config: listeners("both", both) + listeners("old", old),
  });
  const suites = [
    [["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"], "PONG"],
    [["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], undefined],
    [["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"], undefined],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"], "PONG"],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], undefined],
    [["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], undefined],
  ] as const;
  for (const begin of BEGINNINGS) {
    const port = gateway.port(`nats:ssl:both-${begin}`);
    for (const [args, expected] of suites) {
      assert.equal(await pingByOpenssl(port, begin, ...args), expected, `${begin} ${args}`);
    }
    // Suites of 1.2 only: clients that could do 1.3 agree on 1.2.
    assert.equal(await pingByOpenssl(gateway.port(`nats:ssl:old-${begin}`), begin), "PONG");
  }
  const refused = /refused a connection: the client prefers (\S+), which is not in ciphers/g;
  const named = [...gateway.log().matchAll(refused)].map(([, name]) => name);
  assert.equal(named.length, 8, "one line for each");
  assert.deepEqual(new Set(named.slice(0, 4)), new Set(named.slice(4)));
  assert(named.includes("ECDHE-ECDSA-AES128-GCM-SHA256"));
  assert(named.includes("TLS_CHACHA20_POLY1305_SHA256"));
});

rulesTest("depth is the number of intermediate certificates", async () => {
  const upper = authority.intermediate("upper");
  const lower = upper.intermediate("lower");
  const short = upper.client("short");
  const long = lower.client("long");
  await using made = await files({
    "long.pem": long.certificate + lower.ca + upper.ca,
    "long.key": long.key,
    "short.pem": short.certificate + upper.ca,
    "short.key": short.key,
  });
  const shows = (name: string) => [
    ...["-cert", `${made.dir}/${name}.pem`, "-cert_chain", `${made.dir}/${name}.pem`],
    ...["-key", `${made.dir}/${name}.key`],
  ];
  await using gateway = await startGateway({
    config: [0, 1, 2].map((depth) => listeners(`depth${depth}`, ...mutual(), `depth = ${depth}`))
      .join(""),
  });
  for (const begin of BEGINNINGS) {
    for (const version of ["-tls1_3", "-tls1_2"]) {
      for (const depth of [0, 1, 2]) {
        const port = gateway.port(`nats:ssl:depth${depth}-${begin}`);
        const ping = (name: string) => pingByOpenssl(port, begin, version, ...shows(name));
        const where = `${begin} ${version} depth ${depth}`;
        assert.equal(await ping("short"), depth >= 1 ? "PONG" : undefined, where);
        assert.equal(await ping("long"), depth >= 2 ? "PONG" : undefined, where);
      }
    }
  }
  assert.match(gateway.log(), /there are 2 intermediate certificates, more than the depth of 1/);
  assert.match(gateway.log(), /there are 1 intermediate certificates, more than the depth of 0/);
});

rulesTest("a revoked certificate is refused, from the moment the list says so", async () => {
  const middle = authority.intermediate("middle");
  const [good, bad] = [middle.client("good"), middle.client("bad")];
  const root = await revocationList(authority.issuer, []);
  await using made = await files({
    "crl.pem": root + await revocationList(middle.issuer, []),
    "good.pem": good.certificate + middle.ca,
    "good.key": good.key,
    "bad.pem": bad.certificate + middle.ca,
    "bad.key": bad.key,
  });
  await using gateway = await startGateway({
    config: listeners(
      "crl",
      ...mutual(),
      "enable_crl_check = true",
      `crlfile = "${made.dir}/crl.pem"`,
    ),
  });
  const session = `${made.dir}/session`;
  const ping = (name: string, begin: typeof BEGINNINGS[number], ...more: string[]) =>
    pingByOpenssl(
      gateway.port(`nats:ssl:crl-${begin}`),
      begin,
      ...["-cert", `${made.dir}/${name}.pem`, "-cert_chain", `${made.dir}/${name}.pem`],
      ...["-key", `${made.dir}/${name}.key`, ...more],
    );
  for (const begin of BEGINNINGS) {
    assert.equal(await ping("good", begin), "PONG");
    assert.equal(await ping("bad", begin, "-sess_out", session), "PONG");
  }
  await Deno.writeTextFile(
    `${made.dir}/crl.pem`,
    root + await revocationList(middle.issuer, [bad]),
  );
  gateway.child.kill("SIGHUP");
  await until(() => /INFO .*\breloaded\b/.test(gateway.log()), "the reload");
  for (const begin of BEGINNINGS) {
    assert.equal(await ping("good", begin), "PONG");
    assert.equal(await ping("bad", begin), undefined);
  }
  // A session from before does not help.
  assert.equal(await ping("bad", "upgrade", "-sess_in", session), undefined);
  assert.match(gateway.log(), /refused a connection: the certificate of CN=bad is revoked/);
});
