/** The image that is published and the one that `natsgate service docker` prints. */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { fakeIo } from "../cli/fake_io.ts";

Deno.test("the published image is set up like the printed one", async () => {
  const io = fakeIo();
  assert.equal(await main(["service", "docker"], io), 0);
  const published = await Deno.readTextFile(new URL("../../Dockerfile", import.meta.url));
  // How the binary gets in differs; what it runs on, and how, does not.
  const setUp = (text: string) => text.slice(text.indexOf("WORKDIR"));
  assert.equal(setUp(published), setUp(io.output));
  const base = (text: string) => /^FROM \S+:nonroot$/m.exec(text)?.[0];
  assert.equal(base(published), base(io.output));
});
