/** Setting things up in a real browser: the wizard, listeners, the translator and the tail. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Dashboard, testInBrowser } from "../kit/browser.ts";
import { testAuthority } from "../kit/certs.ts";
import { until } from "../kit/wait.ts";

testInBrowser("the wizard sets up a gateway that asks for a login", async () => {
  await using dashboard = await Dashboard.open({ config: "[gateway.nats]\nenable = false\n" });
  const { page, gateway } = dashboard;
  await dashboard.goto("/gateways");
  await dashboard.sees("Disabled");
  await page.getByRole("link", { name: "Setup" }).click();
  await page.getByLabel("Server name").fill("made by the wizard");
  await dashboard.assertGood();
  await dashboard.press("Next");
  await page.getByLabel("TCP address").fill("127.0.0.1:0");
  await dashboard.assertGood();
  await dashboard.press("Back");
  assert.equal(await page.getByLabel("Server name").inputValue(), "made by the wizard");
  await dashboard.press("Next");
  await dashboard.press("Next");
  await dashboard.press("Enable");
  await dashboard.sees("is needed, as clients have to log in");
  dashboard.complaints.length = 0; // The browser counts the refusal as one.
  await page.getByLabel("First user").fill("device");
  await page.getByLabel("Password", { exact: true }).fill("Device-1234");
  await dashboard.assertGood();
  await dashboard.press("Enable");
  await dashboard.sees("The gateway is enabled.");
  await dashboard.goto("/listeners");
  const address = await page.locator("tr", { hasText: "nats:tcp:default" }).locator("td").nth(1)
    .textContent();
  const port = Number(address!.split(":")[1]);
  await assert.rejects(connect({ port, reconnect: false }));
  const client = await connect({ port, user: "device", pass: "Device-1234", reconnect: false });
  assert.equal(client.info?.server_name, "made by the wizard");
  await client.close();
  assert.match(Deno.readTextFileSync(`${gateway.dir}/data/overlay.toml`), /made by the wizard/);
});

testInBrowser("a TLS listener is added by pasting PEM, edited and deleted", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  const authority = testAuthority();
  const { certificate, key } = authority.server();
  await dashboard.goto("/listeners");
  await page.getByLabel("Type").selectOption("ssl");
  await dashboard.press("Add listener");
  await page.getByLabel("Name").fill("secure");
  await page.getByLabel("Bind").fill("127.0.0.1:0");
  await page.getByRole("textbox", { name: "TLS cert", exact: true }).fill(certificate);
  await page.getByRole("textbox", { name: "TLS key", exact: true }).fill("no key");
  await dashboard.assertGood();
  await dashboard.press("Add");
  const issue = page.locator(".issue");
  assert.match(await issue.textContent() ?? "", /cannot read no key: there is no such file/);
  assert.equal(await page.getByRole("textbox", { name: "TLS key" }).inputValue(), "no key");
  assert.equal(await page.getByLabel("Name").inputValue(), "secure");
  dashboard.complaints.length = 0;
  // What is uploaded goes before what is written.
  await page.getByLabel("TLS key: file to upload").setInputFiles({
    name: "key.pem",
    mimeType: "application/x-pem-file",
    buffer: Buffer.from(key),
  });
  await dashboard.press("Add");
  await dashboard.sees("Added.");
  const row = page.locator("tr", { hasText: "nats:ssl:secure" });
  const address = await row.locator("td").nth(1).textContent();
  const tls = { ca: authority.ca };
  const port = Number(address!.split(":")[1]);
  const client = await connect({ servers: `localhost:${port}`, tls, reconnect: false });
  await client.flush();
  await client.close();

  await row.getByRole("link", { name: "Edit" }).click();
  const keyField = page.getByRole("textbox", { name: "TLS key", exact: true });
  assert.equal(await keyField.inputValue(), "******");
  await page.getByText("More settings").click();
  await page.getByLabel("Max connections").fill("7");
  await dashboard.press("Update");
  await dashboard.sees("Saved.");
  await dashboard.assertGood();
  await dashboard.goto("/listeners");
  await dashboard.sees("0 of 7");
  await dashboard.confirm("Delete", row);
  await dashboard.sees("Deleted.");
  assert.equal(await row.count(), 0);
});

testInBrowser("of two who change the same, the second is told", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/gateways/nats");
  const other = await page.context().newPage();
  await other.goto(`${dashboard.origin}/dashboard/gateways/nats`);
  await other.getByLabel("Server name").fill("theirs");
  await other.getByRole("button", { name: "Update" }).click();
  await other.getByText("Saved.").waitFor();
  await page.getByLabel("Idle timeout").fill("31s");
  await dashboard.press("Update");
  await dashboard.sees("somebody else changed the configuration");
  assert.equal(await page.getByLabel("Idle timeout").inputValue(), "31s");
  await dashboard.goto("/gateways/nats");
  assert.equal(await page.getByLabel("Server name").inputValue(), "theirs");
});

testInBrowser("of two who change a list, the second is told", async () => {
  const config = `
[[authentication]]
mechanism = "password_based"
backend = "http"
method = "get"
url = "http://127.0.0.1:1/"
[[authentication]]
mechanism = "password_based"
backend = "built_in_database"
`;
  await using dashboard = await Dashboard.open({ config });
  const { page } = dashboard;
  await dashboard.goto("/authentication");
  const other = await page.context().newPage();
  await other.goto(`${dashboard.origin}/dashboard/authentication`);
  await other.getByRole("button", { name: "Up" }).click();
  await other.getByText("Saved.").waitFor();
  const rows = page.getByRole("region", { name: "Authenticators of MQTT" }).locator("tbody tr");
  await dashboard.confirm("Delete", rows.first());
  await dashboard.sees("somebody else changed the configuration");
  await dashboard.goto("/authentication");
  assert.equal(await rows.count(), 2);
  assert.match(await rows.first().textContent() ?? "", /Built-in database/);
});

testInBrowser("the translator shows both spellings", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/translate");
  await page.getByLabel("Name").fill("*.orders.>");
  await dashboard.press("Translate");
  await dashboard.sees("+/orders/#");
  await dashboard.assertGood();
  await page.getByLabel("Name").fill("a..b");
  await dashboard.press("Translate");
  await dashboard.sees("has no form on the other side");
});

testInBrowser("the tail shows messages as text, whatever they hold", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  await dashboard.goto("/tail?filter=shop/%23");
  const tail = page.locator("#tail");
  await until(async () => (await tail.textContent())?.includes("watching"), "the stream");
  await dashboard.assertGood();
  const client = await connect({ port: gateway.nats, reconnect: false });
  client.publish("shop.<b>x", "<img src=x onerror=alert(1)>");
  await client.flush();
  await until(
    async () => (await tail.textContent())?.includes("shop/<b>x QoS 0: <img src=x onerror"),
    "the message",
  );
  assert.equal(await tail.locator("img, b").count(), 0);
  await client.close();
});

testInBrowser("the WebSocket client subscribes and hears itself", async () => {
  const config = "[gateway.nats.listeners.ws.more]\nbind = '127.0.0.1:0'\n";
  await using dashboard = await Dashboard.open({ config });
  const { page } = dashboard;
  await dashboard.goto("/try");
  const output = page.locator("#websocket-output");
  await dashboard.press("Connect");
  await until(async () => (await output.textContent())?.includes("PONG"), "the login");
  await dashboard.press("Subscribe");
  await dashboard.press("Send");
  await until(async () => (await output.textContent())?.includes("MSG test.hello 1 5"), "MSG");
  await dashboard.assertGood();
});
