/** A local HTTP or HTTPS server whose answers a test decides. */
import * as http from "node:http";
import * as https from "node:https";
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import type { AddressInfo, Socket } from "node:net";

/** What it was asked. */
export interface Asked {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** What it answers; undefined: nothing, ever. */
export type Answer =
  | { readonly status: number; readonly type?: string; readonly body?: string }
  | undefined;

/** The server. */
export class HttpService implements AsyncDisposable {
  readonly asked: Asked[] = [];
  readonly #sockets = new Set<Socket>();
  private constructor(
    readonly server: http.Server,
    public answer: (asked: Asked) => Answer,
    readonly secure: boolean,
    readonly ca: string,
  ) {}

  static async start(answer: (asked: Asked) => Answer, secure = false): Promise<HttpService> {
    const times = {
      notBefore: new Date(Date.now() - 3_600_000),
      notAfter: new Date(Date.now() + 86_400_000),
    };
    const { certificate, key } = issueCertificate({
      commonName: "localhost",
      hosts: ["localhost", "127.0.0.1"],
      ...times,
    });
    const server = secure ? https.createServer({ cert: certificate, key }) : http.createServer();
    const service = new HttpService(server, answer, secure, certificate);
    server.on("connection", (socket: Socket) => {
      service.#sockets.add(socket);
      socket.on("close", () => service.#sockets.delete(socket));
    });
    // A client that hangs up in mid-request is no matter of the server's.
    server.on("request", (request, response) => {
      service.#serve(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return service;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `${this.secure ? "https" : "http"}://127.0.0.1:${port}`;
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += new TextDecoder().decode(chunk);
    const asked: Asked = {
      method: request.method ?? "",
      url: request.url ?? "",
      headers: request.headers,
      body,
    };
    this.asked.push(asked);
    const answer = this.answer(asked);
    if (answer === undefined) return;
    const type = answer.type ?? "application/json";
    response.writeHead(answer.status, answer.body === undefined ? {} : { "content-type": type });
    response.end(answer.body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((done) => this.server.close(() => done()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** An answer in JSON. */
export function json(value: unknown, status = 200): Answer {
  return { status, body: JSON.stringify(value) };
}
