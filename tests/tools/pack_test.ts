/**
 * What a release is made of: `tools/pack.sh` run on programs that only pretend to be compiled, so
 * that all targets are there.
 */
import assert from "node:assert/strict";
import { TARGETS } from "../../tools/compile.ts";
import { type Lock, sbom } from "../../tools/sbom.ts";
import { VERSION } from "../../gateway/version.ts";
import { firstMissing, sh } from "../kit/shell.ts";
import { binaryOf, pretend } from "./targets.ts";

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
const missing = firstMissing("dpkg-deb", "sha256sum", "tar");

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
