/**
 * The init script of `natsgate service openrc` under OpenRC itself: booted, reloaded, restarted,
 * crashed and stopped in a copy of this machine's root with processes, mounts and a network of
 * its own, so that nothing of the machine is touched.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { NO_ROOT } from "../kit/empty_root.ts";
import { exists } from "../kit/shell.ts";

/** Where `tests/services/install.sh` unpacks OpenRC: installed, it would want to be the init. */
const OPENRC = "/opt/natsgate-tests/openrc";

/** Makes the root: the machine's own below, and what is written above it in memory. */
const MAKE_ROOT = `
  set -e
  mount -t tmpfs tmpfs "$dir"
  mkdir "$dir/upper" "$dir/work" "$dir/root"
  mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" overlay "$dir/root"
  cd "$dir/root"`;

const reason = NO_ROOT ?? (exists(OPENRC) ? whyNoOverlay() : `no OpenRC in ${OPENRC}`);

/** Puts OpenRC, natsgate and its init script there, beside no other service. */
const FILL_ROOT = `
  for mount in tmp run; do mount -t tmpfs tmpfs $mount; done
  mount --bind /dev dev
  tar -C ${OPENRC} -c . | tar -x --keep-directory-symlink
  find etc/init.d -type f -delete
  mkdir -p etc/insserv.conf.d etc/natsgate
  for level in sysinit boot default shutdown; do mkdir -p etc/runlevels/$level; done
  touch etc/insserv.conf
  cp "$binary" usr/bin/natsgate
  printf %s "$script" > etc/init.d/natsgate
  chmod 755 etc/init.d/natsgate
  printf '[listeners.tcp.default]\\nbind = "127.0.0.1:1883"\\n' > etc/natsgate/config.toml
  chroot . useradd --system --user-group --no-create-home --home-dir /var/lib/natsgate \\
    --shell /usr/sbin/nologin natsgate
  printf %s "$scenario" > tmp/scenario
  exec chroot . env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin /bin/sh /tmp/scenario 2>&1`;

/** What is done there. Each part begins with a line "## NAME". */
const SCENARIO = `
  mount -t proc proc /proc
  ip link set lo up
  config=/etc/natsgate/config.toml
  patiently() {
    tries=0
    until "$@" >/dev/null 2>&1; do
      tries=$((tries + 1)); [ $tries -lt 200 ] || { echo "waited for: $*"; exit 1; }; sleep 0.1
    done
  }
  service() { rc-service natsgate "$@"; echo "exit code $?"; }
  child() { cat /run/openrc/options/natsgate/child_pid; }
  healthy() { natsgate health --data-dir /var/lib/natsgate; }
  another() { [ "$(child)" != "$pid" ] && healthy; }
  kept() { natsgate sub --count 1 "mqtt://127.0.0.1:$1" kept/value; }

  echo "## boot"
  rc-update add natsgate default
  openrc sysinit; openrc boot; openrc default
  patiently healthy
  service status
  stat -c 'owner %U' "/proc/$(child)"
  natsgate pub --retain --qos 1 mqtt://127.0.0.1:1883 kept/value "by the store"

  echo "## reload"
  pid=$(child)
  sed -i s/1883/1884/ $config
  service reload
  patiently kept 1884
  kept 1884
  natsgate pub mqtt://127.0.0.1:1883 a b
  [ "$(child)" = "$pid" ] && echo "the same process"

  echo "## bad reload"
  echo "bad = 1" >> $config
  service reload
  echo "## bad restart"
  service restart
  [ "$(child)" = "$pid" ] && healthy && echo "the same process"
  sed -i /bad/d $config

  echo "## restart"
  service restart
  patiently another
  kept 1884

  echo "## crash"
  pid=$(child)
  kill -KILL "$pid"
  patiently another
  service status
  kept 1884

  echo "## stop"
  natsgate sub --mqtt-version 5 mqtt://127.0.0.1:1884 a/b 2> /tmp/told &
  client=$!
  patiently grep subscribed /tmp/told
  pid=$(child)
  service stop
  service status
  wait $client
  cat /tmp/told
  [ -e "/proc/$pid" ] || echo "gone"

  echo "## bad start"
  echo "bad = 1" >> $config
  service start
  service status`;

Deno.test({
  name: "OpenRC starts, reloads, restarts and stops it, and starts it again after a crash" +
    (reason === undefined ? "" : ` (skipped: ${reason})`),
  ignore: reason !== undefined,
  async fn(t) {
    const io = fakeIo();
    assert.equal(await main(["service", "openrc"], io), 0);
    const { code, output } = await inNamespaces(`${MAKE_ROOT}\n${FILL_ROOT}`, {
      binary: Deno.env.get("NATSGATE_BIN")!,
      script: io.output,
      scenario: SCENARIO,
    });
    assert.equal(code, 0, output);
    const parts = new Map(
      output.split(/^## /m).map((part) => {
        const [name] = part.split("\n", 1);
        return [name!, part.slice(name!.length)] as const;
      }),
    );
    const problem = /config\.toml:3:1: error: listeners\.tcp\.default\.bad: unknown setting/;
    const expected: Readonly<Record<string, RegExp[]>> = {
      boot: [/Starting natsgate/, /status: started\nexit code 0$/m, /^owner natsgate$/m],
      reload: [
        /Reloading natsgate/,
        /^exit code 0$/m,
        /^\[kept\/value, retained\] by the store$/m,
        /Cannot connect to 127\.0\.0\.1:1883/,
        /^the same process$/m,
      ],
      "bad reload": [problem, /^exit code 78$/m],
      "bad restart": [problem, /^exit code 1$/m, /^the same process$/m],
      restart: [/Stopping .*\n[^]*Starting /, /^exit code 0$/m, /retained\] by the store$/m],
      crash: [/status: started\nexit code 0$/m, /retained\] by the store$/m],
      stop: [/^exit code 0\n.*stopped\nexit code 3$/m, /Server shutting down/, /^gone$/m],
      "bad start": [problem, /failed to start\nexit code 1\n.*stopped\nexit code 3$/m],
    };
    for (const [name, patterns] of Object.entries(expected)) {
      await t.step(name, () => {
        for (const pattern of patterns) assert.match(parts.get(name) ?? output, pattern);
      });
    }
  },
});

/** Runs a shell script with mounts, processes and a network of its own, and a `dir` for them. */
async function inNamespaces(
  script: string,
  variables: Readonly<Record<string, string>>,
): Promise<{ code: number; output: string }> {
  const dir = await Deno.makeTempDir({ prefix: "natsgate-openrc-" });
  try {
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: [
        ...["90", "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"],
        ...["/bin/sh", "-c", script],
      ],
      env: { ...variables, dir },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, output: text(stdout) + text(stderr) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Why the root cannot be made here; undefined when it can. */
function whyNoOverlay(): string | undefined {
  const dir = Deno.makeTempDirSync({ prefix: "natsgate-openrc-" });
  const { success } = new Deno.Command("unshare", {
    args: ["--mount", "/bin/sh", "-c", MAKE_ROOT],
    env: { dir },
    stdout: "null",
    stderr: "null",
  }).outputSync();
  Deno.removeSync(dir);
  return success ? undefined : "no overlay can be mounted";
}
