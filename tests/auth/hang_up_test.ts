/**
 * Servers that take a connection and hang up, as a proxy does that has no server behind it, or say
 * nothing: logins are answered, the server is not stormed, closing does not wait for it.
 */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { testAccess } from "./config.ts";
import { DOWN } from "./kit.ts";

const SQL = 'database = "x"\nusername = "y"\nquery = "SELECT ${username}"\nquery_timeout = "1s"';
const BACKENDS: Readonly<Record<string, string>> = {
  postgresql: SQL,
  mysql: SQL,
  redis: 'connect_timeout = "1s"\ncmd = "HGET a:${username} password_hash"',
  ldap:
    'request_timeout = "1s"\nquery_timeout = "1s"\nusername = "cn=x"\nbase_dn = "dc=e"\nmethod = { type = "bind" }',
  mongodb: `mongo_type = "single"\ndatabase = "d"\ncollection = "c"
filter = { u = "\${username}" }\ntopology = { server_selection_timeout_ms = "1s" }`,
};
/** More connections than a pool has, and far fewer than a driver makes that never waits. */
const CONNECTIONS_MAX = 20;

for (const [backend, fields] of Object.entries(BACKENDS)) {
  for (const when of ["hangs up at once", "hangs up after the first bytes", "says nothing"]) {
    if (backend === "mysql" && when.includes("bytes")) continue; // the server speaks first
    Deno.test(`${backend}: a server that ${when}`, async () => {
      let connections = 0;
      const sockets = new Set<Socket>();
      const hangUp = (socket: Socket) => {
        connections++;
        socket.on("error", () => {});
        sockets.add(socket);
        if (when === "hangs up at once") socket.destroy();
        else socket.on("data", () => when === "says nothing" || socket.destroy());
      };
      const server = createServer(hangUp);
      await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
      const { port } = server.address() as AddressInfo;
      {
        await using on = await testAccess(
          `[[authentication]]\nmechanism = "password_based"\nbackend = "${backend}"
server = "127.0.0.1:${port}"\n${fields}`,
        );
        const logins = Array.from({ length: 5 }, () => on.login("alice", "a-pass"));
        assert.deepEqual(new Set(await Promise.all(logins)), new Set([DOWN]));
        assert.ok(connections > 0 && connections < CONNECTIONS_MAX, `${connections} connections`);
        assert.match(on.lines.join("\n"), /backend gave no usable answer/);
        // A request that was given up does not go on by itself.
        connections = 0;
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.ok(connections < CONNECTIONS_MAX, `${connections} connections, and nobody asked`);
      }
      connections = 0;
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.equal(connections, 0, "closed is closed");
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    });
  }
}
