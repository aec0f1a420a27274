/**
 * The Debian package: installed, started as its unit says, stopped, removed and purged. Needs
 * root, because that is what dpkg needs.
 */
import assert from "node:assert/strict";
import { buildDeb } from "../../tools/deb.ts";
import { exists, sh } from "../kit/shell.ts";
import { until, within } from "../kit/wait.ts";

const BINARY = Deno.env.get("NATSGATE_BIN");
const reason = BINARY === undefined
  ? "no NATSGATE_BIN"
  : Deno.uid() !== 0
  ? "not root"
  : !exists("/usr/bin/dpkg-deb")
  ? "not Debian"
  : exists("/usr/bin/natsgate") || exists("/var/lib/natsgate")
  ? "natsgate is installed already"
  : undefined;

Deno.test({
  name: reason === undefined
    ? "the Debian package installs, runs and goes away"
    : `the Debian package installs, runs and goes away (skipped: ${reason})`,
  ignore: reason !== undefined,
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-deb-test-" });
    try {
      const architecture = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
      const deb = await buildDeb(BINARY!, architecture, dir, "none");
      await t.step("install", async () => {
        await sh(`dpkg --install ${deb}`);
        assert.match(await sh("natsgate version"), /^natsgate \d/);
        assert.match(await sh("natsgate check --config /etc/natsgate/config.toml"), /: valid/);
        assert.match(await sh("getent passwd natsgate"), /nologin/);
        assert.equal(Deno.statSync("/etc/natsgate/config.toml").mode! & 0o777, 0o640);
        assert.equal(await sh("dpkg --verify natsgate"), "");
      });
      await t.step("start as the unit says, as its user, and stop", () => runAsService(dir));
      await t.step("an upgrade keeps what was configured and stored", async () => {
        await sh("mkdir --mode=0700 /var/lib/natsgate && chown natsgate: /var/lib/natsgate");
        await sh("echo kept > /var/lib/natsgate/natsgate.db");
        await sh("echo '# mine' >> /etc/natsgate/config.toml");
        const user = await sh("id natsgate");
        await sh(`dpkg-deb --raw-extract ${deb} ${dir}/next`);
        await sh(`sed -i 's/^Version: .*/Version: 99.0.0/' ${dir}/next/DEBIAN/control`);
        await sh(`dpkg-deb --root-owner-group -Znone --build ${dir}/next ${dir}/next.deb`);
        await sh(`dpkg --install ${dir}/next.deb`);
        assert.equal(await sh("dpkg-query --show --showformat='${Version}' natsgate"), "99.0.0");
        assert.match(await Deno.readTextFile("/etc/natsgate/config.toml"), /^# mine$/m);
        assert.equal(Deno.statSync("/etc/natsgate/config.toml").mode! & 0o777, 0o640);
        assert.equal(await sh("cat /var/lib/natsgate/natsgate.db"), "kept\n");
        assert.equal(await sh("stat -c %U:%a /var/lib/natsgate"), "natsgate:700\n");
        assert.equal(await sh("id natsgate"), user);
      });
      await t.step("remove keeps configuration and data, purge does not", async () => {
        await sh("dpkg --remove natsgate");
        assert(!exists("/usr/bin/natsgate"));
        assert(exists("/etc/natsgate/config.toml"));
        assert(exists("/var/lib/natsgate/natsgate.db"));
        await sh("dpkg --purge natsgate");
        assert(!exists("/etc/natsgate"));
        assert(!exists("/var/lib/natsgate"));
        assert.equal(await sh("getent passwd natsgate || true"), "");
      });
    } finally {
      await sh("dpkg --purge natsgate 2>&1 || true");
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/** Runs the command line of the unit on other ports and with other data, as the unit's user. */
async function runAsService(dir: string): Promise<void> {
  const unit = await Deno.readTextFile("/lib/systemd/system/natsgate.service");
  const [, command] = /^ExecStart=(.+)$/m.exec(unit)!;
  const [, user] = /^User=(.+)$/m.exec(unit)!;
  const sets = [
    "gateway.nats.listeners.tcp.default",
    "gateway.nats.listeners.ws.default",
    "listeners.tcp.default",
    "listeners.ws.default",
    "dashboard.listeners.http",
  ].map((listener) => `--set ${listener}.bind=127.0.0.1:0`);
  const words = `${command!.replace("/var/lib/natsgate", `${dir}/data`)} ${sets.join(" ")}`;
  await sh(`mkdir ${dir}/data && chmod 755 ${dir} && chown ${user} ${dir}/data`);
  const child = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      `exec setpriv --reuid=${user} --regid=${user} --clear-groups ${words} 2>${dir}/log`,
    ],
  }).spawn();
  let ended = false;
  child.status.then(() => ended = true);
  const log = () => exists(`${dir}/log`) ? Deno.readTextFileSync(`${dir}/log`) : "";
  try {
    await until(() => ended || log().includes("natsgate ready"), "ready");
    assert(!ended, log());
  } finally {
    if (!ended) child.kill("SIGTERM");
  }
  assert.equal((await within(child.status, "the stop")).code, 0, log());
}
