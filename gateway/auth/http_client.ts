/**
 * HTTP towards backends, with everything that `ssl` can say and a bounded answer.
 */
import * as http from "node:http";
import * as https from "node:https";
import { Buffer } from "node:buffer";
import type { PasswordConfig } from "../config/types.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";

/** Longest answer that is read, in bytes. */
const ANSWER_BYTES_MAX = 1024 * 1024;

/** How a server is reached. */
export type HttpClientOptions =
  & Pick<PasswordConfig<"http">, "url" | "pool_size" | "connect_timeout" | "max_inactive">
  & {
    readonly ssl: ClientTls;
  };

/** One answer. */
export interface HttpAnswer {
  readonly status: number;
  /** Media type without parameters, lower case. */
  readonly contentType: string;
  readonly body: string;
}

/** One request. */
export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
}

/** A pool of connections to one server. */
export interface HttpClient {
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

/** Makes a client; connections are opened when they are needed. */
export function httpClient(options: HttpClientOptions): HttpClient {
  let agent: http.Agent | undefined;
  return {
    // Certificate files are read with the first request, which can fail as any other.
    // deno-lint-ignore require-await
    send: async (request) => send(request, agent ??= makeAgent(options), options.connect_timeout),
    close: () => agent?.destroy(),
  };
}

function makeAgent(options: HttpClientOptions): http.Agent {
  const { url, pool_size: maxSockets, max_inactive: timeout, ssl } = options;
  const pool = { keepAlive: true, maxSockets, timeout };
  if (!isSecure(url)) return new http.Agent(pool);
  return new https.Agent({ ...pool, ...tlsOptions({ ...ssl, enable: true }, hostOf(url)) });
}

function isSecure(url: string): boolean {
  return /^https:/i.test(url);
}

function send(
  { method, url, headers, body, signal }: HttpRequest,
  agent: http.Agent,
  connect_timeout: number,
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const start = isSecure(url) ? https.request : http.request;
    const length = body === undefined ? {} : { "content-length": Buffer.byteLength(body) };
    const request = start(url, { method, headers: { ...headers, ...length }, agent, signal });
    limitConnecting(request, connect_timeout);
    request.on("error", reject);
    request.on("response", (response) => {
      readAnswer(response).then(resolve, (error) => {
        request.destroy();
        reject(error);
      });
    });
    request.end(body);
  });
}

function hostOf(url: string): string {
  return new URL(url.replace(/\$\{[^{}]*\}/g, "x")).hostname.replace(/^\[|\]$/g, "");
}

/** Gives up when a new connection is not there in time; a used one is there at once. */
function limitConnecting(request: http.ClientRequest, timeout_ms: number): void {
  request.on("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => request.destroy(new Error(`no connection within ${timeout_ms} ms`)),
      timeout_ms,
    );
    const done = () => clearTimeout(timer);
    socket.once("connect", done);
    socket.once("close", done);
    request.once("close", done);
  });
}

async function readAnswer(response: http.IncomingMessage): Promise<HttpAnswer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) {
      throw new Error(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  const type = response.headers["content-type"] ?? "";
  return {
    status: response.statusCode ?? 0,
    contentType: type.split(";")[0]!.trim().toLowerCase(),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}
