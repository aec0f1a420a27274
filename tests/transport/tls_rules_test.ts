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
  const names = () => [...gateway.log().matchAll(refused)].map(([, name]) => name);
  await until(() => names().length >= 8, "a line for each");
  const named = names();
  assert.equal(named.length, 8, "one line for each");
  assert.deepEqual(new Set(named.slice(0, 4)), new Set(named.slice(4)));
  assert(named.includes("ECDHE-ECDSA-AES128-GCM-SHA256"));
  assert(named.includes("TLS_CHACHA20_POLY1305_SHA256"));
});

rulesTest("each way to begin is met, or refused with a reason", async () => {
  const modes = ["auto", "first", "upgrade", "optional"];
  await using gateway = await startGateway({
    config: modes.map((mode) =>
      `[gateway.nats.listeners.ssl.${mode}]\nbind = "127.0.0.1:0"\nhandshake = "${mode}"\n` +
      `ssl_options.certfile = '''${server.certificate}'''\n` +
      `ssl_options.keyfile = '''${server.key}'''\nssl_options.handshake_timeout = "500ms"\n`
    ).join(""),
  });
  for (const version of ["-tls1_3", "-tls1_2"]) {
    for (const mode of modes) {
      for (const begin of BEGINNINGS) {
        const port = gateway.port(`nats:ssl:${mode}`);
        // An upgrade is begun after INFO, which does not come where TLS is first. Where INFO comes
        // first, the client reads it in the middle of its handshake.
        const met = mode === "auto" || (mode === "first") === (begin === "first");
        const answer = await pingByOpenssl(port, begin, version);
        assert.equal(answer, met ? "PONG" : undefined, `${mode} ${begin} ${version}`);
      }
    }
  }
  const late = "refused a connection: no TLS handshake within 500 ms listener=nats:ssl:first";
  await until(() => gateway.log().includes(late), late);
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
  for (const why of ["2 intermediate certificates, more than the depth of 1", "1 intermediate"]) {
    await until(() => gateway.log().includes(`there are ${why}`), why);
  }
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
  const why = "refused a connection: the certificate of CN=bad is revoked";
  await until(() => gateway.log().includes(why), why);
});

rulesTest("an expired revocation list lets nobody in, and is told of at once", async () => {
  const client = authority.client("device");
  const signed = await revocationList(authority.issuer, [], { seconds: -60 });
  await using made = await files({
    "crl.pem": signed,
    "it.pem": client.certificate,
    "it.key": client.key,
  });
  const config = listeners(
    "old",
    ...mutual(),
    "enable_crl_check = true",
    `crlfile = "${made.dir}/crl.pem"`,
  );
  await using gateway = await startGateway({ config });
  const told = /ERROR .*a revocation list has expired.*authority="?test authority/;
  await until(() => told.test(gateway.log()), "the line about the list");
  const shown = ["-cert", `${made.dir}/it.pem`, "-key", `${made.dir}/it.key`];
  const port = gateway.port("nats:ssl:old-first");
  assert.equal(await pingByOpenssl(port, "first", ...shown), undefined);
  const refused = /refused a connection: the revocation list of .* has expired/;
  await until(() => refused.test(gateway.log()), "the refusal in the log");

  const main = new URL("../../main.ts", import.meta.url).pathname;
  const check = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "check", "--config", `${gateway.dir}/config.toml`],
  });
  const { code, stderr } = await check.output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  assert.match(text, /warning: \S*old-first\.ssl_options\.crlfile: the list of .* has expired/);
});

rulesTest("lists that cannot be used keep the gateway from starting", async () => {
  const strangers = await revocationList(testAuthority("test authority").issuer, []);
  await using made = await files({ "strangers.pem": strangers, "none.pem": authority.ca });
  const cases = [
    [`crlfile = "${made.dir}/strangers.pem"`, /holds no revocation list that CN=test authority/],
    [`crlfile = "${made.dir}/none.pem"`, /crlfile holds no revocation list/],
    [`crlfile = "${made.dir}/nowhere.pem"`, /crlfile cannot read .*there is no such file/],
    ["", /crlfile: is required when enable_crl_check is true/],
  ] as const;
  for (const [line, why] of cases) {
    const config = listeners("bad", ...mutual(), "enable_crl_check = true", line);
    await assert.rejects(startGateway({ config }), (error: Error) => {
      assert.match(error.message, /ended with 78/);
      assert.match(error.message, why);
      return true;
    });
  }
});
