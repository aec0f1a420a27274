import assert from "node:assert/strict";
import { OperationalError } from "../../gateway/errors.ts";
import { readConfig } from "../../gateway/config/read.ts";

async function inDirectory(run: (directory: string) => void | Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("readConfig reads the file, its secrets and the overlay beside the data", async () => {
  await inDirectory(async (directory) => {
    const path = `${directory}/gate.toml`;
    await Deno.mkdir(`${directory}/data`);
    await Deno.writeTextFile(`${directory}/secret`, "Hush-Hush\n");
    await Deno.writeTextFile(`${directory}/data/overlay.toml`, "[mqtt]\nmax_inflight = 9");
    await Deno.writeTextFile(
      path,
      `[node]\ndata_dir = "${directory}/data"\n[mqtt]\nmax_inflight = 8\nupgrade_qos = true\n` +
        `[dashboard]\ndefault_password = "file://${directory}/secret"`,
    );
    const { config, overlayPath, path: found } = readConfig({ path, env: {} });
    assert.equal(found, path);
    assert.equal(overlayPath, `${directory}/data/overlay.toml`);
    assert.equal(config?.mqtt.max_inflight, 9);
    assert.equal(config?.mqtt.upgrade_qos, true);
    assert.equal(config?.dashboard.default_password, "Hush-Hush");
  });
});

Deno.test("readConfig finds the overlay although the file has errors", async () => {
  await inDirectory(async (directory) => {
    const path = `${directory}/gate.toml`;
    await Deno.writeTextFile(`${directory}/overlay.toml`, "[mqtt]\nfoo = 1");
    await Deno.writeTextFile(path, `[node]\ndata_dir = "${directory}"\nfoo = 1`);
    const { issues } = readConfig({ path, env: {} });
    assert.deepEqual(
      issues.filter(({ severity }) => severity === "error").map(({ path, source }) => [
        path,
        source,
      ]),
      [["node.foo", undefined], ["mqtt.foo", "overlay.toml"]],
    );
  });
});

Deno.test("readConfig says which file it cannot read", () => {
  assert.throws(
    () => readConfig({ path: "/nowhere/gate.toml", env: {} }),
    (error) =>
      error instanceof OperationalError && error.exitCode === 78 &&
      error.message.includes("/nowhere/gate.toml"),
  );
});
