/**
 * A web page in a real browser that talks to the gateway over WebSocket: MQTT.js and nats.js side
 * by side, each hearing what the other says.
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { launchBrowser, testInBrowser } from "../kit/browser.ts";
import { type GatewayProcess, startGateway } from "../kit/gateway.ts";
import { within } from "../kit/wait.ts";
import type { Addresses, PageScript } from "./browser_page.ts";

/** The page is served at an address of its own, as pages are: browsers tell it in `Origin`. */
class TestPage implements AsyncDisposable {
  readonly #closing: AsyncDisposableStack;
  private constructor(readonly page: Page, readonly origin: string, closing: AsyncDisposableStack) {
    this.#closing = closing;
  }

  static async open(): Promise<TestPage> {
    await using opened = new AsyncDisposableStack();
    const script = await bundle();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
      const isScript = new URL(request.url).pathname === "/page.js";
      const type = isScript ? "text/javascript" : "text/html";
      const body = isScript ? script : '<script type="module" src="/page.js"></script>';
      return new Response(body, { headers: { "content-type": `${type}; charset=utf-8` } });
    });
    opened.defer(() => server.shutdown());
    const browser = await launchBrowser();
    opened.defer(() => browser.close());
    const page = await browser.newPage();
    const origin = `http://127.0.0.1:${server.addr.port}`;
    await page.goto(origin);
    await page.waitForFunction("globalThis.script !== undefined");
    return new TestPage(page, origin, opened.move());
  }

  /** Calls a function of the page's script. */
  call<Name extends keyof PageScript>(
    name: Name,
    ...args: Parameters<PageScript[Name]>
  ): Promise<Awaited<ReturnType<PageScript[Name]>>> {
    type Answer = Awaited<ReturnType<PageScript[Name]>>;
    const call = `script[${JSON.stringify(name)}](...${JSON.stringify(args)})`;
    return within(this.page.evaluate<Answer>(call), `${name} in the page`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }
}

/** The page's script with the client libraries in it, as browsers load it. */
async function bundle(): Promise<string> {
  const entry = new URL("browser_page.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform=browser", entry],
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** A gateway with a WebSocket listener for each protocol, and settings that both have. */
function startWithWebSockets(settings = ""): Promise<GatewayProcess> {
  const listener = `bind = "127.0.0.1:0"\n${settings}`;
  const config = `[gateway.nats.listeners.ws.page]\n${listener}\n[listeners.ws.page]\n${listener}`;
  return startGateway({ config });
}

function addresses(gateway: GatewayProcess): Addresses {
  return {
    nats: `ws://127.0.0.1:${gateway.port("nats:ws:page")}`,
    mqtt: `ws://127.0.0.1:${gateway.port("mqtt:ws:page")}/mqtt`,
  };
}

/** One of them needs more than one frame's worth of buffers, one more than one byte a letter. */
const TEXTS = ["hello", "", "žluťoučký kůň 🐎", "x".repeat(200_000), "last"];

const PACKED = "websocket.compress = true\n";
const WAYS: readonly (readonly [name: string, settings: string, extensions: RegExp])[] = [
  ["", "", /^$/],
  [", compressed", PACKED, /^permessage-deflate$/],
  [
    ", compressed with little memory",
    PACKED + 'websocket.deflate_opts.level = "best_speed"\n' +
    'websocket.deflate_opts.server_context_takeover = "no_takeover"\n' +
    'websocket.deflate_opts.client_context_takeover = "no_takeover"\n' +
    "websocket.deflate_opts.server_max_window_bits = 10\n" +
    "websocket.deflate_opts.client_max_window_bits = 9\n",
    /server_no_.*client_no_.*server_max_window_bits=10; client_max_window_bits=9/,
  ],
];

for (const [name, settings, extensions] of WAYS) {
  testInBrowser(`MQTT.js and nats.js in one page hear each other${name}`, async () => {
    await using gateway = await startWithWebSockets(settings);
    await using page = await TestPage.open();
    const at = addresses(gateway);
    assert.match(await page.call("extensions", at), extensions);
    for (const version of [4, 5] as const) {
      assert.deepEqual(
        await page.call("natsToMqtt", at, version, TEXTS),
        TEXTS.map((text, index) => ({ name: `to/mqtt/${index}`, text })),
      );
      assert.deepEqual(
        await page.call("mqttToNats", at, version, TEXTS),
        TEXTS.map((text, index) => ({ name: `to.nats.${index}`, text })),
      );
    }
    assert.equal(await page.call("request", at, "who is there?"), "WHO IS THERE?");
  });
}

testInBrowser("only pages of the origins that are named may connect", async () => {
  await using page = await TestPage.open();
  const named = (origin: string) =>
    `websocket.check_origin_enable = true\nwebsocket.check_origins = "${origin}"`;
  {
    await using gateway = await startWithWebSockets(named(page.origin));
    const connected = await page.call("connects", addresses(gateway));
    assert.deepEqual(connected, { nats: true, mqtt: true });
  }
  await using gateway = await startWithWebSockets(named("http://127.0.0.1:1"));
  const connected = await page.call("connects", addresses(gateway));
  assert.deepEqual(connected, { nats: false, mqtt: false });
});
