/** Who may connect and what they may do, set up in a real browser. */
import { connect, tokenAuthenticator } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Dashboard, testInBrowser } from "../kit/browser.ts";
import { until } from "../kit/wait.ts";

testInBrowser("an authenticator and a user are created, tried and used", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  await dashboard.goto("/authentication");
  await dashboard.sees("Everybody who reaches a listener is let in.");
  await page.getByRole("link", { name: "Create authentication for NATS" }).click();
  await page.getByRole("link", { name: "Password-based" }).click();
  await page.getByRole("link", { name: "Built-in database" }).click();
  await dashboard.assertGood();
  await dashboard.press("Create");
  await dashboard.sees("There is no user yet");
  await dashboard.assertGood();
  await page.getByLabel("User", { exact: true }).fill("<b>eve</b>");
  await page.getByLabel("Password", { exact: true }).fill("Eve-12345");
  await dashboard.press("Add user");
  await dashboard.sees("<b>eve</b>");
  await page.getByLabel("User", { exact: true }).fill("<b>eve</b>");
  await page.getByLabel("Password", { exact: true }).fill("Eve-12345");
  await dashboard.press("Add user");
  assert.match(await page.locator(".issue").textContent() ?? "", /of that name already/);
  assert.equal(await page.getByLabel("User", { exact: true }).inputValue(), "<b>eve</b>");

  await dashboard.goto("/authentication");
  for (const [password, said] of [["wrong", "Deny:"], ["Eve-12345", "Allow:"]] as const) {
    await page.getByLabel("User name", { exact: true }).fill("<b>eve</b>");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await dashboard.press("Test login");
    await dashboard.sees(said);
  }
  await assert.rejects(connect({ port: gateway.nats, reconnect: false }));
  const login = { user: "<b>eve</b>", pass: "Eve-12345", reconnect: false };
  await (await connect({ port: gateway.nats, ...login })).close();
  await dashboard.goto("/users?chain=nats:global");
  const row = page.locator("tr", { hasText: "eve" });
  await dashboard.confirm("Delete", row);
  await dashboard.sees("Deleted.");
  assert.equal(await row.count(), 0);
});

testInBrowser("a login is tried before its authenticator is there", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  const slow = Promise.withResolvers<void>();
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      const { username, password } = await request.json();
      // Answered once the page has said that it is busy.
      if (username === "slow") await slow.promise;
      return Response.json({ result: password === "right" ? "allow" : "deny" });
    },
  );
  await dashboard.goto("/authentication/new?list=nats:global&kind=password_based:http");
  const attempt = async (url: string, password: string, said: string) => {
    await page.getByLabel("URL").fill(url);
    await page.getByLabel("User name", { exact: true }).fill("ann");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await dashboard.press("Test login");
    await dashboard.sees(said);
    assert.equal(await page.getByLabel("URL").inputValue(), url, "what was entered stays");
  };
  const url = `http://127.0.0.1:${server.addr.port}/`;
  await attempt("http://127.0.0.1:1/", "right", "Ignore: nobody decides");
  assert.match(await page.locator("#outcome").textContent() ?? "", /refused/i);
  await attempt(url, "wrong", "Deny:");
  await attempt(url, "right", "Allow:");
  await dashboard.assertGood();
  await page.getByLabel("User name", { exact: true }).fill("slow");
  // While a page waits for the next one, only what it says to its console can be seen.
  page.on("console", (line) => line.text() === "busy" && slow.resolve());
  await page.evaluate(`new MutationObserver(() => {
    if (document.getElementById("busy") !== null) console.info("busy");
  }).observe(document.body, { childList: true })`);
  try {
    await dashboard.press("Test login");
    await dashboard.sees("Allow:");
  } finally {
    slow.resolve();
  }
  await dashboard.goto("/authentication");
  await dashboard.sees("Everybody who reaches a listener is let in.");

  await dashboard.goto("/authentication/new?list=nats:global&kind=password_based:http");
  await page.getByLabel("URL").fill("ftp://somewhere");
  await dashboard.press("Create");
  assert.match(await page.locator(".issue").textContent() ?? "", /expected a URL such as/);
  await page.getByLabel("URL").fill(url);
  await dashboard.press("Create");
  await dashboard.sees("Added.");
  await page.getByRole("link", { name: "Edit" }).click();
  await attempt(url, "right", "Allow:");
});

