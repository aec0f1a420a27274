/**
 * Disks that are really full or really cannot be written: file systems of their own, for tests that
 * may mount some.
 */
import assert from "node:assert/strict";

/** A file system of its own that holds `bytes`; undefined when this user may not make one. */
export function mountSmall(bytes: number): (Disposable & { readonly path: string }) | undefined {
  const path = Deno.makeTempDirSync({ prefix: "natsgate-full-" });
  const mounted = run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path);
  if (!mounted) Deno.removeSync(path);
  const unmount = () => {
    run("umount", path);
    Deno.removeSync(path);
  };
  return mounted ? { path, [Symbol.dispose]: unmount } : undefined;
}

/** Nothing below `path` can be written until the end of the block. */
export function mountReadOnly(path: string): Disposable {
  assert(run("mount", "--bind", path, path) && run("mount", "-o", "remount,bind,ro", path));
  return { [Symbol.dispose]: () => void run("umount", path) };
}

/** Takes all the room on the disk of a directory, until `free` or the end of the block. */
export function fillDisk(directory: string): Disposable & { free(): void } {
  const path = `${directory}/ballast`;
  const file = Deno.openSync(path, { create: true, write: true });
  assert.throws(() => {
    while (file.writeSync(new Uint8Array(4096)) > 0);
  }, /No space left/);
  const free = () => file.truncateSync();
  const remove = () => {
    file.close();
    Deno.removeSync(path);
  };
  return { free, [Symbol.dispose]: remove };
}

/** True when the tests may mount file systems. */
export const mayMount: boolean = (() => {
  using mounted = mountSmall(1 << 20);
  return mounted !== undefined;
})();

function run(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}
