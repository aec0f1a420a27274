/**
 * The Debian package on a machine whose first process is systemd: installed, started, watched,
 * reloaded, broken, restarted, removed, as the unit says.
 */
import assert from "node:assert/strict";
import { buildDeb } from "../../tools/deb.ts";
import { Machine, NO_MACHINE } from "./machine.ts";

const BINARY = Deno.env.get("NATSGATE_BIN");

Deno.test({
  name: "systemd runs the Debian package's service" +
    (NO_MACHINE === undefined ? "" : ` (skipped: ${NO_MACHINE})`),
  ignore: NO_MACHINE !== undefined,
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "natsgate-machine-deb-" });
    const architecture = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
    const deb = await buildDeb(BINARY!, architecture, dir, "none");
    await using machine = await Machine.boot({ "natsgate.deb": deb });
    await Deno.remove(dir, { recursive: true });
    for (const [name, step] of Object.entries(STEPS)) {
      if (!await t.step(name, () => step(machine))) break;
    }
  },
});

/** What systemd says of the service, such as `show(machine, "NRestarts")`. */
async function show(machine: Machine, property: string): Promise<string> {
  return (await machine.sh(`systemctl show natsgate --value --property ${property}`)).trim();
}

/** Makes something true of the unit or the configuration, and restarts with it. */
const RESTART = "systemctl daemon-reload && systemctl reset-failed natsgate && " +
  "systemctl restart natsgate";
const DROP_IN = "/etc/systemd/system/natsgate.service.d";
const CONFIG = "/etc/natsgate/config.toml";

