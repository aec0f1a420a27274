/** `natsgate cert self-signed`. */
import { DAY_MS } from "../clock.ts";
import { EXIT, OperationalError } from "../errors.ts";
import { issueCertificate } from "../transport/issue_certificate.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Makes a CA and a server certificate signed by it, for tests and closed networks. */
export function run(args: Arguments, io: Io): number {
  const hosts = args.operands.length === 0 ? ["localhost", "127.0.0.1", "::1"] : args.operands;
  // A device without a clock battery may wake up in the past.
  const notBefore = new Date(Date.now() - DAY_MS);
  const notAfter = new Date(Date.now() + args.integer("days") * DAY_MS);
  const ca = issueCertificate({ commonName: "natsgate local CA", ca: true, notBefore, notAfter });
  const server = issueCertificate(
    { commonName: hosts[0]!, hosts, usage: "server", notBefore, notAfter },
    ca,
  );
  const client = args.text("client");
  const dir = args.text("out") ?? ".";
  const files: [name: string, text: string, mode: number][] = [
    ["ca.pem", ca.certificate, 0o644],
    ["cert.pem", server.certificate, 0o644],
    ["key.pem", server.key, 0o600],
  ];
  if (client !== undefined) {
    const issued = issueCertificate(
      { commonName: client, usage: "client", notBefore, notAfter },
      ca,
    );
    files.push(["client-cert.pem", issued.certificate, 0o644]);
    files.push(["client-key.pem", issued.key, 0o600]);
  }
  for (const [name, text, mode] of files) writeNew(dir, name, text, mode);
  io.out(files.map(([name]) => `${dir}/${name}\n`).join(""));
  io.err(
    `For ${hosts.join(", ")}, ${args.text("days")} days. In the configuration of a listener:\n\n` +
      `  [listeners.ssl.default.ssl_options]\n  certfile = "${dir}/cert.pem"\n` +
      `  keyfile = "${dir}/key.pem"\n\nClients trust it with --cafile ${dir}/ca.pem.\n`,
  );
  return EXIT.ok;
}

/** Never writes over a file: it may be a key that is in use. */
function writeNew(dir: string, name: string, text: string, mode: number): void {
  const path = `${dir}/${name}`;
  try {
    Deno.mkdirSync(dir, { recursive: true });
    Deno.writeTextFileSync(path, text, { createNew: true, mode });
  } catch (error) {
    const reason = error instanceof Deno.errors.AlreadyExists
      ? "it is there already; name another directory with --out"
      : (error as Error).message;
    throw new OperationalError(`Cannot write ${path}: ${reason}`, EXIT.failure, { cause: error });
  }
}
