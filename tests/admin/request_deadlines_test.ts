/** Admin ports and clients that take their time, over real sockets. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { AdminPort, type PortTls } from "../../admin/port.ts";
import { loadConfig } from "../../gateway/config/load.ts";
import { tlsRules } from "../../gateway/transport/tls_judge.ts";
import { loadTlsMaterial } from "../../gateway/transport/tls_material.ts";
import { testAuthority } from "../kit/certs.ts";
import { within } from "../kit/wait.ts";

const LIMITS = { headers_ms: 300, body_ms: 300 };
const POST = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n";
const GET = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";

for (const kind of ["http", "https"]) {
  /** Opens a port, and gives a way to open connections to it and one to let `/slow` be answered. */
  const withPort = async (
    run: (open: () => Promise<Client>, answerSlow: () => void) => Promise<void>,
  ): Promise<void> => {
    const slow = Promise.withResolvers<void>();
    const port = new AdminPort(
      async (request) => {
        if (request.url.endsWith("/slow")) await slow.promise;
        return new Response(request.body === null ? "done" : await request.text());
      },
      kind === "https" ? await testTls() : undefined,
      LIMITS,
    );
    await port.listen({ host: "127.0.0.1", port: 0 });
    const clients: Client[] = [];
    try {
      await run(async () => {
        const client = await Client.open(port.port, kind === "https");
        clients.push(client);
        return client;
      }, slow.resolve);
    } finally {
      for (const { socket } of clients) socket.destroy();
      await port.close();
    }
  };

  Deno.test(`${kind}: a client that does not finish its headers is put out`, () =>
    withPort(async (open) => {
      const client = await open();
      client.socket.write("GET / HT");
      await client.closed();
    }));

  Deno.test(`${kind}: a client that does not finish its body is put out`, () =>
    withPort(async (open) => {
      const client = await open();
      client.socket.write(`${POST}ab`);
      await client.closed();
    }));

  Deno.test(`${kind}: a connection without a further request is closed`, () =>
    withPort(async (open) => {
      const client = await open();
      client.socket.write(`${POST}abcd`);
      await client.heard("abcd");
      await client.closed();
    }));

  Deno.test(`${kind}: an answer that takes longer than both limits is waited for`, () =>
    withPort(async (open, answerSlow) => {
      const patient = await open();
      patient.socket.write(GET);
      // One that came later is out of time already, and so was this, were it counted.
      const idle = await open();
      await idle.closed();
      answerSlow();
      await patient.heard("done");
    }));
}

/** A connection, and what was heard on it. */
class Client {
  #heard = "";
  readonly #closed: Promise<unknown>;

  private constructor(readonly socket: Socket) {
    this.#closed = once(socket, "close");
    socket.on("data", (bytes) => this.#heard += bytes);
    socket.on("error", () => {});
  }

  static async open(port: number, secure: boolean): Promise<Client> {
    const socket = secure
      ? connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false })
      : connect(port, "127.0.0.1");
    const client = new Client(socket);
    await within(once(socket, secure ? "secureConnect" : "connect"), "the connection");
    return client;
  }

  async closed(): Promise<void> {
    await within(this.#closed, "the port to close the connection");
  }

  async heard(text: string): Promise<void> {
    while (!this.#heard.includes(text)) {
      await within(Promise.race([once(this.socket, "data"), this.#closed]), text);
      assert(!this.socket.destroyed || this.#heard.includes(text), `${text} before the end`);
    }
  }
}

async function testTls(): Promise<PortTls> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-test-" });
  try {
    const { certificate, key } = testAuthority().server();
    await Deno.writeTextFile(`${dir}/cert.pem`, certificate);
    await Deno.writeTextFile(`${dir}/key.pem`, key);
    const { config } = loadConfig({
      text: `[dashboard.listeners.https.ssl_options]
certfile = "${dir}/cert.pem"
keyfile = "${dir}/key.pem"`,
    });
    const options = config!.dashboard.listeners.https.ssl_options;
    return { rules: tlsRules(options), material: await loadTlsMaterial(options, "test") };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
