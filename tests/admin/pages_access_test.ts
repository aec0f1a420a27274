/** Who may connect and what they may do, set up in a real browser. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Dashboard, testInBrowser } from "../kit/browser.ts";

testInBrowser("an authenticator and a user are created, tried and used", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  await dashboard.goto("/authentication");
  await dashboard.assertGood();
  await page.getByRole("link", { name: "Create authentication for NATS" }).click();
  await page.getByRole("link", { name: "Password-based" }).click();
  await page.getByRole("link", { name: "Built-in database" }).click();
  await dashboard.assertGood();
  await dashboard.press("Create");
  await dashboard.sees("Added.");
  await page.getByRole("link", { name: "Users", exact: true }).click();
  await page.getByLabel("User", { exact: true }).fill("<b>eve</b>");
  await page.getByLabel("Password", { exact: true }).fill("Eve-12345");
  await dashboard.press("Add user");
  await dashboard.sees("<b>eve</b>");
  await dashboard.assertGood();
  await page.getByLabel("CSV or JSON").fill("user_id,password\nbob,Bob-12345\n");
  await dashboard.press("Import");
  await dashboard.sees("1 read: 1 new");

  await dashboard.goto("/authentication");
  for (const [password, said] of [["wrong", "turned away"], ["Bob-12345", "let in"]] as const) {
    await page.getByLabel("User name").fill("bob");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await dashboard.press("Test login");
    await dashboard.sees(`The login is ${said}`);
  }
  await assert.rejects(connect({ port: gateway.nats, reconnect: false }));
  const client = await connect({
    port: gateway.nats,
    user: "bob",
    pass: "Bob-12345",
    reconnect: false,
  });
  await client.close();
  await dashboard.goto("/users?chain=nats:global");
  const row = page.locator("tr", { hasText: "bob" });
  await row.locator("summary").click();
  await row.getByRole("button", { name: "Yes: delete" }).click();
  await dashboard.sees("Deleted.");
  assert.equal(await row.count(), 0);
});

testInBrowser("rules are written and a decision is tested", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/authorization");
  await dashboard.press("Add source");
  await dashboard.sees("Added.");
  const rules = page.getByLabel("Rules in place of those that are there");
  await rules.fill('[{"permission": "perhaps"}]');
  await dashboard.press("Save rules");
  await dashboard.sees("permission must be");
  await rules.fill('[{"permission": "deny", "action": "publish", "topic": "secret/#"}]');
  await dashboard.press("Save rules");
  await dashboard.sees("Saved.");
  await page.getByLabel("MQTT topic or filter").fill("secret/a");
  await dashboard.press("Test");
  await dashboard.sees("denied");
  await dashboard.goto("/audit");
  await dashboard.sees("POST /dashboard/authorization/rules");
});
