/**
 * Builds a Debian package around a compiled binary: `deno task deb BINARY [ARCHITECTURE [DIR]]`
 * writes `natsgate_VERSION_ARCHITECTURE.deb` to `dist` or DIR. Needs dpkg-deb, whose variable
 * DPKG_DEB_COMPRESSOR_TYPE is honoured.
 */
import { gzipSync } from "node:zlib";
import { main } from "../gateway/cli/command.ts";
import { processIo } from "../gateway/cli/io.ts";
import { VERSION } from "../gateway/version.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/**
 * Builds the package in the directory `output` and gives its path.
 * @param compression of dpkg-deb; xz makes a third of it and takes a minute
 */
export async function buildDeb(
  binary: string,
  architecture: string,
  output: string,
  compression = "xz",
): Promise<string> {
  const tree = await Deno.makeTempDir({ prefix: "natsgate-deb-" });
  try {
    await Deno.chmod(tree, 0o755);
    await writeFiles(tree, binary);
    await writeControl(tree, architecture);
    const path = `${output}/natsgate_${VERSION}_${architecture}.deb`;
    const { code } = await new Deno.Command("dpkg-deb", {
      args: ["--root-owner-group", `-Z${compression}`, "--build", tree, path],
      stdout: "null",
    }).spawn().status;
    if (code !== 0) throw new Error(`dpkg-deb ended with ${code}`);
    return path;
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
}

/** Everything that is installed, where Debian wants it. */
async function writeFiles(tree: string, binary: string): Promise<void> {
  const put = async (path: string, content: string | Uint8Array, mode = 0o644) => {
    await Deno.mkdir(`${tree}${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${tree}${path}`, bytes);
    // Not by `mode` of writeFile, which the umask would narrow.
    await Deno.chmod(`${tree}${path}`, mode);
  };
  const text = (path: string) => Deno.readTextFile(`${ROOT}${path}`);
  await put("/usr/bin/natsgate", await Deno.readFile(binary), 0o755);
  await put("/etc/natsgate/config.toml", await text("config.toml"));
  await put("/lib/systemd/system/natsgate.service", await printed("service", "systemd"));
  await put("/usr/share/man/man1/natsgate.1.gz", gzipSync(await printed("man"), { level: 9 }));
  const completions = {
    bash: "/usr/share/bash-completion/completions/natsgate",
    zsh: "/usr/share/zsh/vendor-completions/_natsgate",
    fish: "/usr/share/fish/vendor_completions.d/natsgate.fish",
  };
  for (const [shell, path] of Object.entries(completions)) {
    await put(path, await printed("completion", shell));
  }
  const doc = "/usr/share/doc/natsgate";
  await put(`${doc}/copyright`, await text("LICENSE"));
  await put(`${doc}/changelog.gz`, gzipSync(await text("CHANGELOG.md"), { level: 9 }));
}

/** What a command of natsgate prints. The binary may be for another machine, so it is not asked. */
async function printed(...words: string[]): Promise<string> {
  let output = "";
  const out = (text: string) => void (output += text);
  const io = processIo(() => new AbortController().signal);
  const code = await main(words, { ...io, out, interrupted: new AbortController().signal });
  if (code !== 0) throw new Error(`natsgate ${words.join(" ")} ended with ${code}`);
  return output;
}

async function writeControl(tree: string, architecture: string): Promise<void> {
  const dir = `${tree}/DEBIAN`;
  await Deno.mkdir(dir, { mode: 0o755 });
  await Deno.writeTextFile(`${dir}/control`, control(architecture, await kibibytes(tree)));
  await Deno.writeTextFile(`${dir}/conffiles`, "/etc/natsgate/config.toml\n");
  for (const [name, script] of Object.entries(SCRIPTS)) {
    await Deno.writeTextFile(`${dir}/${name}`, script);
    await Deno.chmod(`${dir}/${name}`, 0o755);
  }
}

function control(architecture: string, installed_kib: number): string {
  return `Package: natsgate
Version: ${VERSION}
Architecture: ${architecture}
Maintainer: The natsgate authors <natsgate@localhost>
Installed-Size: ${installed_kib}
Depends: libc6 (>= 2.31), libgcc-s1
Section: net
Priority: optional
Description: gateway between NATS and MQTT
 NATS clients and MQTT 3.1.1 and 5.0 clients talk to each other through one
 program with one configuration file.
`;
}

/** What the package's files take on disk. */
async function kibibytes(dir: string): Promise<number> {
  let sum = 0;
  for await (const { name, isDirectory } of Deno.readDir(dir)) {
    const path = `${dir}/${name}`;
    sum += isDirectory ? await kibibytes(path) : Math.ceil((await Deno.stat(path)).size / 1024);
  }
  return sum;
}

/** What dpkg runs. Without systemd the package brings files and a user, and starts nothing. */
const SCRIPTS = {
  postinst: `#!/bin/sh
set -e
if [ "$1" = configure ]; then
  if ! getent passwd natsgate >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /var/lib/natsgate \\
      --shell /usr/sbin/nologin natsgate
  fi
  # Passwords and tokens may be in there.
  chown root:natsgate /etc/natsgate/config.toml
  chmod 0640 /etc/natsgate/config.toml
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable natsgate.service
    systemctl restart natsgate.service
  fi
fi
`,
  prerm: `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  systemctl disable --now natsgate.service
  # What was broken when it went is not to be found among the failed units for ever.
  systemctl reset-failed natsgate.service 2>/dev/null || true
fi
`,
  postrm: `#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
if [ "$1" = purge ]; then
  rm -rf /var/lib/natsgate
  if getent passwd natsgate >/dev/null; then
    userdel natsgate
  fi
fi
`,
};

if (import.meta.main) {
  const [binary, architecture = "amd64", output = `${ROOT}dist`] = Deno.args;
  if (binary === undefined) throw new Error("usage: deno task deb BINARY [amd64|arm64 [DIR]]");
  // Named, because Ubuntu's default is one that older releases of Debian cannot read.
  const compression = Deno.env.get("DPKG_DEB_COMPRESSOR_TYPE") ?? "xz";
  const path = await buildDeb(binary, architecture, output, compression);
  await Deno.stdout.write(new TextEncoder().encode(`${path}\n`));
}
