/** The admin port over TLS, asked by curl. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { startAdmin } from "../../admin/server.ts";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { startWorld } from "./kit.ts";

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
    const [status, body] = await world.get("configs", {
      method: "PUT",
      body: `
[dashboard.listeners]
http.bind = 0
https.bind = "127.0.0.1:0"
[dashboard.listeners.https.ssl_options]
certfile = "${dir}/server.pem"
keyfile = "${dir}/server.key"
cacertfile = "${dir}/ca.pem"
verify = "verify_peer"
fail_if_no_peer_cert = true
`,
    });
    assert.equal(status, 200, JSON.stringify(body));
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