testInBrowser("users are imported while the page shows how far it is", async () => {
  await using dashboard = await Dashboard.open({
    config: '[gateway.nats.authentication]\nmechanism = "password_based"\n' +
      'backend = "built_in_database"\n' +
      'password_hash_algorithm = { name = "pbkdf2", mac_fun = "sha512", iterations = 5000 }\n',
  });
  const { page } = dashboard;
  await dashboard.goto("/users?chain=nats:global");
  await page.getByLabel("CSV or JSON", { exact: true }).fill('user_id,password\n"bob,x\n');
  await dashboard.press("Import");
  await dashboard.sees("a quote is not closed");
  dashboard.complaints.length = 0;
  const rows = Array.from({ length: 600 }, (_, i) => `user${i},Secret-${i}`).join("\n");
  await page.locator("input[type=file]").setInputFiles({
    name: "users.csv",
    mimeType: "text/csv",
    buffer: Buffer.from(`user_id,password\n${rows}\n`),
  });
  await dashboard.press("Import");
  await page.getByRole("progressbar").waitFor();
  await dashboard.assertGood();
  await dashboard.sees("The import is complete.");
  const facts = await page.locator("dl").textContent();
  assert.match(facts ?? "", /Rows read600New users600Replaced0/);
  await page.getByRole("link", { name: "Show the users" }).click();
  await dashboard.sees("600 in all");
});

testInBrowser("methods of NATS are added, moved, edited and deleted", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  const add = async (method: string, label: string, value: string) => {
    await dashboard.goto("/authentication");
    await page.getByRole("link", { name: "Add a NATS method" }).click();
    await page.getByRole("link", { name: method, exact: true }).click();
    await page.getByLabel(label).fill(value);
    await dashboard.assertGood();
    await dashboard.press("Create");
  };
  await add("NKey", "Public keys of users", "no key");
  await page.locator(".issue", { hasText: "must be a valid user NKey" }).waitFor();
  dashboard.complaints.length = 0;
  const key = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4";
  await page.getByLabel("Public keys of users").fill(key);
  await dashboard.press("Create");
  await dashboard.sees("Added.");
  await add("Token", "Token", "first-token");
  await dashboard.sees("Added.");
  const rows = page.getByRole("region", { name: "Methods of NATS" }).locator("tbody tr");
  assert.deepEqual((await rows.allTextContents()).map((text) => /NKey|Token/.exec(text)![0]), [
    "NKey",
    "Token",
  ]);
  await rows.nth(1).getByRole("button", { name: "Up" }).click();
  await dashboard.sees("Saved.");
  assert.match(await rows.first().textContent() ?? "", /Token/);
  await rows.first().getByRole("link", { name: "Edit" }).click();
  assert.equal(await page.getByLabel("Token").inputValue(), "******");
  await page.getByLabel("Token").fill("second-token");
  await dashboard.press("Update");
  await dashboard.sees("Saved.");
  const login = (token: string) =>
    connect({ port: gateway.nats, authenticator: tokenAuthenticator(token), reconnect: false });
  await assert.rejects(login("first-token"));
  await (await login("second-token")).close();
  await dashboard.confirm("Delete", rows.first());
  await dashboard.sees("Deleted.");
  assert.equal(await rows.count(), 1);
});

testInBrowser("one listener gets an authenticator of its own", async () => {
  const config = "[gateway.nats.listeners.tcp.inner]\nbind = '127.0.0.1:0'\n";
  await using dashboard = await Dashboard.open({ config });
  const { page, gateway } = dashboard;
  await dashboard.goto("/authentication");
  await page.getByLabel("Listener").selectOption("nats:tcp:inner");
  await dashboard.press("Create for this listener");
  await page.getByRole("link", { name: "Password-based" }).click();
  await page.getByRole("link", { name: "Built-in database" }).click();
  await dashboard.press("Create");
  await dashboard.sees("Users: listener nats:tcp:inner");
  await page.getByLabel("User", { exact: true }).fill("ann");
  await page.getByLabel("Password", { exact: true }).fill("Ann-12345");
  await dashboard.press("Add user");
  await dashboard.sees("Added.");
  const inner = gateway.port("nats:tcp:inner");
  await assert.rejects(connect({ port: inner, reconnect: false }));
  const ann = { user: "ann", pass: "Ann-12345", reconnect: false };
  await (await connect({ port: inner, ...ann })).close();
  await (await connect({ port: gateway.nats, reconnect: false })).close();
});

