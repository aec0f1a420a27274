/** `pub`, `sub` and `request` through every kind of address, with a login in it. */
import assert from "node:assert/strict";
import { main } from "../../gateway/cli/command.ts";
import { testAuthority } from "../kit/certs.ts";
import { startGateway } from "../kit/gateway.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until, within } from "../kit/wait.ts";
import { fakeIo } from "./fake_io.ts";

const LOGIN = { user: "sensor-7", pass: "p@ss/word" };
const WRONG = `${LOGIN.user}:wrong`;

Deno.test("every kind of URL: sub, pub, request, and a wrong password", async (t) => {
  const authority = testAuthority();
  const { certificate, key } = authority.server();
  const dir = await Deno.makeTempDir({ prefix: "natsgate-urls-" });
  await Deno.writeTextFile(`${dir}/ca.pem`, authority.ca);
  await Deno.writeTextFile(
    `${dir}/users.csv`,
    `user_id,password,is_superuser\n${LOGIN.user},${LOGIN.pass},false\n`,
  );
  const tls = `ssl_options.certfile = '''${certificate}'''\n` +
    `ssl_options.keyfile = '''${key}'''\n`;
  const users = `mechanism = "password_based"\nbackend = "built_in_database"\n` +
    `bootstrap_file = "${dir}/users.csv"\n`;
  const doors = ["ssl", "ws", "wss"].flatMap((type) =>
    ["gateway.nats.listeners", "listeners"].map((listeners) =>
      `[${listeners}.${type}.door]\nbind = "127.0.0.1:0"\n${type === "ws" ? "" : tls}`
    )
  );
  await using gateway = await startGateway({
    dir,
    config: `[[authentication]]\n${users}[gateway.nats.authentication]\n${users}${doors.join("")}`,
  });
  using replier = await RawNats.open(gateway.nats, LOGIN);
  const answering = answer(replier);
  const login = `${LOGIN.user}:${encodeURIComponent(LOGIN.pass)}`;
  const more = { tls: ["--cafile", `${dir}/ca.pem`], none: [] };
  const ways: [scheme: string, listener: string, path: string, options: string[]][] = [
    ["nats", "nats:tcp:default", "", more.none],
    ["tls", "nats:ssl:door", "", more.tls],
    ["tls", "nats:ssl:door", "", [...more.tls, "--tls-first"]],
    ["ws", "nats:ws:door", "", ["--protocol", "nats"]],
    ["wss", "nats:wss:door", "", [...more.tls, "--protocol", "nats"]],
    ["mqtt", "mqtt:tcp:default", "", more.none],
    ["mqtt", "mqtt:tcp:default", "", ["--mqtt-version", "3.1.1"]],
    ["mqtts", "mqtt:ssl:door", "", more.tls],
    ["ws", "mqtt:ws:door", "/mqtt", ["--protocol", "mqtt"]],
    ["wss", "mqtt:wss:door", "/mqtt", [...more.tls, "--protocol", "mqtt"]],
  ];
  try {
    for (const [scheme, listener, path, options] of ways) {
      const isNats = listener.startsWith("nats");
      const name = (text: string) => isNats ? text.replaceAll("/", ".") : text;
      const url = (who: string) => `${scheme}://${who}@localhost:${gateway.port(listener)}${path}`;
      const run = async (command: string, who: string, words: string[]) => {
        const io = fakeIo();
        return { io, code: await main([command, url(who), ...words, ...options], io) };
      };
      await t.step(`${scheme}:// to ${listener} ${options.join(" ")}`, async () => {
        const io = fakeIo();
        const words = ["sub", url(login), name("a/b"), "--count=1", "--wait=20", ...options];
        const subscribed = main(words, io);
        await until(() => io.errors.includes("subscribed to"), "the subscription");
        assert.equal((await run("pub", login, [name("a/b"), `by ${scheme}`])).code, 0);
        assert.equal(await subscribed, 0, io.errors);
        assert.match(io.output, RegExp(`by ${scheme}`));
        assert.equal((await run("pub", WRONG, [name("a/b"), "x"])).code, 1);
        // Requests need the response topics of MQTT 5.
        if (options.includes("3.1.1")) return;
        const request = await run("request", login, [
          name("service/echo"),
          `of ${scheme}`,
          "--raw",
        ]);
        assert.deepEqual([request.code, request.io.output], [0, `answer: of ${scheme}\n`]);
      });
    }
  } finally {
    replier[Symbol.dispose]();
    await within(answering, "the replier to end");
    await Deno.remove(dir, { recursive: true });
  }
});

/** Answers requests until the connection ends. */
async function answer(replier: RawNats): Promise<void> {
  await replier.send("SUB service.echo 1\r\n");
  await replier.flush();
  for (;;) {
    const message = await replier.message().catch(() => undefined);
    if (message === undefined) return;
    const text = `answer: ${new TextDecoder().decode(message.payload)}`;
    await replier.send(`PUB ${message.reply} ${text.length}\r\n${text}\r\n`);
  }
}
