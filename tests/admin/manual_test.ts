/**
 * The curl commands of the published manual, run by curl against a started gateway: only the
 * ports are those of the test.
 */
import assert from "node:assert/strict";
import { startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";

const curl = await hasCurl();

async function hasCurl(): Promise<boolean> {
  try {
    return (await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output())
      .success;
  } catch {
    return false;
  }
}

const PUT_GATEWAY = `curl -X 'PUT' 'http://127.0.0.1:18083/api/v5/gateway/nats' \\
  -u <your-application-key>:<your-security-key> \\
  -H 'Content-Type: application/json' \\
  -d '{
  "name": "nats",
  "enable": true,
  "mountpoint": "nats/",
  "listeners": [
    {
      "type": "tcp",
      "name": "default",
      "bind": "4222",
      "max_conn_rate": 1000,
      "max_connections": 1024000
    }
  ]
}'
`;

const POST_AUTHENTICATION = `curl -X 'POST' \\
  'http://127.0.0.1:18083/api/v5/gateway/nats/authentication' \\
  -u <your-application-key>:<your-security-key> \\
  -H 'accept: application/json' \\
  -H 'Content-Type: application/json' \\
  -d '{
  "backend": "built_in_database",
  "mechanism": "password_based",
  "password_hash_algorithm": {
    "name": "sha256",
    "salt_position": "suffix"
  },
  "user_id_type": "username"
}'
`;

Deno.test({
  name:
    "the manual's curl commands set up a gateway that a new user logs in to, and is kicked from" +
    (curl ? "" : " (curl is not installed)"),
  ignore: !curl,
  async fn() {
    await using gateway = await startGateway({ config: '[gateway.nats]\nserver_name = "a"\n' });
    const admin = Number(/administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1]);
    const key = (await Deno.readTextFile(`${gateway.dir}/data/admin.key`)).trim();
    const run = async (command: string) => {
      const script = command.replace("-X", "-s -w '\\n%{http_code}' -X")
        .replace("127.0.0.1:18083", `127.0.0.1:${admin}`)
        .replace("<your-application-key>:<your-security-key>", key)
        .replace('"bind": "4222"', '"bind": "0"');
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script] }).output();
      const [, body, status] = /^(.*)\n(\d+)$/s.exec(new TextDecoder().decode(stdout))!;
      return { status: Number(status), body: body === "" ? undefined : JSON.parse(body!) };
    };
    const url = `http://127.0.0.1:${admin}/api/v5/gateways/nats`;
    const headers = { authorization: `Basic ${btoa(key)}`, "content-type": "application/json" };

    assert.deepEqual(await run(PUT_GATEWAY), { status: 204, body: undefined });
    const made = await run(POST_AUTHENTICATION);
    assert.equal(made.status, 201);
    assert.equal(made.body.id, "password_based:built_in_database");

    const user = JSON.stringify({ user_id: "alice", password: "wonderland" });
    const created = await fetch(`${url}/authentication/users`, {
      method: "POST",
      headers,
      body: user,
    });
    assert.equal(created.status, 201);
    await created.body?.cancel();

    const [listener] = await (await fetch(`${url}/listeners`, { headers })).json();
    assert.equal(listener.bind, "0");
    using client = await RawNats.open(listener.port, { user: "alice", pass: "wonderland" });
    assert.equal(client.info.auth_required, true);
    const { data } = await (await fetch(`${url}/clients?username=alice`, { headers })).json();
    assert.deepEqual(
      data.map((one: { username: string; mountpoint: string }) => [one.username, one.mountpoint]),
      [["alice", "nats/"]],
    );
    const kicked = await fetch(`${url}/clients/${data[0].clientid}`, { method: "DELETE", headers });
    assert.equal(kicked.status, 204);
    await client.expect("-ERR Kicked out");
    assert.equal(await client.line(), null);
  },
});
