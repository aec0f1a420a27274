/** The dashboard in a real browser: logging in, watching, and clients. */
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Dashboard, testInBrowser } from "../kit/browser.ts";
import { until } from "../kit/wait.ts";

testInBrowser("the first user is made with the key of the first start", async () => {
  await using dashboard = await Dashboard.open({ user: false });
  const { page, gateway } = dashboard;
  const line = Deno.readTextFileSync(`${gateway.dir}/data/admin.key`);
  await dashboard.assertGood();
  await page.getByLabel("The line in admin.key").fill(`${line.split(":")[0]}:wrong`);
  await page.getByLabel("User name").fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("Secret-1234");
  await dashboard.press("Make the user and log in");
  await dashboard.sees("API key or secret is wrong");
  assert.equal(await page.getByLabel("User name").inputValue(), "ann");
  await page.getByLabel("The line in admin.key").fill(line);
  await page.getByLabel("Password", { exact: true }).fill("Secret-1234");
  await dashboard.press("Make the user and log in");
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await dashboard.press("Log out");
  await dashboard.logIn({ username: "ann", password: "Secret-1234" });
});

testInBrowser("a client comes, is explained, is kicked and disappears", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  await dashboard.goto("/clients");
  await dashboard.sees("No NATS client is connected.");
  const client = await connect({ port: gateway.nats, reconnect: false, name: "watched" });
  client.subscribe("orders.>");
  await client.flush();
  // Without loading the page again.
  const link = page.locator("tbody a").first();
  await link.waitFor();
  const clientId = await link.textContent();
  await link.click();
  await dashboard.sees("orders/#");
  await dashboard.sees("nothing: it was let in without a login");
  const rate = page.locator(".tile", { hasText: "Messages in / s" }).locator("b");
  await until(async () => {
    client.publish("orders.a", "1");
    return /[1-9]/.test(await rate.textContent() ?? "");
  }, "the rate");
  await page.getByLabel("MQTT topic or filter").fill("orders/a");
  await dashboard.press("Test");
  await page.locator("#outcome", { hasText: "allowedRuleno_match = allow" }).waitFor();
  await dashboard.assertGood();
  await dashboard.goto("/clients");
  const other = await page.context().newPage();
  await other.goto(page.url());
  await other.getByRole("link", { name: clientId! }).waitFor();
  await dashboard.confirm("Kick out");
  await dashboard.sees("The client was disconnected.");
  await client.closed();
  // Without loading that page again.
  await other.getByText("No NATS client is connected.").waitFor();
  await other.close();
  await dashboard.sees("No NATS client is connected.");
  await dashboard.goto(`/client?protocol=nats&clientid=${clientId}`);
  await dashboard.sees("This client is not here now.");
  await page.getByRole("cell", { name: "kicked by admin" }).waitFor();
});

testInBrowser("the overview follows what happens", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  const tile = page.locator(".tile", { hasText: "NATS connections" }).locator("b");
  assert.equal(await tile.textContent(), "0");
  const client = await connect({ port: gateway.nats, reconnect: false });
  await until(async () => await tile.textContent() === "1", "the connection to be counted");
  await client.close();
  await until(async () => await tile.textContent() === "0", "the connection to be gone");
  await dashboard.assertGood();
});

testInBrowser("without a login there is nothing but the login", async () => {
  await using dashboard = await Dashboard.open({ user: false });
  for (const path of ["", "/clients", "/live/clients", "/client?clientid=x"]) {
    const answer = await fetch(`${dashboard.origin}/dashboard${path}`, { redirect: "manual" });
    await answer.body?.cancel();
    assert.equal(answer.status, 303, path);
    assert.equal(answer.headers.get("location"), "/dashboard/login");
  }
  const board = await fetch(`${dashboard.origin}/dashboard/assets/grafana.json`);
  assert((await board.json()).panels.length > 0);
  for (const path of ["..%2fassets.ts", "__proto__", "x"]) {
    const answer = await fetch(`${dashboard.origin}/dashboard/assets/${path}`);
    await answer.body?.cancel();
    assert.equal(answer.status, 404, path);
  }
});

testInBrowser("what goes wrong is said in words: old pages, old logins, large forms", async () => {
  await using dashboard = await Dashboard.open();
  const { page, origin } = dashboard;
  await dashboard.goto("/nowhere");
  await dashboard.sees("There is no such page");
  const csrf = await page.locator("input[name=_csrf]").first().inputValue();
  const large = await page.request.post(`${origin}/dashboard/users/import`, {
    multipart: { _csrf: csrf, text: "x".repeat(5 * 1024 * 1024) },
  });
  assert.equal(large.status(), 413);
  assert.match(await large.text(), /larger than 4 MB, so nothing was changed/);
  const session = (await page.context().cookies()).find(({ name }) => name.includes("session"))!;
  await page.context().addCookies([{ ...session, value: "old" }]);
  await dashboard.goto("/listeners");
  await dashboard.sees("Your login has ended");
});
