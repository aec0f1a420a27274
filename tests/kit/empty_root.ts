/**
 * A root directory with the compiled binary and the C library and nothing else: no shell, no
 * Node, no Deno. What runs there needs nothing that a user might not have.
 */

const BINARY = Deno.env.get("NATSGATE_BIN");

/** Why no such root can be made here; undefined when it can. */
export const NO_ROOT: string | undefined = BINARY === undefined
  ? "no NATSGATE_BIN"
  : Deno.build.os !== "linux"
  ? "not Linux"
  : Deno.uid() !== 0
  ? "not root"
  : undefined;

/** Where a program can be put into a root of its own. */
export class EmptyRoot implements Disposable {
  private constructor(readonly dir: string) {}

  /** Makes one, with `/natsgate` in it. */
  static make(): EmptyRoot {
    const root = new EmptyRoot(Deno.makeTempDirSync({ prefix: "natsgate-root-" }));
    const { stdout } = new Deno.Command("ldd", { args: [BINARY!] }).outputSync();
    // "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)", "/lib64/ld-linux-x86-64.so.2 (0x…)"
    for (const [, library] of new TextDecoder().decode(stdout).matchAll(/\s(\/\S+) \(0x/g)) {
      root.copy(library!, library!);
    }
    root.copy(BINARY!, "/natsgate");
    for (const dir of ["data", "proc"]) Deno.mkdirSync(`${root.dir}/${dir}`);
    return root;
  }

  /** Copies a file of this machine into the root. */
  copy(from: string, to: string): void {
    Deno.mkdirSync(`${this.dir}${to.slice(0, to.lastIndexOf("/"))}`, { recursive: true });
    Deno.copyFileSync(from, `${this.dir}${to}`);
  }

  /** Words that run the program which follows in this root, with an empty environment. */
  get prefix(): string[] {
    return this.#prefix([]);
  }

  /** The same, but only `/data` can be written to, and is gone when the program ends. */
  get readOnlyPrefix(): string[] {
    return this.#prefix([
      'mount -o remount,bind,ro "$1"',
      'mount -t tmpfs -o size=32m tmpfs "$1/data"',
    ]);
  }

  /** The mounts are only seen by the program, and end with it. */
  #prefix(mounts: string[]): string[] {
    const script = [
      'mount --bind "$1" "$1"',
      ...mounts,
      // A program made by `deno compile` finds its own code through /proc/self/exe.
      'mount --rbind /proc "$1/proc"',
      'root=$1; shift; exec /usr/bin/env -i HOME=/ /usr/sbin/chroot "$root" "$@"',
    ].join(" && ");
    return ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh", this.dir];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}
