/**
 * A `node:tls` socket as a byte stream, with back pressure that holds.
 */
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { PeerCertificate } from "../protocol/session.ts";
import type { Adopted } from "./adopt.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import type { ByteStream } from "./stream.ts";

/** Decrypted bytes that may wait for a reader before the network is no longer read. */
export const WAITING_BYTES_MAX = 64 * 1024;

/** The stream inside a TLS connection whose handshake is done. */
export class TlsStream implements ByteStream {
  readonly certificate: PeerCertificate | undefined;
  readonly #socket: TLSSocket;
  readonly #below: Adopted;
  readonly #waiting = new ChunkQueue();
  #reading = true;
  #ended = false;
  #error: Error | undefined = undefined;
  /** The read under way, if it has to wait. */
  #into: Uint8Array | undefined = undefined;
  #read: PromiseWithResolvers<number | null> | undefined = undefined;

  constructor(socket: TLSSocket, below: Adopted) {
    this.#socket = socket;
    this.#below = below;
    this.certificate = peerCertificate(socket);
    socket.on("data", (bytes: Uint8Array) => this.#received(bytes));
    socket.on("end", () => this.#end());
    socket.on("error", (error: Error) => this.#end(error));
    socket.on("close", () => this.#end());
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.#waiting.bytes > 0) return Promise.resolve(this.#waiting.take(into));
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    this.#into = into;
    this.#read = Promise.withResolvers();
    this.#setReading(true);
    return this.#read.promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => error ? reject(error) : resolve(bytes.length));
    });
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) return resolve();
      this.#socket.once("close", resolve);
      this.#socket.end(resolve);
    });
  }

  close(): void {
    this.#socket.destroy();
    this.#below.socket.destroy();
    this.#end();
  }

  #received(bytes: Uint8Array): void {
    const read = this.#read;
    if (read === undefined || this.#into === undefined) {
      this.#keep(bytes);
      return;
    }
    const count = Math.min(bytes.length, this.#into.length);
    this.#into.set(count < bytes.length ? bytes.subarray(0, count) : bytes);
    if (count < bytes.length) this.#keep(bytes.subarray(count));
    this.#read = undefined;
    read.resolve(count);
  }

  #keep(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (this.#waiting.bytes >= WAITING_BYTES_MAX) this.#setReading(false);
  }

  #end(error?: Error): void {
    this.#ended = true;
    this.#error ??= error;
    const read = this.#read;
    this.#read = undefined;
    if (this.#error !== undefined) read?.reject(this.#error);
    else read?.resolve(null);
  }

  #setReading(on: boolean): void {
    if (on === this.#reading || this.#socket.destroyed) return;
    this.#reading = on;
    if (on) {
      this.#below.setReading(true);
      this.#socket.resume();
    } else {
      this.#socket.pause();
      this.#below.setReading(false);
    }
  }
}

/** What the client showed; undefined when it showed nothing. */
function peerCertificate(socket: TLSSocket): PeerCertificate | undefined {
  // Without a certificate the runtime gives undefined or an empty object, despite the types.
  const shown: Partial<DetailedPeerCertificate> | undefined = socket.getPeerCertificate();
  if (shown?.fingerprint256 === undefined) return undefined;
  const subject: NameParts = { ...shown.subject };
  const common = subject["CN"] ?? "";
  return {
    commonName: typeof common === "string" ? common : common[0] ?? "",
    subject: distinguishedName(subject),
    fingerprint256: shown.fingerprint256,
    // Most are never asked for it, and it is long.
    get pem() {
      return pemOf(socket.getPeerCertificate().raw);
    },
  };
}

/** RFC 7468: base64 in lines of 64, between two lines that say what it is. */
function pemOf(der: Uint8Array | undefined): string | undefined {
  if (der === undefined) return undefined;
  const lines = der.toBase64().replace(/.{1,64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}

/** A name as the runtime gives it: in the certificate's order, several of a kind in a list. */
type NameParts = Readonly<Record<string, string | string[] | undefined>>;

/** Text of a name, most specific part first (RFC 4514, 2.1). */
export function distinguishedName(subject: NameParts): string {
  const parts = Object.entries(subject).flatMap(([type, value]) =>
    [value ?? []].flat().map((each) => `${type}=${escapeValue(each)}`)
  );
  return parts.reverse().join(",");
}

/** RFC 4514, 2.4. */
function escapeValue(value: string): string {
  return value.replace(/[,+"\\<>;]/g, "\\$&").replace(/^[ #]| $/g, "\\$&").replaceAll("\0", "\\00");
}
