/** Every page on a screen and on a phone, light and dark; and what strangers write is only text. */
import mqtt from "mqtt";
import assert from "node:assert/strict";
import { Dashboard, testInBrowser } from "../kit/browser.ts";

const EVIL = "<img src=x onerror=alert(1)>";

/** A gateway that has something to show on every page. */
const CONFIG = `
[[gateway.nats.internal_authn]]
type = "token"
token = "secret"
[[authentication]]
mechanism = "password_based"
backend = "built_in_database"
[[authorization.sources]]
type = "built_in_database"
[gateway.nats.listeners.ws.more]
bind = "127.0.0.1:0"
[listeners.tcp.open]
bind = "127.0.0.1:0"
enable_authn = false
`;

/** Fills every page with names that would do harm if they were not shown as text. */
async function prepare(dashboard: Dashboard) {
  const { page, gateway } = dashboard;
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${gateway.port("mqtt:tcp:open")}`, {
    clientId: EVIL,
    username: EVIL,
  });
  await client.subscribeAsync(`${EVIL}/#`);
  await client.publishAsync(`kept/${EVIL}`, EVIL, { retain: true, qos: 1 });
  await dashboard.goto("/users?chain=mqtt:global");
  await page.getByLabel("User", { exact: true }).fill(EVIL);
  await page.getByLabel("Password", { exact: true }).fill("Evil-1234");
  await dashboard.press("Add user");
  await dashboard.goto("/bans");
  await page.getByLabel("Who", { exact: true }).fill(`${EVIL}2`);
  await page.getByLabel("Reason", { exact: true }).fill(EVIL);
  await dashboard.press("Ban");
  await dashboard.goto("/authorization");
  await page.getByLabel("Topic or filter", { exact: true }).fill(`${EVIL}/#`);
  await page.getByLabel("For", { exact: true }).selectOption("users");
  await page.getByLabel("Name of the user, or client id").fill(EVIL);
  await dashboard.press("Add rule");
  await dashboard.sees("Added.");
  return client;
}

/** Pages below those of the menu. */
function otherPages(): string[] {
  const words = (fields: Record<string, string>) => new URLSearchParams(fields);
  return [
    "/clients?protocol=mqtt",
    `/client?${words({ protocol: "mqtt", clientid: EVIL, topic: EVIL })}`,
    "/retained?filter=kept/%23",
    `/retained/message?${words({ topic: `kept/${EVIL}` })}`,
    `/tail?${words({ filter: `${EVIL}/#` })}`,
    `/translate?${words({ name: EVIL, from: "topic" })}`,
    `/authorization?${words({ topic: EVIL, username: EVIL, clientid: EVIL })}`,
    "/gateways/nats",
    "/gateways/wizard",
    "/listener?id=nats:tcp:default",
    "/listeners/new?protocol=mqtt&type=wss",
    "/authentication/new?list=mqtt:global",
    "/authentication/new?list=mqtt:global&group=password_based",
    "/authentication/new?list=nats:global&kind=password_based:mysql",
    "/authentication/edit?list=mqtt:global&index=0",
    "/authentication/methods/new",
    "/authentication/methods/new?kind=jwt",
    "/authentication/methods/edit?index=0",
    "/authorization/sources/new",
    "/authorization/sources/new?kind=ldap",
    "/authorization/sources/edit?index=0",
    "/users?chain=mqtt:global",
    `/users/edit?${words({ chain: "mqtt:global", user_id: EVIL })}`,
    `/bans?${words({ as: "username", who: EVIL })}`,
    "/accounts/edit?username=admin",
    "/configuration?which=all&like=mqtt",
    `/subscriptions?${words({ like: EVIL })}`,
  ];
}

testInBrowser("every page can be used by everyone, on a screen and on a phone", async () => {
  await using dashboard = await Dashboard.open({ config: CONFIG });
  const { page } = dashboard;
  const client = await prepare(dashboard);
  const menu = await page.locator("nav a").evaluateAll((links) =>
    links.map((link) => link.getAttribute("href")!.replace("/dashboard", ""))
  );
  assert(menu.length > 15);
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    for (const path of [...menu, ...otherPages()]) {
      await dashboard.goto(path);
      await dashboard.assertGood();
      assert.equal(await page.locator("img").count(), 0, path);
    }
  }
  for (const path of ["/subscriptions", "/users?chain=mqtt:global", "/bans", "/authorization"]) {
    await dashboard.goto(path);
    assert((await page.locator("main").textContent())?.includes(EVIL), path);
  }
  await dashboard.goto("/clients?protocol=mqtt");
  await dashboard.confirm("Kick out");
  await dashboard.sees("The client was disconnected.");
  await dashboard.goto("/retained?filter=kept/%23");
  await dashboard.confirm("Delete all that fit");
  await dashboard.sees("No retained message fits this filter.");
  await client.endAsync();
});

