/** The admin port over TLS, asked by curl. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { startAdmin } from "../../admin/server.ts";
import { realClock } from "../../gateway/clock.ts";
import { loadConfig } from "../../gateway/config/load.ts";
import { checkWaysIn } from "../../gateway/gateway.ts";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { testAuthority } from "../kit/certs.ts";
import { until } from "../kit/wait.ts";
import { type AdminWorld, startWorld } from "./kit.ts";

const DAY_MS = 86_400_000;
const dates = {
  notBefore: new Date(Date.now() - DAY_MS),
  notAfter: new Date(Date.now() + DAY_MS),
};
const hasCurl = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);
const ignore = !hasCurl;

/** Status and text of what curl got; its exit code when it got nothing. */
async function curl(...args: string[]): Promise<{ code: number; text: string }> {
  const { code, stdout } = await new Deno.Command("curl", {
    args: ["-sS", "--max-time", "20", "-w", "\n%{http_code}", ...args],
    stderr: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

/** Moves the admin port to HTTPS with these lines of `ssl_options`. */
async function configure(world: AdminWorld, tls: string, port = 0): Promise<void> {
  const [status, body] = await world.get("configs", {
    method: "PUT",
    body: `[dashboard.listeners]\nhttp.bind = 0\nhttps.bind = "127.0.0.1:${port}"\n` +
      `[dashboard.listeners.https.ssl_options]\n${tls}`,
  });
  assert.equal(status, 200, JSON.stringify(body));
}

Deno.test(
  { name: "https: curl gets in with a trusted client certificate only", ignore },
  async () => {
    await using world = await startWorld();
    const { dir } = world;
    const ca = issueCertificate({ commonName: "operators", ca: true, ...dates });
    const server = issueCertificate({ commonName: "localhost", hosts: ["localhost"], ...dates });
    const operator = issueCertificate({ commonName: "ann", usage: "client", ...dates }, ca);
    const stranger = issueCertificate({ commonName: "mallory", usage: "client", ...dates });
    for (const [name, issued] of Object.entries({ ca, server, operator, stranger })) {
      await Deno.writeTextFile(`${dir}/${name}.pem`, issued.certificate);
      await Deno.writeTextFile(`${dir}/${name}.key`, issued.key);
    }
    await configure(
      world,
      `certfile = "${dir}/server.pem"
keyfile = "${dir}/server.key"
cacertfile = "${dir}/ca.pem"
verify = "verify_peer"
fail_if_no_peer_cert = true
`,
    );
    const admin = await startAdmin(world.gateway.control);
    try {
      assert.equal(admin.port, 0);
      const url = `https://localhost:${admin.securePort}`;
      const trust = ["--cacert", `${dir}/server.pem`];
      const as = (name: string) => ["--cert", `${dir}/${name}.pem`, "--key", `${dir}/${name}.key`];
      const key = ["-H", `authorization: ${world.administrator}`];

      const good = await curl(
        ...trust,
        ...as("operator"),
        ...key,
        `${url}/api/v5/nodes`,
        "-D",
        "-",
      );
      assert.match(good.text, /\n200$/);
      assert.match(good.text, /strict-transport-security/i);
      const post = await curl(
        ...trust,
        ...as("operator"),
        ...key,
        ...["--json", '{"topic":"a/b","payload":"x"}', `${url}/api/v5/publish`],
      );
      assert.match(post.text, /\n20[02]$/);
      assert.match((await curl(...trust, ...as("operator"), `${url}/api/v5/nodes`)).text, /\n401$/);

      for (const who of [[], as("stranger")]) {
        const refused = await curl(...trust, ...who, ...key, `${url}/livez`);
        assert.notEqual(refused.code, 0, refused.text);
        assert.match(refused.text, /\n000$/);
      }
      const untrusting = await curl(...as("operator"), `${url}/livez`);
      assert.equal(untrusting.code, 60, "curl does not know our authority");
    } finally {
      await admin.stop();
    }
  },
);

Deno.test("https: without usable certificates the start is refused by name of the setting", async () => {
  await using world = await startWorld(`
[dashboard.listeners.http]
bind = 0
[dashboard.listeners.https]
bind = "127.0.0.1:0"
ssl_options.certfile = "/nowhere/server.pem"
ssl_options.keyfile = "/nowhere/server.key"
`);
  await assert.rejects(
    startAdmin(world.gateway.control),
    /dashboard\.listeners\.https\.ssl_options\.certfile cannot read/,
  );
});

/** A connection that trusts anybody. */
async function open(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connectTls({ host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** Common name of the certificate that a client is shown who asks for a name. */
async function shown(port: number, servername = "localhost"): Promise<string> {
  const socket = await open({ port, servername });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

Deno.test("https: renewed files and other names are shown without moving the port", async () => {
  const authority = testAuthority();
  await using world = await startWorld();
  const { dir, gateway } = world;
  const write = async (file: string, name: string) => {
    const { certificate, key } = authority.server(name, `${name}.example`);
    await Deno.writeTextFile(`${dir}/${file}.pem`, certificate);
    await Deno.writeTextFile(`${dir}/${file}.key`, key);
  };
  const files = `certfile = "${dir}/first.pem"\nkeyfile = "${dir}/first.key"\n`;
  await write("first", "first");
  await write("other", "other");
  await configure(world, files);
  const admin = await startAdmin(gateway.control);
  try {
    const port = admin.securePort;
    assert.equal(await shown(port), "first");
    const early = await open({ port });

    await write("first", "renewed");
    await gateway.certificates.refresh();
    assert.equal(await shown(port), "renewed");
    await Deno.writeTextFile(`${dir}/first.key`, "no key");
    await gateway.certificates.refresh();
    assert.equal(await shown(port), "renewed", "what does not fit is not taken on");
    await write("first", "again");

    const sni = `[[dashboard.listeners.https.ssl_options.sni]]
hosts = ["other.example"]
certfile = "${dir}/other.pem"
keyfile = "${dir}/other.key"
`;
    await configure(world, files + sni);
    await until(async () => await shown(port, "other.example") === "other", "the other name");
    assert.equal(await shown(port), "again");
    assert.equal(admin.securePort, port, "the port stays");
    early.write("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    const [answer] = await once(early, "data");
    assert.match(String(answer), /^HTTP\/1\.1 200 /, "connections stay");
    early.destroy();

    const [, metrics] = await world.get("prometheus/stats");
    assert.match(metrics, /^natsgate_certificate_expiry_days\{listener="dashboard:https"\} \d+$/m);
  } finally {
    await admin.stop();
  }
});

Deno.test("https: other rules on the same address hold for those who come", async () => {
  const authority = testAuthority();
  await using world = await startWorld();
  const { certificate, key } = authority.server();
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const own = `certfile = ${JSON.stringify(certificate)}\nkeyfile = ${JSON.stringify(key)}\n`;
  const change = (settings: string) => configure(world, own + settings, port);
  await change("");
  const admin = await startAdmin(world.gateway.control);
  try {
    assert.equal(await shown(port), "localhost");
    await change('versions = ["tlsv1.3"]');
    const isRefused = () =>
      open({ port, maxVersion: "TLSv1.2" }).then((socket) => {
        socket.destroy();
        return false;
      }, () => true);
    await until(isRefused, "TLS 1.2 to be refused");
    assert.equal(await shown(port), "localhost");
  } finally {
    await admin.stop();
  }
});

Deno.test("check opens the certificates of the admin port", async () => {
  const { certificate } = testAuthority().server();
  const { key } = testAuthority().server();
  const text = `
[dashboard.listeners.https]
bind = "127.0.0.1:0"
ssl_options.certfile = ${JSON.stringify(certificate)}
ssl_options.keyfile = ${JSON.stringify(key)}
`;
  const { config } = loadConfig({ text });
  assert.deepEqual(await checkWaysIn(config!, realClock()), [{
    severity: "error",
    path: "dashboard.listeners.https.ssl_options.keyfile",
    message: "does not belong to the certificate in certfile",
  }]);
});

Deno.test("http: connections beyond max_connections are closed at once", async () => {
  await using world = await startWorld(
    '[dashboard.listeners.http]\nbind = "127.0.0.1:0"\nmax_connections = 2\n',
  );
  const admin = await startAdmin(world.gateway.control);
  const open = () => {
    const socket = connect(admin.port, "127.0.0.1");
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {}).resume();
    return { socket, closed };
  };
  const answered = async (socket: ReturnType<typeof connect>) => {
    socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const text = await new Promise((resolve) => socket.once("data", (data) => resolve(`${data}`)));
    assert.match(String(text), /^HTTP\/1\.1 200/);
  };
  const [one, two] = [open(), open()];
  try {
    await answered(one.socket);
    await answered(two.socket);
    await open().closed;
    // The others are served as before.
    await answered(one.socket);
  } finally {
    one.socket.destroy();
    two.socket.destroy();
    await admin.stop();
  }
});