/** One after the other on one machine; each leaves the service running. */
const STEPS: Record<string, (machine: Machine) => Promise<void>> = {
  async "installing it starts it, as its own user, and systemd hears that it is ready"(machine) {
    assert.equal((await machine.sh("systemctl is-system-running --wait")).trim(), "running");
    await machine.sh("dpkg --install /media/natsgate.deb");
    assert.equal(await show(machine, "Type"), "notify");
    await machine.until("systemctl is-active natsgate");
    assert.equal(await show(machine, "NRestarts"), "0");
    assert.equal((await machine.sh("systemctl is-enabled natsgate")).trim(), "enabled");
    const pid = await show(machine, "MainPID");
    assert.equal((await machine.sh(`stat -c %U /proc/${pid}`)).trim(), "natsgate");
    assert.equal(
      (await machine.sh("stat -c '%U %a' /var/lib/natsgate")).trim(),
      "natsgate 700",
    );
    assert.match(await machine.sh("journalctl -u natsgate -o cat"), /natsgate ready/);
    await machine.sh("natsgate health");
    // Its key is found without being told where.
    assert.match(await machine.sh("natsgate status"), /natsgate/);
  },

  async "nothing that it does is against the unit's restrictions"(machine) {
    await exchange(machine);
    // What a filter of system calls refuses, the kernel logs.
    const refused = await machine.try("journalctl -k -o cat | grep type=1326");
    assert.deepEqual(refused, { code: 1, output: "" });
    // 0 is locked in, 10 not at all; above 2 something was lost.
    const verdict = await machine.sh("systemd-analyze security --no-pager --threshold=20 natsgate");
    assert.match(verdict, /Overall exposure level for natsgate.service: [01]\.\d/);
    const files = "touch /usr/x; touch /etc/x; touch /home/x; ls /root";
    const inside = await machine.sh(
      `nsenter --target ${await show(machine, "MainPID")} --mount sh -c '${files}' 2>&1 || true`,
    );
    assert.equal(inside.match(/Read-only file system/g)?.length, 3, inside);
  },

  async "killed, it is started again with what it had stored"(machine) {
    await machine.sh("mosquitto_pub -q 1 -r -t kept/one -m still-here");
    await machine.sh("systemctl kill --signal KILL natsgate");
    await machine.until("test $(systemctl show natsgate --value -p NRestarts) = 1");
    await machine.until("systemctl is-active natsgate");
    assert.equal(await machine.sh("mosquitto_sub -C 1 -W 60 -t kept/one"), "still-here\n");
  },

  async "a process that hangs is found out by the watchdog and replaced"(machine) {
    await machine.sh(`mkdir -p ${DROP_IN}
      printf '[Service]\\nWatchdogSec=3s\\n' > ${DROP_IN}/watchdog.conf
      ${RESTART}`);
    const pid = await show(machine, "MainPID");
    await machine.sh(`kill -STOP ${pid}`);
    await machine.until(`journalctl -u natsgate -o cat | grep 'Watchdog timeout'`);
    await machine.until(
      `systemctl is-active natsgate && test $(systemctl show natsgate --value -p MainPID) != ${pid}`,
    );
    assert.equal(await machine.sh("mosquitto_sub -C 1 -W 60 -t kept/one"), "still-here\n");
    await machine.sh(`rm ${DROP_IN}/watchdog.conf && ${RESTART}`);
  },

  async "a reload opens and closes listeners, and a bad file changes nothing"(machine) {
    const pid = await show(machine, "MainPID");
    await machine.sh(`cp ${CONFIG} /root/good.toml
      printf '\\n[listeners.tcp.second]\\nbind = "127.0.0.1:1884"\\n' >> ${CONFIG}
      systemctl reload natsgate`);
    assert.equal(
      await machine.until("mosquitto_sub -p 1884 -C 1 -W 60 -t kept/one"),
      "still-here\n",
    );
    await machine.sh(`echo 'nonsense = 1' > ${CONFIG}; systemctl reload natsgate`);
    assert.match(
      await machine.until("journalctl -u natsgate -o cat | grep nonsense"),
      /nonsense/,
    );
    assert.equal(await machine.sh("mosquitto_sub -p 1884 -C 1 -W 60 -t kept/one"), "still-here\n");
    await machine.sh(`cp /root/good.toml ${CONFIG}; systemctl reload natsgate`);
    await machine.until("! mosquitto_pub -p 1884 -t x -m x 2>&1");
    assert.equal(await show(machine, "MainPID"), pid);
  },

  async "an invalid configuration is said once and not tried again"(machine) {
    await machine.sh(`echo 'nonsense = 1' > ${CONFIG}`);
    assert.notEqual((await machine.try("systemctl restart natsgate")).code, 0);
    assert.equal(await show(machine, "ExecMainStatus"), "78");
    assert.equal(await show(machine, "ActiveState"), "failed");
    assert.equal(await show(machine, "NRestarts"), "0");
    await machine.sh(`cp /root/good.toml ${CONFIG} && ${RESTART}`);
    assert.equal(await show(machine, "ActiveState"), "active");
  },

  async "a secret comes as a credential, and a port below 1024 needs no root"(machine) {
    await machine.sh(`
      echo s3cret > /root/nats_token && chmod 600 /root/nats_token
      printf '[Service]\\nLoadCredential=nats_token:/root/nats_token\\n' > ${DROP_IN}/secret.conf
      cat >> ${CONFIG} <<'END'

[[gateway.nats.internal_authn]]
type = "token"
token = "file:///run/credentials/natsgate.service/nats_token"

[gateway.nats.listeners.tcp.low]
bind = "127.0.0.1:422"
END
      ${RESTART}`);
    await machine.sh("natsgate pub nats://s3cret@127.0.0.1:422 a.b hello");
    const refused = await machine.try("natsgate pub nats://wrong@127.0.0.1:422 a.b hello");
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /Authorization Violation/i);
    await machine.sh(`rm ${DROP_IN}/secret.conf && cp /root/good.toml ${CONFIG} && ${RESTART}`);
  },

  async "stopping tells the clients, and the machine's restart starts it again"(machine) {
    await machine.sh(`
      stdbuf -oL mosquitto_sub -V 5 -d -t told/# >/root/mqtt.log 2>&1 &
      natsgate sub nats://127.0.0.1:4222 'told.>' >/root/nats.log 2>&1 &`);
    await machine.until("grep SUBACK /root/mqtt.log");
    await machine.until("natsgate clients --json --protocol nats | grep clientid");
    await machine.sh("systemctl stop natsgate");
    assert.equal(await show(machine, "Result"), "success");
    assert.match(await machine.until("grep DISCONNECT /root/mqtt.log"), /\(139\)/);
    await machine.until("grep 'server closed the connection' /root/nats.log");
    await machine.reboot();
    await machine.until("systemctl is-active natsgate");
    assert.equal(await machine.sh("mosquitto_sub -C 1 -W 60 -t kept/one"), "still-here\n");
  },

  async "a power cut loses nothing that was acknowledged, with store.sync = full"(machine) {
    const session = "mosquitto_sub --id cut --disable-clean-session --qos 1 --topic cut/#";
    await machine.sh(`sed -i 's/^sync = "normal"/sync = "full"/' ${CONFIG}; sync
      grep '^sync = "full"' ${CONFIG}
      ${RESTART}
      ${session} -E
      seq 1 500 | mosquitto_pub -l --qos 1 --topic cut/one`);
    await machine.cutPower();
    await machine.powerOn();
    await machine.until("systemctl is-active natsgate");
    const numbers = Array.from({ length: 500 }, (_, i) => `${i + 1}\n`);
    assert.equal(await machine.sh(`${session} -C 500 -W 60`), numbers.join(""));
    assert.equal(await machine.sh("mosquitto_sub -C 1 -W 60 -t kept/one"), "still-here\n");
  },

  async "removing it stops it and keeps the data, purging it keeps nothing"(machine) {
    await machine.sh("dpkg --remove natsgate");
    assert.notEqual((await machine.try("systemctl is-active natsgate")).code, 0);
    await machine.sh("test -s /var/lib/natsgate/natsgate.db");
    await machine.sh("dpkg --purge natsgate");
    await machine.sh("test ! -e /var/lib/natsgate && test ! -e /etc/natsgate");
    assert.equal((await machine.sh("systemctl list-units --failed --no-legend")).trim(), "");
  },
};

/** A message from either side to the other. */
async function exchange(machine: Machine): Promise<void> {
  await machine.sh("mosquitto_pub -q 1 -r -t to/nats -m from-mqtt");
  assert.match(
    await machine.sh("natsgate sub --count 1 nats://127.0.0.1:4222 to.nats"),
    /from-mqtt/,
  );
  await machine.sh("mosquitto_sub -C 1 -t to/mqtt > /root/got 2>&1 &");
  await machine.until(
    "natsgate pub nats://127.0.0.1:4222 to.mqtt from-nats; grep from-nats /root/got",
  );
  await machine.sh("mosquitto_pub -r -n -t to/nats");
}
