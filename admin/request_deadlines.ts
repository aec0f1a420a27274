/** Time that a client of an admin port has for its requests. */
import type { Server as HttpServer } from "node:http";
import type { Socket } from "node:net";

/** How long a client may take, milliseconds. */
export interface RequestLimits {
  /** From connecting, or the end of the last answer, until the next request's headers are there. */
  readonly headers_ms: number;
  /** From the headers until the whole body is there. */
  readonly body_ms: number;
}

/** What holds on the admin ports. */
export const REQUEST_LIMITS: RequestLimits = { headers_ms: 30_000, body_ms: 300_000 };

/**
 * Closes connections whose requests do not arrive in time, so that a few idle or very slow ones
 * cannot hold all that a port may have. While an answer is being made or read there is no limit:
 * some go on for ever. (Deno's server has Node's limits as properties and keeps none of them.)
 */
export class RequestDeadlines {
  readonly #timers = new WeakMap<Socket, ReturnType<typeof setTimeout>>();

  /** @param opened event of the server for a connection on which requests may come */
  constructor(
    server: HttpServer,
    opened: "connection" | "secureConnection",
    readonly limits: RequestLimits,
  ) {
    server.on(opened, (socket: Socket) => {
      this.#give(socket, limits.headers_ms);
      socket.once("close", () => this.#clear(socket));
    });
    server.on("request", (message, reply) => {
      const { socket } = message;
      this.#give(socket, limits.body_ms);
      message.once("end", () => this.#clear(socket));
      reply.once("finish", () => this.#give(socket, limits.headers_ms));
    });
  }

  #give(socket: Socket, ms: number): void {
    this.#clear(socket);
    if (!socket.destroyed) this.#timers.set(socket, setTimeout(() => socket.destroy(), ms));
  }

  #clear(socket: Socket): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }
}
