import assert from "node:assert/strict";
import { ReasonCode } from "../../gateway/mqtt/codes.ts";
import { parseFilter } from "../../gateway/mqtt/filter.ts";

const LIMITS = { max_topic_levels: 4, wildcard_subscription: true, shared_subscription: true };
const parse = (name: string, mountpoint = "", limits = LIMITS) =>
  parseFilter(name, mountpoint, limits);

Deno.test("parseFilter() takes share names off [MQTT-4.8.2-1]", () => {
  assert.deepEqual(parse("a/+/#"), { filter: "a/+/#", mounted: "a/+/#", group: undefined });
  assert.deepEqual(parse("$share/g/a/#"), { filter: "a/#", mounted: "a/#", group: "g" });
  assert.deepEqual(parse("$share/g//"), { filter: "/", mounted: "/", group: "g" });
  assert.deepEqual(parse("$shared/g"), {
    filter: "$shared/g",
    mounted: "$shared/g",
    group: undefined,
  });
});

Deno.test("parseFilter() puts the mountpoint in front of the filter, not of the share name", () => {
  assert.deepEqual(parse("$share/g/a", "m/"), { filter: "a", mounted: "m/a", group: "g" });
});

Deno.test("parseFilter() refuses what is no filter [MQTT-4.7.1-1] [MQTT-4.8.2-2]", () => {
  const bad = ["", "a#", "#/a", "a/#/b", "a+", "+a", "$share/g", "$share//a", "$share/+/a"];
  for (const name of [...bad, "$share/#/a", "$share/g/", "$share/g/a+", "$share/", "a/b/c/d/e"]) {
    assert.equal(parse(name), ReasonCode.TopicFilterInvalid, name);
  }
});

Deno.test("parseFilter() refuses what is switched off", () => {
  const off = { ...LIMITS, wildcard_subscription: false, shared_subscription: false };
  assert.equal(parse("a/+", "", off), ReasonCode.WildcardSubscriptionsNotSupported);
  assert.equal(parse("$share/g/a", "", off), ReasonCode.SharedSubscriptionsNotSupported);
  assert.deepEqual(parse("a", "", off), { filter: "a", mounted: "a", group: undefined });
});