testInBrowser("rules are written and a decision is tested", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/authorization");
  await dashboard.sees("There is no rule yet");
  const topic = page.getByLabel("Topic or filter", { exact: true });
  await topic.fill("secret/#/x");
  await dashboard.press("Add rule");
  assert.match(await page.locator(".issue").textContent() ?? "", /no valid MQTT topic filter/);
  assert.equal(await topic.inputValue(), "secret/#/x");
  dashboard.complaints.length = 0;
  await topic.fill("secret/#");
  await page.getByLabel("Permission").selectOption("deny");
  await dashboard.press("Add rule");
  await dashboard.sees("Added.");
  await page.getByLabel("MQTT topic or filter").fill("secret/a");
  await dashboard.press("Test");
  await page.locator("#outcome", { hasText: "denied" }).waitFor();
  await dashboard.assertGood();
  await dashboard.confirm("Delete", page.locator("tr", { hasText: "secret/#" }));
  await dashboard.sees("There is no rule yet");
  await dashboard.goto("/audit");
  await dashboard.sees("permission=deny action=all kind=all topic=secret/#; authorization.sources");
});

testInBrowser("who is banned is out at once, and in again when the ban is lifted", async () => {
  await using dashboard = await Dashboard.open();
  const { page, gateway } = dashboard;
  const login = () =>
    connect({ port: gateway.nats, user: "<i>mallory", pass: "x", reconnect: false });
  const client = await login();
  await dashboard.goto("/bans");
  await dashboard.sees("Nobody is banned.");
  await page.getByLabel("Ban by").selectOption("username");
  await page.getByLabel("Who", { exact: true }).fill("<i>mallory");
  await page.getByLabel("Or until (UTC)").fill("2020-01-01T00:00");
  await dashboard.press("Ban");
  assert.match(await page.locator(".issue").textContent() ?? "", /has passed already/);
  assert.equal(await page.getByLabel("Who", { exact: true }).inputValue(), "<i>mallory");
  dashboard.complaints.length = 0;
  await page.getByLabel("Or until (UTC)").fill("");
  await page.getByLabel("For", { exact: true }).selectOption("24");
  await dashboard.press("Ban");
  await dashboard.sees("Banned.");
  await dashboard.assertGood();
  await client.closed();
  await assert.rejects(login());
  await dashboard.confirm("Lift", page.locator("tr", { hasText: "mallory" }));
  await dashboard.sees("Nobody is banned.");
  await (await login()).close();
});

testInBrowser("a viewer sees everything and changes nothing but the own password", async () => {
  await using dashboard = await Dashboard.open();
  const { page } = dashboard;
  await dashboard.goto("/accounts");
  await page.getByLabel("User name").fill("eye");
  await page.getByLabel("Password", { exact: true }).fill("simple");
  await page.getByLabel("Role").selectOption("viewer");
  await dashboard.press("Add user");
  assert.match(await page.locator(".issue").textContent() ?? "", /at least two kinds/);
  await page.getByLabel("Password", { exact: true }).fill("Viewer-1234");
  await dashboard.press("Add user");
  await dashboard.sees("Added.");
  await dashboard.press("Log out");
  await dashboard.logIn({ username: "eye", password: "Viewer-1234" });
  await dashboard.goto("/gateways/nats");
  await page.getByLabel("Server name").fill("changed by a viewer");
  await dashboard.press("Update");
  await dashboard.sees("the role viewer does not allow this");
  await dashboard.goto("/gateways/nats");
  assert.notEqual(await page.getByLabel("Server name").inputValue(), "changed by a viewer");

  await dashboard.goto("/accounts/edit?username=eye");
  await page.getByLabel("New password").fill("Viewer-5678");
  await page.getByLabel("Your own password").fill("wrong");
  await dashboard.press("Change password");
  assert.match(await page.locator(".issue").textContent() ?? "", /this is not your password/);
  await page.getByLabel("New password").fill("Viewer-5678");
  await page.getByLabel("Your own password").fill("Viewer-1234");
  await dashboard.press("Change password");
  await dashboard.sees("Your password is changed");
  await dashboard.logIn({ username: "eye", password: "Viewer-5678" });
  await dashboard.press("Log out");

  await dashboard.logIn();
  await dashboard.goto("/accounts");
  const row = page.locator("tr", { hasText: "eye" });
  await dashboard.confirm("Delete", row);
  await dashboard.sees("Deleted.");
  await until(async () => await row.count() === 0, "the user to be gone");
});
