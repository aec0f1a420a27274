/**
 * A real browser, and the dashboard in it of a gateway that runs as a process of its own.
 */
import axe from "axe-core";
import assert from "node:assert/strict";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";
import { type GatewayProcess, startGateway } from "./gateway.ts";
import { PATIENCE_MS } from "./wait.ts";

const PROGRAM = "/usr/bin/chromium";
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const IS_MISSING = !isInstalled();

/** A test that needs the browser; skipped, with the reason in its name, where there is none. */
export function testInBrowser(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `pages: ${name}${IS_MISSING ? ` (skipped: ${PROGRAM} is not installed)` : ""}`,
    ignore: IS_MISSING,
    // The driver of the browser keeps things of its own until the process ends.
    sanitizeOps: false,
    sanitizeResources: false,
    fn,
  });
}

/** Starts the browser, without a window. Close it when done. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: PROGRAM, args: ARGS });
}

/** The user that the configuration makes. */
const USER = { username: "admin", password: "Browser-1234" } as const;

/** A gateway, a browser, and a page of it that is logged in. */
export class Dashboard implements AsyncDisposable {
  /** What scripts and the security policy complained about. */
  readonly complaints: string[] = [];
  private constructor(
    readonly gateway: GatewayProcess,
    readonly browser: Browser,
    readonly page: Page,
    readonly origin: string,
  ) {
    page.on("pageerror", (error) => this.complaints.push(error.message));
    page.on("console", (line) => {
      if (line.type() === "error") this.complaints.push(line.text());
    });
  }

  /** @param user false: the configuration makes none, so that the first login can be tested */
  static async open({ config = "", user = true } = {}): Promise<Dashboard> {
    const first = `[dashboard]\ndefault_password = "${USER.password}"\n`;
    const gateway = await startGateway({ config: (user ? first : "") + config });
    const port = /administration on http:\/\/127\.0\.0\.1:(\d+)/.exec(gateway.log())![1];
    const browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const dashboard = new Dashboard(gateway, browser, page, `http://127.0.0.1:${port}`);
    await page.goto(dashboard.origin);
    if (user) await dashboard.logIn();
    return dashboard;
  }

  async logIn({ username, password }: { username: string; password: string } = USER) {
    await this.page.getByLabel("User name").fill(username);
    await this.page.getByLabel("Password", { exact: true }).fill(password);
    await this.press("Log in");
    await this.page.getByRole("heading", { name: "Overview" }).waitFor();
  }

  /** Opens a page of the dashboard. */
  async goto(path: string): Promise<void> {
    await this.page.goto(`${this.origin}/dashboard${path}`);
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).first().click();
  }

  /** Presses a button that asks before it does something, and says yes. */
  async confirm(name: string, within: Locator = this.page.locator("main")): Promise<void> {
    await within.getByRole("button", { name, exact: true }).first().click();
    await within.getByRole("button", { name: `Yes: ${name.toLowerCase()}` }).click();
  }

  /** Waits until a text can be seen. */
  async sees(text: string): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  /** Nothing for axe to object to, and nothing wider than the window. */
  async assertGood(): Promise<void> {
    const { page } = this;
    await page.evaluate(axe.source);
    const violations = await page.evaluate(async () => {
      // deno-lint-ignore no-explicit-any -- axe puts itself there
      const { violations } = await (globalThis as any).axe.run();
      // deno-lint-ignore no-explicit-any -- its types are not in the page
      return violations.map((one: any) => `${one.id}: ${one.nodes[0]?.html}`) as string[];
    });
    assert.deepEqual(violations, [], page.url());
    const wide = await page.evaluate(`document.documentElement.scrollWidth > innerWidth`);
    assert.equal(wide, false, `${page.url()} is wider than the window`);
    assert.deepEqual(this.complaints, [], page.url());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser.close();
    await this.gateway[Symbol.asyncDispose]();
  }
}

function isInstalled(): boolean {
  try {
    return Deno.statSync(PROGRAM).isFile;
  } catch {
    return false;
  }
}
