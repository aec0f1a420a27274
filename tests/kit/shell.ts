/** Commands and files of the machine, for tests that do what a person would do at a terminal. */
import assert from "node:assert/strict";

/** Output of a shell command. Fails with everything it said when the command does. */
export async function sh(
  command: string,
  cwd = "/",
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", command],
    cwd,
    env,
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assert.equal(code, 0, `${command}: ${text(stdout)}${text(stderr)}`);
  return text(stdout);
}

/** True when there is a file or directory of that name. */
export function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The first of these programs that the machine lacks; undefined when it has all. */
export function firstMissing(...programs: readonly string[]): string | undefined {
  const dirs = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  return programs.find((program) => !dirs.some((dir) => exists(`${dir}/${program}`)));
}
