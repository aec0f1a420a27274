/**
 * Private instances of real servers for tests: each on free loopback ports, with a directory of
 * its own, as the user that the server wants to be, stopped by its process id. What is not
 * installed is undefined here; `tests/services/install.sh` installs it.
 */
import { issueCertificate } from "../../gateway/transport/issue_certificate.ts";
import { listens } from "./conn.ts";
import { until, within } from "./wait.ts";

/** Programs by name; undefined for what is not installed. */
export const PROGRAMS = {
  postgres: find(
    "postgres",
    ...[17, 16, 15, 14, 13].map((n) => `/usr/lib/postgresql/${n}/bin/postgres`),
  ),
  mariadb: find("mariadbd", "/usr/sbin/mariadbd"),
  redis: find("redis-server", "/usr/bin/redis-server"),
  slapd: find("slapd", "/usr/sbin/slapd"),
  strace: find("strace", "/usr/bin/strace"),
};

/** For the name of a test that is skipped. */
export function skipNote(program: string | undefined, name: string): string {
  return program === undefined ? ` (skipped: ${name} is not installed)` : "";
}

/** A running server. */
export class Service implements AsyncDisposable {
  constructor(
    readonly child: Deno.ChildProcess,
    readonly dir: string,
    readonly port: number,
    readonly tlsPort: number,
    /** PEM of the authority that signed the server's certificate. */
    readonly ca: string,
  ) {}

  /** Stops the process and leaves the directory, for `restart`. */
  async stop(): Promise<void> {
    try {
      this.child.kill("SIGTERM");
    } catch {
      // It has ended by itself.
    }
    await within(this.child.status, "the server to stop");
  }

  /** Freezes the processes, and waits until they stand: connections stay, answers do not come. */
  async freeze(): Promise<void> {
    const pids = this.#pids();
    for (const pid of pids) Deno.kill(pid, "SIGSTOP");
    await until(() => pids.every(isStopped), "the processes to stop");
  }

  thaw(): void {
    for (const pid of this.#pids()) Deno.kill(pid, "SIGCONT");
  }

  /** The process and those that it started. */
  #pids(): number[] {
    const { pid } = this.child;
    const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
    return [pid, ...children.split(" ").filter((text) => text.trim() !== "").map(Number)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}

/** True when every thread of a process is stopped. */
function isStopped(pid: number): boolean {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].every(({ name }) =>
    / T \d+ /.test(Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`))
  );
}

/** User and group of a process; empty for one's own. */
export interface Owner {
  readonly uid?: number;
  readonly gid?: number;
}

/** The user to run as: the one of that name when tests run as root, else the present one. */
export function ownerOf(user: string): Owner {
  if (Deno.uid() !== 0) return {};
  const line = Deno.readTextFileSync("/etc/passwd").split("\n")
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined ? {} : { uid: Number(uid), gid: Number(gid) };
}

/** A directory for a server, with `server.pem`, `server.key` and `ca.pem`, owned by its user. */
export function makeDir(owner: Owner): { readonly dir: string; readonly ca: string } {
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-service-" });
  const times = {
    notBefore: new Date(Date.now() - 3_600_000),
    notAfter: new Date(Date.now() + 86_400_000),
  };
  const authority = issueCertificate({ commonName: "test authority", ca: true, ...times });
  const server = issueCertificate(
    { commonName: "localhost", hosts: ["localhost", "127.0.0.1"], ...times },
    authority,
  );
  const ca = authority.certificate;
  own(dir, owner);
  writeFile(`${dir}/server.pem`, server.certificate, owner);
  writeFile(`${dir}/server.key`, server.key, owner);
  writeFile(`${dir}/ca.pem`, ca, owner);
  return { dir, ca };
}

/** Writes a file that only its owner may read. */
export function writeFile(path: string, text: string, owner: Owner): void {
  Deno.writeTextFileSync(path, text, { mode: 0o600 });
  own(path, owner);
}

function own(path: string, owner: Owner): void {
  if (owner.uid !== undefined) Deno.chownSync(path, owner.uid, owner.gid!);
}

/** Runs a program to its end. Throws with what it said when it fails. */
export function runProgram(program: string, args: readonly string[], owner: Owner): void {
  const { success, stderr, stdout } = new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    ...owner,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).outputSync();
  if (success) return;
  const text = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  throw new Error(`${program} failed: ${text}`);
}

/** Starts a server and waits until it listens. */
export async function startProgram(
  program: string,
  args: readonly string[],
  owner: Owner,
  port: number,
): Promise<Deno.ChildProcess> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    ...owner,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  await until(() => listens(port), `${program} to listen on ${port}`);
  return child;
}

function find(...candidates: string[]): string | undefined {
  return candidates.find((program) => {
    try {
      new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" })
        .outputSync();
      return true;
    } catch {
      return false;
    }
  });
}
