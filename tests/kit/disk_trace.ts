/**
 * What a power cut leaves, from a trace of system calls: writes that the disk had been told to
 * keep (`fsync`, `fdatasync`), and nothing of what the system still held in memory.
 */
import { PROGRAMS } from "./services.ts";
import { until } from "./wait.ts";

/** Something that a traced process did. */
export type Deed =
  | {
    readonly kind: "write";
    readonly file: string;
    readonly at: number;
    readonly data: Uint8Array;
  }
  | { readonly kind: "truncate"; readonly file: string; readonly length: number }
  | { readonly kind: "sync"; readonly file: string }
  /** `port`: the peer's. */
  | { readonly kind: "send"; readonly port: number; readonly data: Uint8Array };

/** Words that run a program traced into `path`, under its own process id. */
export function tracedInto(path: string): string[] {
  const calls = "pwrite64,write,writev,pwritev,sendto,sendmsg,fsync,fdatasync,ftruncate";
  const options = ["-D", "-f", "--seccomp-bpf", "-yy", "-xx", "-s", "1000000"];
  return [PROGRAMS.strace!, ...options, "-e", `trace=${calls}`, "-o", path];
}

/** False where processes may not be traced, as in some containers. */
export function mayTrace(): boolean {
  if (PROGRAMS.strace === undefined) return false;
  const args = ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"];
  const options = { args, stdout: "null", stderr: "null" } as const;
  return new Deno.Command(PROGRAMS.strace, options).outputSync().success;
}

/** Reads the trace of a process that has ended. Throws for calls that it cannot judge. */
export async function readTrace(path: string, pid: number): Promise<Deed[]> {
  // Short process ids are padded.
  const ended = new RegExp(`^${pid} +\\+\\+\\+ `, "m");
  const text = await until(() => {
    const read = Deno.readTextFileSync(path);
    return ended.test(read) && read;
  }, "the end of the trace");
  const begun = new Map<string, string>();
  const deeds: Deed[] = [];
  for (const line of text.split("\n")) {
    const [, thread, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest === undefined) continue;
    if (rest.endsWith(UNFINISHED)) {
      begun.set(thread!, rest.slice(0, -UNFINISHED.length));
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(rest);
    const deed = toDeed(resumed === null ? rest : begun.get(thread!) + resumed[1]!);
    if (deed !== undefined) deeds.push(deed);
  }
  return deeds;
}

const UNFINISHED = " <unfinished ...>";
const CALL = /^(\w+)\(\d+<([^>]*->[^>]*|[^>]*)>(?:, "([^"]*)"(?:\.\.\.)?)?(?:, )?(.*)\) += (-?\d+)/;

function toDeed(call: string): Deed | undefined {
  const [, name, target, text, rest, result] = CALL.exec(call) ?? [];
  if (target === undefined || Number(result) < 0) return undefined;
  const peer = /^TCP:\[.*->.*:(\d+)\]$/.exec(target)?.[1];
  if (peer !== undefined) {
    if (name !== "sendto") throw new Error(`cannot judge ${name} on a connection`);
    const data = fromHex(text!).subarray(0, Number(result));
    return { kind: "send", port: Number(peer), data };
  }
  if (!target.startsWith("\\x2f")) return undefined;
  const file = new TextDecoder().decode(fromHex(target));
  const numbers = rest!.split(", ").map(Number);
  if (name === "fsync" || name === "fdatasync") return { kind: "sync", file };
  if (name === "ftruncate") return { kind: "truncate", file, length: numbers[0]! };
  if (name === "pwrite64") return { kind: "write", file, at: numbers[1]!, data: fromHex(text!) };
  if (/\.db(-wal)?$/.test(file)) throw new Error(`cannot judge ${name} on ${file}`);
  return undefined;
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 4);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.slice(4 * i + 2, 4 * i + 4), 16);
  return bytes;
}

/** A file as the process sees it, and as the disk has it. */
class TracedFile {
  kept = new Uint8Array(0);
  readonly unsynced: Deed[] = [];

  sync(): void {
    for (const deed of this.unsynced) {
      if (deed.kind === "truncate") this.#resize(deed.length);
      else if (deed.kind === "write") {
        this.#resize(Math.max(this.kept.length, deed.at + deed.data.length));
        this.kept.set(deed.data, deed.at);
      }
    }
    this.unsynced.length = 0;
  }

  #resize(length: number): void {
    if (length === this.kept.length) return;
    const old = this.kept;
    this.kept = new Uint8Array(length);
    this.kept.set(old.subarray(0, length));
  }
}

/** The files of a traced process, deed after deed. */
export class TracedDisk {
  readonly #files = new Map<string, TracedFile>();

  /** Carries out the next deed. */
  apply(deed: Deed): void {
    if (deed.kind === "send") return;
    const file = this.#file(deed.file);
    if (deed.kind === "sync") file.sync();
    else file.unsynced.push(deed);
  }

  /** What a power cut at this moment leaves of a file. */
  kept(file: string): Uint8Array {
    return this.#file(file).kept;
  }

  /** Changes of a file that a power cut at this moment takes away. */
  unsynced(file: string): number {
    return this.#file(file).unsynced.length;
  }

  #file(name: string): TracedFile {
    let file = this.#files.get(name);
    if (file === undefined) this.#files.set(name, file = new TracedFile());
    return file;
  }
}
