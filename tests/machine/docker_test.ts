/**
 * Both images, built and run by Docker, in a machine of the test's own. No registry is asked:
 * `image.sh` made what stands in for the base images, out of the same packages of Debian.
 */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { IMAGE, Machine, NO_MACHINE } from "./machine.ts";

const BINARY = Deno.env.get("NATSGATE_BIN");
const DOCKERFILE = new URL("../../Dockerfile", import.meta.url).pathname;
const TARGET = `${Deno.build.arch}-unknown-linux-gnu`;

Deno.test({
  name: "Docker builds and runs both images" +
    (NO_MACHINE === undefined ? "" : ` (skipped: ${NO_MACHINE})`),
  ignore: NO_MACHINE !== undefined,
  async fn(t) {
    const io = fakeIo();
    assert.equal(await main(["service", "docker"], io), 0);
    const printed = await Deno.makeTempFile({ prefix: "natsgate-dockerfile-" });
    await Deno.writeTextFile(printed, io.output);
    await using machine = await Machine.boot({
      "natsgate": BINARY!,
      "Dockerfile.printed": printed,
      "Dockerfile.published": DOCKERFILE,
      "debian.tar": `${IMAGE}/debian.tar`,
      "distroless.tar": `${IMAGE}/distroless.tar`,
    });
    await Deno.remove(printed);
    for (const [name, step] of Object.entries(STEPS)) {
      if (!await t.step(name, () => step(machine))) break;
    }
  },
});

/** Builds an image from its Dockerfile and the binary, which is where that expects it. */
async function build(machine: Machine, name: string, binary: string, mode: string): Promise<void> {
  const context = `/root/${name}`;
  await machine.sh(`
    install -D --mode=${mode} /media/natsgate ${context}/${binary}
    cp /media/Dockerfile.${name} ${context}/Dockerfile
    DOCKER_BUILDKIT=1 docker build --network none --tag ${name} ${context}`);
}

/** Starts the printed image as its documentation says, with the ports on the machine. */
const RUN = "docker run --detach --name gate -p 4222:4222 -p 1883:1883 " +
  "-v natsgate:/var/lib/natsgate";

/** One after the other on one machine. */
const STEPS: Record<string, (machine: Machine) => Promise<void>> = {
  async "both are built, without a network"(machine) {
    await machine.sh("systemctl start docker");
    const [data, base] = [...(await Deno.readTextFile(DOCKERFILE)).matchAll(/^FROM (\S+)/gm)];
    await machine.sh(`
      docker import --change 'CMD ["/bin/sh"]' /media/debian.tar ${data![1]}
      docker import --change 'USER 65532' --change 'WORKDIR /home/nonroot' \\
        /media/distroless.tar ${base![1]}`);
    // Of the release, each target's binary is in a directory of its own, and no longer executable.
    await build(machine, "published", `dist/${TARGET}/natsgate`, "644");
    assert.match(
      await machine.sh("docker run --rm --network none published version"),
      /^natsgate \d/,
    );
    await build(machine, "printed", "natsgate", "755");
  },

  async "a container is healthy, without root, and both protocols meet on its ports"(machine) {
    // The image's command, sooner and with more patience than the image asks for.
    const health = "--health-interval 1s --health-timeout 60s";
    await machine.sh(`${RUN} ${health} --read-only --cap-drop ALL printed`);
    await machine.until(
      "test $(docker inspect --format '{{.State.Health.Status}}' gate) = healthy",
    );
    const pid = (await machine.sh("docker inspect --format '{{.State.Pid}}' gate")).trim();
    assert.equal((await machine.sh(`stat -c '%u %g' /proc/${pid}`)).trim(), "65532 65532");
    await machine.sh("mosquitto_pub -h 127.0.0.1 -q 1 -r -t kept/one -m from-mqtt");
    assert.match(
      await machine.sh("/media/natsgate sub --count 1 nats://127.0.0.1:4222 kept.one"),
      /from-mqtt/,
    );
    assert.match(await machine.sh("docker exec gate /usr/bin/natsgate status"), /natsgate/);
  },

  async "its stop is orderly, and another container goes on with the volume"(machine) {
    await machine.sh(
      "stdbuf -oL mosquitto_sub -h 127.0.0.1 -V 5 -d -t told/# >/root/mqtt.log 2>&1 &",
    );
    await machine.until("grep SUBACK /root/mqtt.log");
    await machine.sh("docker stop gate");
    assert.match(await machine.sh("grep DISCONNECT /root/mqtt.log"), /\(139\)/);
    // 137 would be Docker's patience at an end.
    assert.equal(
      (await machine.sh("docker inspect --format '{{.State.ExitCode}}' gate")).trim(),
      "0",
    );
    await machine.sh("docker rm gate");
    await machine.sh(`${RUN} -e NATSGATE_GATEWAY__NATS__SERVER_NAME=edge-7 printed`);
    assert.equal(
      await machine.until("mosquitto_sub -h 127.0.0.1 -C 1 -W 60 -t kept/one"),
      "from-mqtt\n",
    );
    assert.match(await machine.sh("head -c 300 < /dev/tcp/127.0.0.1/4222"), /"edge-7"/);
  },

  async "a configuration that is mounted is reloaded by SIGHUP; a bad one ends with 78"(machine) {
    await machine.sh(`docker rm --force gate
      printf '[listeners.tcp.default]\\nbind = 1883\\n' > /root/config.toml
      ${RUN} -v /root/config.toml:/var/lib/natsgate/config.toml:ro printed`);
    await machine.until("mosquitto_pub -h 127.0.0.1 -t x -m x");
    await machine.sh(`printf '\\n[gateway.nats]\\nserver_name = "edge-8"\\n' >> /root/config.toml
      docker kill --signal HUP gate`);
    await machine.until("head -c 300 < /dev/tcp/127.0.0.1/4222 | grep edge-8");
    await machine.sh("docker rm --force gate; echo 'nonsense = 1' > /root/config.toml");
    const bad = await machine.try(
      "docker run --rm -v /root/config.toml:/var/lib/natsgate/config.toml:ro printed",
    );
    assert.equal(bad.code, 78);
    assert.match(bad.output, /nonsense/);
  },
};
