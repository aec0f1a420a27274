import assert from "node:assert/strict";
import { once } from "node:events";
import tls from "node:tls";
import { loadTlsMaterial } from "../../gateway/transport/tls_material.ts";
import type { TlsServer } from "../../gateway/transport/tls_server.ts";
import { distinguishedName, WAITING_BYTES_MAX } from "../../gateway/transport/tls_stream.ts";
import { testAuthority } from "../kit/certs.ts";
import {
  authority,
  echoOnce,
  identity,
  LAX,
  makeServer,
  NOTHING,
  sources,
  STRICT,
  TlsPort,
} from "../kit/tls_port.ts";
import { until } from "../kit/wait.ts";

const hasOpenssl = await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output()
  .then((result) => result.success, () => false);
const VERSIONS = ["TLSv1.3", "TLSv1.2"] as const;

for (const version of VERSIONS) {
  Deno.test(`tls_server: ${version} in, out, and a clean end from either side`, async () => {
    using port = new TlsPort();
    const server = await makeServer(LAX);
    const accepting = port.next(server);
    const client = port.client({ minVersion: version, maxVersion: version });
    client.end("hello");
    const stream = await accepting;
    assert(typeof stream !== "string", String(stream));
    assert.equal(stream.certificate, undefined);
    const into = new Uint8Array(3);
    assert.equal(await stream.read(into), 3);
    assert.equal(await stream.read(into), 2);
    assert.equal(await stream.read(into), null);
    // Half closed: the other direction still works.
    assert.equal(await stream.write(new TextEncoder().encode("bye")), 3);
    const [data] = await once(client, "data");
    assert.equal(String(data), "bye");
    await stream.closeWrite();
    await once(client, "close");
  });

  Deno.test(`tls_server: client certificates over ${version}`, async () => {
    const stranger = testAuthority();
    const cases = [
      ["good", authority.client("device-42"), true, true],
      ["none", undefined, false, true],
      ["of another authority", stranger.client("device-42"), false, false],
      ["expired", authority.expired("device-42"), false, false],
      ["for servers only", authority.serverOnly("device-42"), false, false],
    ] as const;
    for (const must of [true, false]) {
      const server = await makeServer({ ...STRICT, fail_if_no_peer_cert: must });
      for (const [name, shown, whenMust, whenMay] of cases) {
        using port = new TlsPort();
        const accepting = port.next(server);
        const key = shown && { cert: shown.certificate, key: shown.key };
        const client = port.client({ minVersion: version, maxVersion: version, ...key });
        client.write("x");
        const stream = await accepting;
        assert.equal(typeof stream !== "string", must ? whenMust : whenMay, `${name}: ${stream}`);
        if (typeof stream === "string") assert.match(stream, /certificate/, name);
        else assert.equal(stream.certificate?.commonName, shown && "device-42");
      }
    }
  });

  Deno.test({
    name: `tls_server: a ticket of a laxer listener opens nothing over ${version}` +
      (hasOpenssl ? "" : " (skipped: no openssl)"),
    ignore: !hasOpenssl,
    fn: () => ticketsOfOthers(version),
  });
}

