/**
 * What `deno task compile TARGET` made: that each is a program for its machine and is whole. They
 * are looked for in the directory NATSGATE_TARGETS, such as `dist`; `.ci/run` makes them.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { TARGETS } from "../../tools/compile.ts";
import { VERSION } from "../../gateway/version.ts";
import { exists } from "../kit/shell.ts";
import { machCommands, view } from "./runtimes.ts";
import { binaryOf } from "./targets.ts";

type Target = typeof TARGETS[number];

const DIR = Deno.env.get("NATSGATE_TARGETS");

for (const target of TARGETS) {
  const path = `${DIR}/${target}/${binaryOf(target)}`;
  const missing = DIR === undefined
    ? "no NATSGATE_TARGETS"
    : exists(path)
    ? undefined
    : `no ${path}`;
  Deno.test({
    name: `the program for ${target} is whole` +
      (missing === undefined ? "" : ` (skipped: ${missing})`),
    ignore: missing !== undefined,
    fn() {
      const program = Deno.readFileSync(path);
      CHECKS[target](program);
      const text = new TextDecoder("latin1").decode(program);
      assert(text.includes(`var VERSION = "${VERSION}";`), "our code is in it");
    },
  });
}

/** Fails unless a program is one for the target. */
const CHECKS: Record<Target, (program: Uint8Array<ArrayBuffer>) => void> = {
  "x86_64-unknown-linux-gnu": (program) => assertElf(program, 0x3e),
  "aarch64-unknown-linux-gnu": (program) => assertElf(program, 0xb7),
  "x86_64-apple-darwin": (program) => assertMach(program, 0x01000007),
  "aarch64-apple-darwin"(program) {
    assertMach(program, 0x0100000c);
    assertSigned(program);
  },
  "x86_64-pc-windows-msvc": assertPe,
};

function assertElf(program: Uint8Array, machine: number): void {
  assert.equal(new TextDecoder().decode(program.subarray(1, 4)), "ELF");
  assert.equal(program[4], 2, "64 bit");
  assert.equal(view(program).getUint16(18, true), machine);
}

/** A Mach-O program whose segments are in the file, one behind the other. */
function assertMach(program: Uint8Array, cpu: number): void {
  const data = view(program);
  assert.equal(data.getUint32(0, true), 0xfeedfacf);
  assert.equal(data.getUint32(4, true), cpu);
  let end = 0n;
  for (const { at, name } of machCommands(program)) {
    if (name === undefined || name === "__PAGEZERO") continue;
    assert.equal(data.getBigUint64(at + 40, true), end, name);
    end += data.getBigUint64(at + 48, true);
  }
  assert.equal(end, BigInt(program.length));
}

/** macOS on ARM starts nothing whose pages do not have the hashes of its signature. */
function assertSigned(program: Uint8Array<ArrayBuffer>): void {
  const data = view(program);
  const command = [...machCommands(program)].find(({ kind }) => kind === 0x1d);
  assert(command !== undefined, "a signature");
  const signature = data.getUint32(command.at + 8, true);
  assert.equal(data.getUint32(signature), 0xfade0cc0);
  const directory = signature + data.getUint32(signature + 16);
  assert.equal(data.getUint32(directory), 0xfade0c02);
  const [hashes, pages, limit] = [16, 28, 32].map((at) => data.getUint32(directory + at)) as [
    number,
    number,
    number,
  ];
  assert.equal(limit, signature, "all in front of the signature is signed");
  const pageSize = 1 << program[directory + 39]!;
  assert.equal(pages, Math.ceil(limit / pageSize));
  for (let page = 0; page < pages; page++) {
    const bytes = program.subarray(page * pageSize, Math.min((page + 1) * pageSize, limit));
    const at = directory + hashes + page * 32;
    const signed = Buffer.from(program.subarray(at, at + 32)).toString("hex");
    assert.equal(createHash("sha256").update(bytes).digest("hex"), signed, `page ${page}`);
  }
}

/** A Windows program whose sections fit into the memory that it asks for. */
function assertPe(program: Uint8Array): void {
  const data = view(program);
  const header = data.getUint32(0x3c, true);
  assert.equal(new TextDecoder().decode(program.subarray(header, header + 4)), "PE\0\0");
  assert.equal(data.getUint16(header + 4, true), 0x8664);
  const sections = data.getUint16(header + 6, true);
  const first = header + 24 + data.getUint16(header + 20, true);
  const imageSize = data.getUint32(header + 24 + 56, true);
  for (let i = 0; i < sections; i++) {
    const at = first + 40 * i;
    const [size, address, fileSize, offset] = [8, 12, 16, 20].map((field) =>
      data.getUint32(at + field, true)
    ) as [number, number, number, number];
    assert(offset + fileSize <= program.length, `section ${i} is in the file`);
    assert(address + Math.max(size, fileSize) <= imageSize + 0xfff, `section ${i} is in memory`);
  }
}
