/** Programs that only pretend to be compiled, so that all targets of a release are there. */

/** The name of the program of a target. */
export function binaryOf(target: string): string {
  return target.includes("windows") ? "natsgate.exe" : "natsgate";
}

/** Makes `dir/TARGET/natsgate`, which prints the target's name whatever it is asked. */
export async function pretend(dir: string, target: string): Promise<void> {
  await Deno.mkdir(`${dir}/${target}`, { recursive: true });
  const path = `${dir}/${target}/${binaryOf(target)}`;
  await Deno.writeTextFile(path, `#!/bin/sh\necho ${target}\n`);
  await Deno.chmod(path, 0o755);
}