/** Sessions of other listeners, resumed by openssl, which is the client that can. */
async function ticketsOfOthers(version: typeof VERSIONS[number]): Promise<void> {
  const strict = await makeServer(STRICT);
  const optional = await makeServer({ ...STRICT, fail_if_no_peer_cert: false });
  const lax = await makeServer(LAX);
  const stranger = testAuthority().client("device-42");
  const good = authority.client("device-1");
  // A listener that takes anyone's certificate, as the runtime would: the worst ticket there is.
  const careless = tls.createServer({
    cert: identity.certificate,
    key: identity.key,
    ca: authority.ca,
    requestCert: true,
    rejectUnauthorized: false,
  }, (socket) => socket.on("error", () => {}).end("hello"));
  await new Promise<void>((resolve) => careless.listen(0, "127.0.0.1", resolve));
  const address = careless.address();
  assert(typeof address === "object" && address !== null);
  const directory = await Deno.makeTempDir();
  using port = new TlsPort();
  try {
    const flag = version === "TLSv1.3" ? "-tls1_3" : "-tls1_2";
    const connect = async (to: number, shown: typeof good | undefined, ...session: string[]) => {
      const args = ["s_client", "-quiet", "-connect", `127.0.0.1:${to}`, flag, ...session];
      if (shown !== undefined) {
        await Deno.writeTextFile(`${directory}/shown.pem`, shown.certificate + shown.key);
        args.push("-cert", `${directory}/shown.pem`, "-key", `${directory}/shown.pem`);
      }
      const command = new Deno.Command("openssl", { args, stdin: "null", stderr: "null" });
      return new TextDecoder().decode((await command.output()).stdout);
    };
    const greet = async (server: TlsServer) => {
      const stream = await port.next(server);
      if (typeof stream === "string") return stream;
      await stream.write(new TextEncoder().encode("hello"));
      await stream.closeWrite();
      return "let in";
    };
    const ticket = async (name: string, shown?: typeof good, server?: TlsServer) => {
      const file = `${directory}/${name}`;
      const greeting = server === undefined ? undefined : greet(server);
      const to = server === undefined ? address.port : port.number;
      assert.equal(await connect(to, shown, "-sess_out", file), "hello");
      await greeting;
      return ["-sess_in", file];
    };
    const attempt = async (
      server: TlsServer,
      shown: typeof good | undefined,
      session: string[],
    ) => {
      const greeting = greet(server);
      await connect(port.number, shown, ...session);
      return await greeting;
    };
    const plain = await ticket("plain", undefined, lax);
    const forged = await ticket("forged", stranger);
    const honest = await ticket("honest", good, strict);
    const elsewhere = /did not begin on this listener/;
    assert.match(await attempt(strict, stranger, forged), elsewhere);
    assert.match(await attempt(optional, stranger, forged), elsewhere);
    assert.match(await attempt(strict, undefined, plain), /certificate/);
    assert.equal(await attempt(strict, good, honest), "let in");
    const others = sources(STRICT, { cacertfile: testAuthority().ca });
    strict.use(await loadTlsMaterial(others, "x"));
    assert.notEqual(await attempt(strict, good, honest), "let in");
  } finally {
    careless.close();
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("tls_server: versions below the configured ones are refused", async () => {
  const server = await makeServer({ ...LAX, versions: ["tlsv1.3"] });
  for (const [version, welcome] of [["TLSv1.2", false], ["TLSv1.3", true]] as const) {
    using port = new TlsPort();
    const accepting = port.next(server);
    port.client({ minVersion: version, maxVersion: version }).write("x");
    assert.equal(typeof (await accepting) !== "string", welcome, version);
  }
});

Deno.test("tls_server: the certificate goes by the name that is asked for", async () => {
  const example = authority.server("example", "example.com");
  const wild = authority.server("wild");
  const server = await makeServer(STRICT, {
    sni: [
      { hosts: [], certfile: example.certificate, keyfile: example.key },
      { hosts: ["*.Example.com"], certfile: wild.certificate, keyfile: wild.key },
    ],
  });
  const good = authority.client("device");
  const cases = [
    ["example.com", "example"],
    ["EXAMPLE.com", "example"],
    ["a.example.com", "wild"],
    ["a.b.example.com", "localhost"],
    ["other.example", "localhost"],
  ] as const;
  for (const [servername, expected] of cases) {
    using port = new TlsPort();
    const options = { servername, rejectUnauthorized: false };
    const accepting = port.next(server);
    const client = port.client({ ...options, cert: good.certificate, key: good.key });
    await once(client, "secureConnect");
    assert.equal(client.getPeerCertificate().subject.CN, expected, servername);
    assert.notEqual(typeof (await accepting), "string");
    const refused = port.next(server);
    port.client(options).write("x");
    assert.match(String(await refused), /certificate/, `${servername} still asks for one`);
  }
});

Deno.test("tls_server: certificates by name come and go while it runs", async () => {
  const example = authority.server("example", "example.com");
  const sni = [{ hosts: [], certfile: example.certificate, keyfile: example.key }];
  const server = await makeServer(LAX);
  const shown = async () => {
    using port = new TlsPort();
    const accepting = port.next(server);
    const client = port.client({ servername: "example.com", rejectUnauthorized: false });
    await once(client, "secureConnect");
    await accepting;
    return client.getPeerCertificate().subject.CN;
  };
  assert.equal(await shown(), "localhost");
  server.use(await loadTlsMaterial(sources(LAX, { sni }), "x"));
  assert.equal(await shown(), "example");
  server.use(await loadTlsMaterial(sources(LAX), "x"));
  assert.equal(await shown(), "localhost");
});

Deno.test("tls_server: new certificates and authorities hold at once, old connections stay", async () => {
  using port = new TlsPort();
  const server = await makeServer(STRICT);
  const show = (issued: { certificate: string; key: string }) => ({
    cert: issued.certificate,
    key: issued.key,
  });
  const old = port.next(server);
  const oldClient = port.client(show(authority.client("old")));
  oldClient.write("before");
  const oldStream = await old;
  assert(typeof oldStream !== "string", String(oldStream));
  await echoOnce(oldStream);
  await once(oldClient, "data");

  const next = testAuthority("next authority");
  const renewed = next.server("renewed");
  server.use(
    await loadTlsMaterial(
      sources(STRICT, {
        certfile: renewed.certificate,
        keyfile: renewed.key,
        cacertfile: next.ca,
      }),
      "x",
    ),
  );
  assert.equal(server.material.identities[0].info.subject, "CN=renewed");
  const refused = port.next(server);
  port.client({ ...show(authority.client("old")), rejectUnauthorized: false }).write("x");
  assert.match(String(await refused), /certificate/);
  const accepting = port.next(server);
  const client = port.client({ ...show(next.client("new")), ca: next.ca });
  await once(client, "secureConnect");
  assert.equal(client.getPeerCertificate().subject.CN, "renewed");
  assert.notEqual(typeof (await accepting), "string");

  oldClient.write("after");
  await echoOnce(oldStream);
  const [data] = await once(oldClient, "data");
  assert.equal(String(data), "after");
});

Deno.test("tls_server: a stream that nobody reads stops the sender", async () => {
  using port = new TlsPort();
  const accepting = port.next(await makeServer(LAX));
  const client = port.client();
  await once(client, "secureConnect");
  const stream = await accepting;
  assert(typeof stream !== "string");
  const block = new Uint8Array(1024 * 1024);
  const total = 64;
  let taken = 0;
  for (let sent = 0; sent < total; sent++) client.write(block, () => taken++);
  // The kernel's buffers take a few megabytes; when no more is taken, the sender stands still.
  let before = -1;
  while (taken !== before) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(taken < total / 2, `${taken} MB were taken though nothing was read`);
  const into = new Uint8Array(WAITING_BYTES_MAX);
  let read = 0;
  while (read < total * block.length) read += await stream.read(into) ?? assert.fail("ended early");
  assert.equal(read, total * block.length);
});

Deno.test("tls_server: hostile connections are refused with a reason and leave nothing open", async () => {
  const openFiles = () => [...Deno.readDirSync("/proc/self/fd")].length;
  using port = new TlsPort();
  const server = await makeServer({ ...LAX, handshake_timeout: 50 });
  const warm = port.next(server);
  port.client().write("x");
  await warm;
  const before = openFiles();
  const cases: [Uint8Array, RegExp][] = [
    [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), /plain text/],
    [new TextEncoder().encode("CONNECT {}\r\n"), /plain text/],
    [Uint8Array.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5), /failed/],
    [Uint8Array.of(0x16, 3, 1, 2, 0, 1), /gave up|more than 50 ms/],
    [NOTHING, /gave up|more than 50 ms/],
  ];
  for (const hangUp of [true, false]) {
    for (const [bytes, reason] of cases) {
      const accepting = port.next(server);
      const conn = await Deno.connect({ hostname: "127.0.0.1", port: port.number });
      if (bytes.length > 0) await conn.write(bytes);
      if (hangUp) conn.close();
      const told = hangUp ? /plain text|failed|gave up|ended|more than/ : reason;
      assert.match(String(await accepting), told);
      if (!hangUp) conn.close();
    }
  }
  await until(() => openFiles() <= before, "all of those connections to be gone");
});

Deno.test("tls_stream: names are spelled as RFC 4514 says", () => {
  assert.equal(
    distinguishedName({ C: "DE", O: 'A, "B"', CN: "#1 " }),
    'CN=\\#1\\ ,O=A\\, \\"B\\",C=DE',
  );
  assert.equal(distinguishedName({ DC: ["com", "example"], CN: "x" }), "CN=x,DC=example,DC=com");
});
