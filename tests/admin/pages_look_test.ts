/** Every page on a screen and on a phone, light and dark; and what strangers write is only text. */
import mqtt from "mqtt";
import assert from "node:assert/strict";
import { Dashboard, testInBrowser } from "../kit/browser.ts";

const EVIL = "<img src=x onerror=alert(1)>";

testInBrowser("every page can be used by everyone, on a screen and on a phone", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.mqtt}`, { clientId: EVIL });
  await client.subscribeAsync(`${EVIL}/#`);
  await client.publishAsync(`kept/${EVIL}`, EVIL, { retain: true, qos: 1 });
  const menu = await page.locator("nav a").evaluateAll((links) =>
    links.map((link) => link.getAttribute("href")!.replace("/dashboard", ""))
  );
  assert(menu.length > 10);
  const message = new URLSearchParams({ topic: `kept/${EVIL}` });
  const named = new URLSearchParams({ protocol: "mqtt", clientid: EVIL });
  const more = [
    "/clients?protocol=mqtt",
    `/client?${named}`,
    "/retained?filter=kept/%23",
    `/retained/message?${message}`,
    "/listener?id=nats:tcp:default",
    "/listeners/new?protocol=mqtt&type=wss",
    "/authentication/new?kind=password_based:mysql",
  ];
  for (const [width, colorScheme] of [[1280, "light"], [390, "dark"]] as const) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    for (const path of [...menu, ...more]) {
      await dashboard.goto(path);
      await dashboard.assertGood();
      assert.equal(await page.locator("img").count(), 0, path);
    }
  }
  await dashboard.goto("/subscriptions");
  assert((await page.locator("main").textContent())?.includes(EVIL));
  await dashboard.goto(`/retained/message?${message}`);
  await page.locator("summary").click();
  await dashboard.press("Yes: delete");
  await dashboard.sees("Deleted.");
  await client.endAsync();
});

testInBrowser("settings are compared and applied, and say where they come from", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/configuration");
  await page.getByLabel("TOML").fill("[mqtt]\nmax_inflight = 'many'\n");
  await dashboard.press("Check and compare");
  await dashboard.sees("mqtt.max_inflight:");
  await page.getByLabel("TOML").fill("[mqtt]\nmax_inflight = 77\n");
  await dashboard.press("Check and compare");
  await dashboard.sees("This is what would change:");
  await dashboard.press("Apply");
  await dashboard.sees("This was changed:");
  const row = page.getByRole("region", { name: "Settings and where they come from" })
    .locator("tr", { hasText: "mqtt.max_inflight" });
  assert.match(await row.textContent() ?? "", /77overlay/);
});

testInBrowser("a key that was made opens the API until it is deleted", async () => {
  await using dashboard = await Dashboard.open();
  const { page, origin } = dashboard;
  await dashboard.goto("/keys");
  await page.getByLabel("Name", { exact: true }).fill("robot");
  await dashboard.press("Make key");
  const codes = page.getByRole("status").locator("code");
  const credentials = btoa((await codes.allTextContents()).join(":"));
  // Of users, keys learn nothing; but they are told so only when the key is right.
  const code = async () => {
    const headers = { authorization: `Basic ${credentials}` };
    return (await (await fetch(`${origin}/api/v5/users`, { headers })).json()).code;
  };
  assert.equal(await code(), "API_KEY_NOT_ALLOW");
  const row = page.locator("tr", { hasText: "robot" });
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Yes: delete" }).click();
  await dashboard.sees("Deleted.");
  assert.equal(await code(), "BAD_API_KEY_OR_SECRET");
});

testInBrowser("a viewer sees everything and changes nothing", async () => {
  await using dashboard = await Dashboard.open();
  const { page, origin } = dashboard;
  const csrf = await page.locator("input[name=_csrf]").first().inputValue();
  const body = { username: "eye", password: "Viewer-1234", description: "", role: "viewer" };
  const made = await page.request.post(`${origin}/api/v5/users`, {
    data: body,
    headers: { "x-csrf-token": csrf },
  });
  assert.equal(made.status(), 200);
  await dashboard.press("Log out");
  await dashboard.logIn({ username: "eye", password: "Viewer-1234" });
  await dashboard.goto("/gateways/nats");
  await page.getByLabel("Server name").fill("changed by a viewer");
  await dashboard.press("Update");
  await dashboard.sees("the role viewer does not allow this");
  await dashboard.goto("/gateways/nats");
  assert.notEqual(await page.getByLabel("Server name").inputValue(), "changed by a viewer");
  await dashboard.press("Log out");
  await page.getByRole("heading", { name: "Log in" }).waitFor();
});
