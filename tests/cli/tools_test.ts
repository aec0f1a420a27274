/**
 * The commands that need no running gateway.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import bcrypt from "bcryptjs";
import { encodeAccount, encodeUser, fmtCreds } from "@nats-io/jwt";
import { createAccount, createOperator, createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import { main } from "../../gateway/cli/command.ts";
import { COMMANDS } from "../../gateway/cli/commands.ts";
import { fakeIo } from "./fake_io.ts";

async function run(words: readonly string[], input?: string) {
  const io = fakeIo(input === undefined ? {} : { input });
  return { code: await main(words, io), output: io.output, errors: io.errors };
}

/** Runs a program over a text; undefined when it is not installed. */
async function pipe(program: string, args: readonly string[], input: string) {
  try {
    const child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    await writer.close();
    const { code, stdout, stderr } = await child.output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: text(stdout), errors: text(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const has = (program: string) => {
  try {
    new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
};

Deno.test("translate shows both spellings, whichever it is given", async () => {
  const spellings = "nats  sensors.*.temp\nmqtt  sensors/+/temp\n";
  assert.equal((await run(["translate", "sensors/+/temp"])).output, spellings);
  assert.equal((await run(["translate", "sensors.*.temp"])).output, spellings);
  const dotted = JSON.parse((await run(["translate", "a.b", "--from=mqtt", "--json"])).output);
  assert.deepEqual(dotted, { nats: "a%2Eb", mqtt: "a.b", problem: null });
});

Deno.test("translate ends with 1 and a reason when there is no spelling", async () => {
  const plain = await run(["translate", "a b/c", "--mapping=plain"]);
  assert.equal(plain.code, 1);
  assert.match(plain.errors, /no spelling/);
  assert.equal((await run(["translate", "a..b", "--from=nats"])).code, 1);
  assert.equal((await run(["translate", "a/#/b"])).code, 1);
});

Deno.test("nkey gen makes keys that other NATS programs take", async () => {
  for (const [kind, letter] of [["user", "U"], ["account", "A"], ["operator", "O"]] as const) {
    const { output } = await run(["nkey", "gen", kind]);
    const [seed = "", publicKey = ""] = output.trim().split("\n");
    assert.equal(publicKey[0], letter);
    const pair = fromSeed(new TextEncoder().encode(seed));
    assert.equal(pair.getPublicKey(), publicKey);
    const data = new TextEncoder().encode("nonce");
    assert(fromPublic(publicKey).verify(data, pair.sign(data)));
    assert.equal((await run(["nkey", "show"], `${seed}\n`)).output, `${publicKey}\n`);
  }
  assert.equal((await run(["nkey", "show"], "not a seed")).code, 1);
  assert.equal((await run(["nkey", "show"])).code, 2);
});

Deno.test("nkey inspect says what a key, a seed, a JWT or a creds file is, and shows no seed", async () => {
  const [operator, account, user] = [createOperator(), createAccount(), createUser()];
  const seed = new TextDecoder().decode(user.getSeed());
  const key = user.getPublicKey();
  const inspect = async (text: string) => {
    const { code, output } = await run(["nkey", "inspect", "--json"], text);
    assert(!output.includes(seed));
    return { code, ...JSON.parse(output) };
  };
  const is = { code: 0, kind: "user", public_key: key };
  assert.deepEqual(await inspect(`${seed}\n`), { ...is, what: "seed" });
  assert.deepEqual(await inspect(key.toLowerCase()), { ...is, what: "public key" });
  const spoiled = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A");
  assert.equal((await inspect(spoiled)).problem, "invalid_nkey_crc");
  assert.equal((await inspect("nonsense")).code, 1);
  const jwt = await encodeUser("bob", user, account, {}, { exp: 2_000_000_000 });
  assert.deepEqual(await inspect(new TextDecoder().decode(fmtCreds(jwt, user))), {
    code: 0,
    what: "creds file",
    kind: "user",
    subject: key,
    issuer: account.getPublicKey(),
    name: "bob",
    expires: "2033-05-18T03:33:20.000Z",
    signature: "good",
  });
  const stranger = new TextDecoder().decode(fmtCreds(jwt, createUser()));
  assert.match((await inspect(stranger)).problem, /another one's/);
  const [head, body] = jwt.split(".");
  assert.equal(
    (await inspect(`${head}.${body}.${"A".repeat(86)}`)).problem,
    "invalid_jwt_signature",
  );
  const accountJwt = await encodeAccount("acc", account, {}, { signer: operator });
  assert.equal((await inspect(accountJwt)).kind, "account");
  const plain = await run(["nkey", "inspect", key]);
  assert.equal(plain.output, `what: public key\nkind: user\npublic_key: ${key}\n`);
  assert.equal((await run(["nkey", "inspect"])).code, 2);
});

Deno.test("hash-password reads the password from standard input", async () => {
  const { code, output } = await run(["hash-password", "--rounds=5"], "hunter2\n");
  assert.equal(code, 0);
  assert(await bcrypt.compare("hunter2", output.trim()));
  const salted = await run(["hash-password", "--algorithm=sha256", "--json"], "x");
  const { password_hash, salt } = JSON.parse(salted.output);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${salt}x`));
  const hex = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
  assert.equal(password_hash, hex);
  assert.equal((await run(["hash-password"])).code, 2);
  assert.equal((await run(["hash-password"], "\n")).code, 2);
});

Deno.test("cert self-signed writes a CA, a server and a client certificate, once", async () => {
  const root = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  const dir = `${root}/certs`;
  try {
    const words = ["cert", "self-signed", "gw.local", "10.0.0.7", "--out", dir, "--client=dev"];
    const { code, output } = await run(words);
    assert.equal(code, 0);
    assert.equal(output.trim().split("\n").length, 5);
    const read = (name: string) => new X509Certificate(Deno.readTextFileSync(`${dir}/${name}`));
    const ca = read("ca.pem");
    for (const name of ["cert.pem", "client-cert.pem"]) {
      assert(read(name).verify(ca.publicKey), name);
    }
    assert.match(read("cert.pem").subjectAltName ?? "", /gw\.local.*10\.0\.0\.7/);
    assert.equal(Deno.statSync(`${dir}/key.pem`).mode! & 0o777, 0o600);
    const again = await run(words);
    assert.equal(again.code, 1);
    assert.match(again.errors, /ca\.pem: it is there already/);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("acl test names the rule that decides, and takes names as the client spells them", async () => {
  const set = ["--config", new URL("../../config.toml", import.meta.url).pathname];
  const open = await run(["acl", "test", "publish", "x/y", "--user=u", "--json", ...set]);
  assert.equal(open.code, 0);
  const { allowed, rule, source } = JSON.parse(open.output);
  assert.deepEqual([allowed, typeof rule, typeof source], [true, "string", "string"]);
  assert.equal((await run(["acl", "test", "publish", "x/#", ...set])).code, 2);
  const nats = await run(["acl", "test", "subscribe", "a.>", "--protocol=nats", ...set]);
  assert.deepEqual([nats.code, nats.output.split(":")[0]], [0, "allowed"]);
});

Deno.test("service prints units that name the given places", async () => {
  const { output } = await run(["service", "systemd", "--data-dir=/srv/ng", "--user=ng"]);
  assert.match(output, /^ExecStart=\/usr\/bin\/natsgate --config .* --data-dir \/srv\/ng$/m);
  assert.match(output, /^ReadWritePaths=\/srv\/ng$/m);
  assert.match(output, /^User=ng$/m);
  assert.match(output, /^RestartPreventExitStatus=78$/m);
  assert.doesNotMatch(output, /^MemoryDenyWriteExecute/m);
  assert.match((await run(["service", "systemd"])).output, /^StateDirectory=natsgate$/m);
  assert.match((await run(["service", "docker"])).output, /^HEALTHCHECK .*"health"/m);
  assert.equal((await run(["service", "launchd"])).code, 2);
});

Deno.test({
  name: "the manual page has no mistakes (needs groff)",
  ignore: !has("groff"),
  async fn() {
    const { output } = await run(["man"]);
    const report = await pipe("groff", ["-man", "-Tutf8", "-ww"], output);
    assert.deepEqual([report?.code, report?.errors], [0, ""]);
    const text = report?.output.replace(/[\u2010\u2212]\s*/g, "-").replace(/\s+/g, " ") ?? "";
    for (const command of COMMANDS) assert(text.includes(command.summary.slice(1, 15)), text);
  },
});

Deno.test({
  name: "mandoc has no more to say of the manual page than that lines are long (needs mandoc)",
  ignore: !has("mandoc"),
  async fn() {
    const { output } = await run(["man"]);
    const report = await pipe("mandoc", ["-T", "lint"], output);
    // From source there is no day on which it was built.
    const said = report?.output.split("\n").filter((line) =>
      line !== "" && !/longer than 80 bytes|missing date/.test(line)
    );
    assert.deepEqual(said, []);
  },
});
