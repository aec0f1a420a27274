/**
 * What somebody does who has never read the manual: from the first start to a secured gateway,
 * by the steps that the overview shows, with nothing but the browser.
 */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Dashboard, testInBrowser } from "../kit/browser.ts";
import { testAuthority } from "../kit/certs.ts";
import { until } from "../kit/wait.ts";

testInBrowser("from the first start to a secured gateway", async () => {
  await using dashboard = await Dashboard.open({ user: false });
  const { page, gateway } = dashboard;
  await page.getByLabel("The line in admin.key").fill(
    Deno.readTextFileSync(`${gateway.dir}/data/admin.key`),
  );
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("Secret-1234");
  await dashboard.press("Make the user and log in");

  const steps = page.getByRole("region", { name: "Steps to a secured gateway" });
  const step = async (text: string) => {
    await page.getByRole("link", { name: "Overview" }).click();
    await steps.getByRole("listitem").filter({ hasText: text }).getByRole("link").click();
  };
  await steps.waitFor();
  await dashboard.assertGood();

  for (const protocol of ["NATS", "MQTT"]) {
    await step(`${protocol} clients have to log in`);
    await page.getByRole("link", { name: `Create authentication for ${protocol}` }).click();
    await page.getByRole("link", { name: "Password-based" }).click();
    await page.getByRole("link", { name: "Built-in database" }).click();
    await dashboard.press("Create");
    await page.getByLabel("User", { exact: true }).fill("device");
    await page.getByLabel("Password", { exact: true }).fill("Device-1234");
    await dashboard.press("Add user");
    await dashboard.sees("Added. It is in force now.");
  }

  await step("A listener is encrypted with TLS");
  const authority = testAuthority();
  const { certificate, key } = authority.server();
  await page.getByLabel("Type").selectOption("ssl");
  await dashboard.press("Add listener");
  await page.getByLabel("Name").fill("secure");
  await page.getByLabel("Bind").fill("127.0.0.1:0");
  await page.getByRole("textbox", { name: "TLS cert" }).fill(certificate);
  await page.getByRole("textbox", { name: "TLS key" }).fill(key);
  await dashboard.press("Add");
  const listener = page.locator("tr", { hasText: "nats:ssl:secure" });
  const address = await listener.locator("td").nth(1).textContent();
  await dashboard.confirm("Disable", page.locator("tr", { hasText: "nats:tcp:default" }));
  await dashboard.sees("Saved.");

  await step("Rules say who may use which topics");
  await page.getByLabel("Topic or filter", { exact: true }).fill("devices/#");
  await dashboard.press("Add rule");
  await dashboard.sees("Added.");
  await page.getByLabel("When no rule fits, a client is").selectOption("deny");
  await dashboard.press("Update");
  await dashboard.sees("Saved.");

  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  assert.equal(await steps.count(), 0, "nothing is left to do");

  const servers = `localhost:${address!.split(":")[1]}`;
  const login = { servers, tls: { ca: authority.ca }, reconnect: false };
  await assert.rejects(connect(login));
  await assert.rejects(connect({ port: gateway.nats, reconnect: false }));
  const client = await connect({ ...login, user: "device", pass: "Device-1234" });
  const heard: string[] = [];
  client.subscribe("devices.>", { callback: (_, { subject }) => void heard.push(subject) });
  client.publish("devices.a", "1");
  client.publish("others.a", "1");
  await client.flush();
  assert.deepEqual(heard, ["devices.a"]);
  await page.getByRole("link", { name: "Logs" }).click();
  await until(
    async () => (await page.locator("main").textContent())?.includes("topic=others/a"),
    "the denial in the log",
  );
  await client.close();
});
