/**
 * A virtual machine with the compiled binary in it: a Debian whose first process is systemd, for
 * what cannot be tried on the machine that the tests run on. `image.sh` makes its disk.
 */
import { exists, firstMissing } from "../kit/shell.ts";
import { until, within } from "../kit/wait.ts";

/** Where `image.sh` left the machine's disk, kernel and base images. */
export const IMAGE = Deno.env.get("NATSGATE_TEST_MACHINE") ?? "/var/cache/natsgate-tests/machine";
const QEMU = `qemu-system-${Deno.build.arch}`;

/** The machine computes in software and beside other tests, so it may take its time. */
const BOOT_PATIENCE_MS = 240_000;
const COMMAND_PATIENCE_MS = 300_000;

/** AppArmor compiles a profile for each start of a container, which takes its time here. */
const KERNEL_WORDS =
  "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0 apparmor=0 mitigations=off";

const BINARY = Deno.env.get("NATSGATE_BIN");

/** Why there can be no machine here; undefined when there can. */
export const NO_MACHINE: string | undefined = BINARY === undefined
  ? "no NATSGATE_BIN"
  : firstMissing(QEMU, "qemu-img", "mke2fs") !== undefined
  ? `no ${firstMissing(QEMU, "qemu-img", "mke2fs")}`
  : !exists(`${IMAGE}/made-by`)
  ? `no disk image in ${IMAGE} (deno task test:services makes it)`
  : undefined;

/** What a script in the machine printed, on both outputs, and how it ended. */
export interface Answer {
  readonly code: number;
  readonly output: string;
}

/** A machine that is up. Its disk lives until it is disposed of, through reboots and power cuts. */
export class Machine implements AsyncDisposable {
  readonly #dir: string;
  #qemu: Deno.ChildProcess | undefined;
  #lines: ReadableStreamDefaultReader<string> | undefined;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Boots a machine.
   * @param payload files that it finds in `/media`, by name: what they are copies of
   */
  static async boot(payload: Record<string, string>): Promise<Machine> {
    const machine = new Machine(await Deno.makeTempDir({ prefix: "natsgate-machine-" }));
    try {
      await machine.#makeDisks(payload);
      await machine.powerOn();
      return machine;
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #makeDisks(payload: Record<string, string>): Promise<void> {
    const media = `${this.#dir}/media`;
    await Deno.mkdir(media);
    for (const [name, source] of Object.entries(payload)) {
      await Deno.copyFile(source, `${media}/${name}`);
    }
    await run(
      "mke2fs",
      "-q",
      "-t",
      "ext4",
      "-L",
      "payload",
      "-d",
      media,
      this.#path("media"),
      "1G",
    );
    await Deno.remove(media, { recursive: true });
    const base = ["-b", `${IMAGE}/disk.img`, "-F", "raw"];
    await run("qemu-img", "create", "-q", "-f", "qcow2", ...base, this.#path("disk"));
  }

  #path(disk: "disk" | "media"): string {
    return `${this.#dir}/${disk}.img`;
  }

  /** Switches the machine on and waits until it takes scripts. */
  async powerOn(): Promise<void> {
    const qemu = new Deno.Command(`/usr/bin/${QEMU}`, {
      args: [
        ...["-nodefaults", "-display", "none", "-cpu", "max", "-accel", "tcg,thread=multi"],
        ...(Deno.build.arch === "aarch64" ? ["-machine", "virt"] : []),
        ...["-smp", "1", "-m", "1536"],
        ...["-kernel", `${IMAGE}/vmlinuz`, "-initrd", `${IMAGE}/initrd`],
        ...["-append", KERNEL_WORDS],
        ...["-drive", `file=${this.#path("disk")},if=virtio,format=qcow2`],
        ...["-drive", `file=${this.#path("media")},if=virtio,format=raw,readonly=on`],
        ...["-serial", `file:${this.#dir}/console.log`],
        ...["-device", "virtio-serial", "-chardev", "stdio,id=test,signal=off"],
        ...["-device", "virtserialport,chardev=test,name=test"],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#qemu = qemu;
    this.#lines = qemu.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(splitLines())
      .getReader();
    await this.#up();
  }

  async #up(): Promise<void> {
    const line = await this.#readLine("the machine to boot", BOOT_PATIENCE_MS);
    if (line !== "up") throw new Error(`the machine says ${JSON.stringify(line)}, not "up"`);
  }

  async #readLine(what: string, patience_ms: number): Promise<string> {
    try {
      const { value, done } = await within(this.#lines!.read(), what, patience_ms);
      if (done) throw new Error(`the machine went off during ${what}`);
      return value;
    } catch (error) {
      const console = await Deno.readTextFile(`${this.#dir}/console.log`).catch(() => "");
      throw new Error(`${(error as Error).message}; its console: ${console.slice(-2000)}`);
    }
  }

  async #send(script: string): Promise<void> {
    const writer = this.#qemu!.stdin.getWriter();
    await writer.write(new TextEncoder().encode(`${toBase64(script)}\n`));
    writer.releaseLock();
  }

  /** Runs a script as root in bash and gives how it ended. */
  async try(script: string, patience_ms = COMMAND_PATIENCE_MS): Promise<Answer> {
    await this.#send(script);
    const line = await this.#readLine(script, patience_ms);
    const [code, output] = line.split(" ");
    return { code: Number(code), output: fromBase64(output ?? "") };
  }

  /** Runs a script as root in bash and gives what it printed; throws when it fails. */
  async sh(script: string, patience_ms = COMMAND_PATIENCE_MS): Promise<string> {
    const { code, output } = await this.try(script, patience_ms);
    if (code !== 0) throw new Error(`in the machine, ${script} ended with ${code}: ${output}`);
    return output;
  }

  /** Runs a script again and again until it succeeds, and gives what it printed then. */
  async until(script: string): Promise<string> {
    return await until(
      async () => {
        const { code, output } = await this.try(script);
        return code === 0 && (output || " ");
      },
      script,
      COMMAND_PATIENCE_MS,
    );
  }

  /** Restarts the machine in order, and waits until it takes scripts again. */
  async reboot(): Promise<void> {
    await this.sh("systemctl --no-block reboot");
    await this.#up();
  }

  /** Cuts the power: nothing that only the machine's memory holds reaches its disk. */
  async cutPower(): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === undefined) return;
    this.#qemu = undefined;
    qemu.kill("SIGKILL");
    await this.#lines!.cancel();
    await qemu.stdin.close().catch(() => {});
    await qemu.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cutPower();
    await Deno.remove(this.#dir, { recursive: true });
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const path = `/usr/sbin:/sbin:${Deno.env.get("PATH")}`;
  const { code, stderr } = await new Deno.Command("env", {
    args: [`PATH=${path}`, command, ...args],
  })
    .output();
  if (code !== 0) {
    throw new Error(`${command} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  }
}

function splitLines(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, out) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) out.enqueue(line);
    },
  });
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function fromBase64(text: string): string {
  return new TextDecoder().decode(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)));
}
