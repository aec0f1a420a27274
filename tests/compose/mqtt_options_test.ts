import assert from "node:assert/strict";
import { mqttOptions } from "../../gateway/compose/mqtt_options.ts";
import { defaultConfig } from "../../gateway/config/load.ts";
import { MQTT_DEFAULTS } from "../../gateway/mqtt/options.ts";

Deno.test("the broker's defaults are those of the configuration", () => {
  assert.deepEqual(mqttOptions(defaultConfig()), MQTT_DEFAULTS);
});
