/**
 * What a release is made of: `tools/pack.sh` run on programs that only pretend to be compiled, so
 * that all targets are there.
 */
import assert from "node:assert/strict";
import { TARGETS } from "../../tools/compile.ts";
import { type Lock, sbom } from "../../tools/sbom.ts";
import { VERSION } from "../../gateway/version.ts";

const ROOT = new URL("../../", import.meta.url);
const FILES = ["CHANGELOG.md", "LICENSE", "README.md", "config.toml", "docs/"];
const LINUX_FILES = [
  "completion.bash",
  "completion.fish",
  "completion.zsh",
  "natsgate.1",
  "natsgate.openrc",
  "natsgate.service",
];
const missing = ["dpkg-deb", "sha256sum", "tar"].find((program) =>
  !["/usr/bin", "/bin"].some((dir) => exists(`${dir}/${program}`))
);

Deno.test({
  name: "a release has an archive for each target, packages, its parts and checksums" +
    (missing === undefined ? "" : ` (skipped: no ${missing})`),
  ignore: missing !== undefined,
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-pack-" });
    try {
      for (const target of TARGETS) await pretend(dir, target);
      await pack(dir);
      const release = `${dir}/release`;
      const debs = ["amd64", "arm64"].map((cpu) => `natsgate_${VERSION}_${cpu}.deb`);
      const archives = TARGETS.map((target) => `natsgate-${VERSION}-${target}.tar.gz`);
      const parts = `natsgate-${VERSION}.cdx.json`;
      const files = [...Deno.readDirSync(release)].map(({ name }) => name).sort();
      assert.deepEqual(files, [...archives, ...debs, parts, "SHA256SUMS"].sort());

      await t.step("the checksums are those of all files", async () => {
        const checked = (await sh("sha256sum --check SHA256SUMS", release)).trim().split("\n");
        assert.deepEqual(
          checked.sort(),
          [...archives, ...debs, parts].map((f) => `${f}: OK`).sort(),
        );
      });
      for (const target of TARGETS) {
        await t.step(`the archive for ${target}`, () => checkArchive(release, target));
      }
      await t.step("the Debian packages", async () => {
        for (const cpu of ["amd64", "arm64"]) {
          const deb = `natsgate_${VERSION}_${cpu}.deb`;
          const fields = await sh(`dpkg-deb --field ${deb} Package Version Architecture`, release);
          assert.equal(
            fields,
            `Package: natsgate\nVersion: ${VERSION}\nArchitecture: ${cpu}\n`,
          );
          const list = await sh(`dpkg-deb --contents ${deb}`, release);
          assert.match(list, /^-rwxr-xr-x root\/root .* \.\/usr\/bin\/natsgate$/m);
          assert.match(list, /^-rw-r--r-- root\/root .* \.\/etc\/natsgate\/config\.toml$/m);
        }
      });
      await t.step("the list of parts", async () => {
        const lock: Lock = JSON.parse(await Deno.readTextFile(new URL("deno.lock", ROOT)));
        const listed = JSON.parse(await Deno.readTextFile(`${release}/${parts}`));
        assert.deepEqual(listed, JSON.parse(JSON.stringify(sbom(lock, Deno.version.deno))));
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/** A program that stands for the binary of a target. */
async function pretend(dir: string, target: string): Promise<void> {
  await Deno.mkdir(`${dir}/${target}`);
  const path = `${dir}/${target}/${binaryOf(target)}`;
  await Deno.writeTextFile(path, `#!/bin/sh\necho ${target}\n`);
  await Deno.chmod(path, 0o755);
}

function binaryOf(target: string): string {
  return target.includes("windows") ? "natsgate.exe" : "natsgate";
}

/** Runs the script with this Deno as the `deno` that it asks for. */
async function pack(dir: string): Promise<void> {
  const bin = await Deno.makeTempDir({ prefix: "natsgate-bin-" });
  try {
    await Deno.symlink(Deno.execPath(), `${bin}/deno`);
    await sh(`${new URL("tools/pack.sh", ROOT).pathname} ${dir}`, dir, {
      PATH: `${bin}:${Deno.env.get("PATH")}`,
      DPKG_DEB_COMPRESSOR_TYPE: "none",
    });
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
}

async function checkArchive(release: string, target: string): Promise<void> {
  const name = `natsgate-${VERSION}-${target}`;
  const binary = binaryOf(target);
  const list = (await sh(`tar --numeric-owner -tvzf ${name}.tar.gz`, release)).trim().split("\n");
  const entries = list.map((line) => /^(\S+) (\S+)\s.* (\S+)$/.exec(line)!.slice(1, 4));
  for (const [, owner, path] of entries) {
    assert.equal(owner, "0/0", path!);
    assert(path!.startsWith(`${name}/`), "nothing is unpacked beside the directory");
  }
  const inside = entries.map(([, , path]) => path!.slice(name.length + 1))
    .filter((path) => path !== "" && !/^docs\/./.test(path));
  const linux = target.includes("linux") ? LINUX_FILES : [];
  assert.deepEqual(inside.sort(), [binary, ...FILES, ...linux].sort());
  const [mode] = entries.find(([, , path]) => path === `${name}/${binary}`)!;
  assert.equal(mode, "-rwxr-xr-x");
  assert.equal(
    await sh(`tar -xzOf ${name}.tar.gz ${name}/${binary}`, release),
    `#!/bin/sh\necho ${target}\n`,
  );
}

/** Output of a shell command. Fails when the command does. */
async function sh(command: string, cwd: string, env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd,
    env,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, `${command}: ${text(stdout)}${text(stderr)}`);
  return text(stdout);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
