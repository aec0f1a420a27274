/** Guessing is slowed down by address, over both protocols together. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { startGateway } from "../kit/gateway.ts";
import { RawMqtt } from "../kit/raw_mqtt.ts";
import { RawNats } from "../kit/raw_nats.ts";
import { until } from "../kit/wait.ts";

const RATE_EXCEEDED = 0x9f;

Deno.test("an address that guesses is refused for a while, whatever it presents and over which protocol", async () => {
  const users = Deno.makeTempFileSync({ suffix: ".csv" });
  Deno.writeTextFileSync(users, "user_id,password\nalice,right-pass\n");
  const authenticator = `mechanism = "password_based"
backend = "built_in_database"
bootstrap_file = "${users}"`;
  try {
    await using gateway = await startGateway({
      config: `[gateway.nats.authentication]\n${authenticator}
[[authentication]]\n${authenticator}
[authentication_settings.login_throttle]
max_count = 4
window_time = "1m"
ban_time = "2s"`,
    });
    const overNats = async (pass: string): Promise<boolean> => {
      using raw = await RawNats.connect(gateway.nats);
      await raw.send(`CONNECT {"verbose":true,"user":"alice","pass":"${pass}"}\r\n`);
      return await raw.line() === "+OK";
    };
    /** The reason code of CONNACK. */
    const overMqtt = async (pass: string): Promise<number> => {
      using raw = await RawMqtt.connect(gateway.mqtt, 5);
      await raw.send({
        cmd: "connect",
        protocolId: "MQTT",
        protocolVersion: 5,
        clean: true,
        keepalive: 60,
        clientId: "",
        username: "alice",
        password: Buffer.from(pass),
      });
      return (await raw.expect("connack")).reasonCode ?? 0;
    };
    assert.equal(await overNats("right-pass"), true);
    for (let i = 0; i < 2; i++) {
      assert.equal(await overNats(`guess-${i}`), false);
      assert.equal(await overMqtt(`guess-${i}`), 0x86);
    }
    assert.equal(await overMqtt("right-pass"), RATE_EXCEEDED);
    assert.equal(await overNats("right-pass"), false);
    assert.match(gateway.log(), /logins from this address are refused for a while/);
    await until(() => overNats("right-pass"), "the wait to be over");
    assert.equal(await overMqtt("right-pass"), 0);
    assert.ok(!gateway.log().includes("guess-"));
  } finally {
    Deno.removeSync(users);
  }
});
