import assert from "node:assert/strict";
import { type ListenerFacts, startNotices } from "../gateway/start_notices.ts";

const LOCAL: ListenerFacts = {
  id: "nats:tcp:default",
  protocol: "NATS",
  transport: "tcp",
  address: "127.0.0.1",
  port: 4222,
  path: "",
  anonymous: true,
  certificateRequired: false,
};

function texts(facts: Partial<ListenerFacts>) {
  return startNotices([{ ...LOCAL, ...facts }]).map(({ level, text }) => `${level}: ${text}`);
}

Deno.test("startNotices() says where a listener is and who may connect", () => {
  assert.deepEqual(texts({}), [
    "info: NATS on tcp://127.0.0.1:4222 (nats:tcp:default): anonymous clients allowed",
  ]);
  assert.deepEqual(
    texts({ transport: "wss", address: "::", port: 8084, path: "/mqtt", anonymous: false }),
    ["info: NATS on wss://[::]:8084/mqtt (nats:tcp:default): credentials needed"],
  );
});

Deno.test("startNotices() warns when strangers can come from other hosts", () => {
  const warning = texts({ address: "0.0.0.0" })[1] ?? "";
  assert.match(
    warning,
    /^warning: anyone who reaches tcp:\/\/0\.0\.0\.0:4222 .*hardened/,
  );
  assert.equal(texts({ address: "::" }).length, 2);
  assert.equal(texts({ address: "192.168.1.2" }).length, 2);
  assert.equal(texts({ address: "0.0.0.0", anonymous: false }).length, 1);
  assert.equal(texts({ address: "0.0.0.0", certificateRequired: true }).length, 1);
});

Deno.test("startNotices() warns when there is no listener", () => {
  assert.equal(startNotices([])[0]?.level, "warning");
});
