import assert from "node:assert/strict";
import { testAuthority } from "../kit/certs.ts";
import { startWorld } from "./kit.ts";

Deno.test("metrics say how many days a listener's certificate has left", async () => {
  const { certificate, key } = testAuthority().server();
  await using world = await startWorld(
    '[listeners.ssl.it]\nbind = "127.0.0.1:0"\n' +
      `ssl_options.certfile = '''${certificate}'''\nssl_options.keyfile = '''${key}'''\n`,
  );
  const [status, text] = await world.get("prometheus/stats");
  assert.equal(status, 200);
  assert.match(text, /^natsgate_certificate_expiry_days\{listener="mqtt:ssl:it"\} 29$/m);
});