testInBrowser("the login and a refused form look good, too", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await dashboard.goto("/listeners/new?protocol=nats&type=ssl");
    await page.getByLabel("Name").fill("secure");
    await page.getByLabel("Bind").fill(EVIL);
    await dashboard.press("Add");
    await page.locator(".issue").first().waitFor();
    dashboard.complaints.length = 0;
    await dashboard.assertGood();
    assert.equal(await page.getByLabel("Bind").inputValue(), EVIL);
    assert.equal(await page.evaluate("document.activeElement.name"), "bind");
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await dashboard.press("Log out");
  for (const [width, colorScheme] of LOOKS) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await dashboard.assertGood();
  }
});

const LOOKS = [
  [1280, "light"],
  [1280, "dark"],
  [390, "light"],
  [390, "dark"],
] as const;

testInBrowser("on a phone the menu opens on demand, and keys do what fingers do", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await page.setViewportSize({ width: 390, height: 800 });
  await dashboard.goto("/listeners");
  const link = page.getByRole("link", { name: "Bans" });
  assert.equal(await link.isVisible(), false);
  await dashboard.press("Menu");
  await dashboard.assertGood();
  await link.click();
  await page.getByRole("heading", { name: "Bans", exact: true }).waitFor();

  await dashboard.goto("/listeners");
  await page.locator("tr", { hasText: "nats:tcp:default" })
    .getByRole("button", { name: "Delete" }).focus();
  await page.keyboard.press("Enter");
  const question = page.getByRole("dialog");
  await question.waitFor();
  await dashboard.assertGood();
  await page.keyboard.press("Escape");
  await question.waitFor({ state: "hidden" });
  // The table is rendered anew every two seconds.
  await page.evaluate("document.querySelector('table').id = 'old'");
  await page.locator("#old").waitFor({ state: "detached" });
  await page.keyboard.press("Enter");
  await question.waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.locator("tr", { hasText: "nats:tcp:default" }).count(), 1);
});

testInBrowser("settings are compared and applied, and say where they come from", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/authorization/sources/new?kind=built_in_database");
  await dashboard.press("Create");
  await dashboard.sees("Added.");
  await dashboard.goto("/configuration?like=authorization.sources");
  await page.getByRole("cell", { name: /^overlay: / }).waitFor();
  const toml = page.getByLabel("Settings to change, as TOML");
  await dashboard.goto("/configuration");
  await toml.fill("[mqtt]\nmax_inflight = 'many'\n");
  await dashboard.press("Check and compare");
  await dashboard.sees("mqtt.max_inflight");
  assert.equal(await toml.inputValue(), "[mqtt]\nmax_inflight = 'many'\n");
  await toml.fill("[mqtt]\nmax_inflight = 77\n");
  await dashboard.press("Check and compare");
  await dashboard.sees("Applying it would change:");
  await dashboard.press("Apply");
  await dashboard.sees("This was changed:");
  const row = page.getByRole("region", { name: "Settings and where they come from" })
    .locator("tr", { hasText: "mqtt.max_inflight" });
  assert.match(await row.textContent() ?? "", /77overlay/);
  await page.getByLabel("Show").selectOption("all");
  await page.getByLabel("Name or value contains").fill("mqtt.max_awaiting_rel");
  await dashboard.press("Search");
  await page.getByRole("cell", { name: "default", exact: true }).waitFor();
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
  await page.getByLabel("Name", { exact: true }).fill("robot");
  await dashboard.press("Make key");
  assert.match(await page.locator(".issue").textContent() ?? "", /of that name already/);
  await dashboard.confirm("Delete", page.locator("tr", { hasText: "robot" }));
  await dashboard.sees("Deleted.");
  assert.equal(await code(), "BAD_API_KEY_OR_SECRET");
});
