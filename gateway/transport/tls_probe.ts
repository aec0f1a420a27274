/**
 * Whether this runtime can do what TLS listeners promise. Older runtimes have the same functions
 * but verify nobody, without a word; so it is tried out rather than read off a version.
 */
import { connect } from "node:tls";
import { type Clock, DAY_MS } from "../clock.ts";
import { EXIT, OperationalError } from "../errors.ts";
import { issueCertificate } from "./issue_certificate.ts";
import { closeQuietly } from "./stream.ts";
import { loadTlsMaterial } from "./tls_material.ts";
import { TlsServer } from "./tls_server.ts";

/** More than enough for two handshakes on the loopback. */
const PROBE_TIMEOUT_MS = 5000;
const NOTHING = new Uint8Array(0);

let probed: Promise<void> | undefined;

/**
 * Makes sure, once, that the runtime can do TLS as promised.
 * @throws {OperationalError} it cannot
 */
export function needTls(clock: Clock): Promise<void> {
  return probed ??= probeTls(clock);
}

/**
 * Shakes hands with itself: a client with a trusted certificate must be let in on a connection
 * that was accepted before TLS began, and one without a certificate must not.
 * @throws OperationalError (exit code 70) when this runtime is not fit for TLS listeners.
 */
async function probeTls(clock: Clock): Promise<void> {
  let works = false;
  try {
    works = await outcome(clock, true) && !await outcome(clock, false);
  } catch {
    // Then it does not.
  }
  if (works) return;
  throw new OperationalError(
    `This runtime (Deno ${Deno.version.deno}) cannot verify TLS clients or upgrade a connection ` +
      "to TLS, so ssl and wss listeners would not be safe; run natsgate with the Deno version " +
      "named in its README, or set enable = false for these listeners",
    EXIT.internal,
  );
}

/** Whether a client got in, and was known by its name. */
async function outcome(clock: Clock, withCertificate: boolean): Promise<boolean> {
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + DAY_MS);
  const { certificate, key } = issueCertificate({ commonName: "probe", notBefore, notAfter });
  const material = await loadTlsMaterial({
    certfile: certificate,
    keyfile: key,
    cacertfile: certificate,
    verify: "verify_peer",
    fail_if_no_peer_cert: true,
    enable_crl_check: false,
    sni: [],
  }, "probe");
  const server = new TlsServer(
    {
      verify: "verify_peer",
      fail_if_no_peer_cert: true,
      depth: 0,
      versions: ["tlsv1.3"],
      ciphers: [],
      enable_crl_check: false,
      handshake_timeout: PROBE_TIMEOUT_MS,
    },
    material,
    clock,
  );
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = connect({
    host: "127.0.0.1",
    port: listener.addr.port,
    // The certificate is for no host; what is tried out is the other direction.
    rejectUnauthorized: false,
    ...(withCertificate && { cert: certificate, key }),
  });
  client.on("error", () => {});
  try {
    const stream = await server.handshake(await listener.accept(), NOTHING);
    closeQuietly(stream);
    return stream.certificate?.commonName === "probe";
  } catch {
    return false;
  } finally {
    client.destroy();
    listener.close();
  }
}
