/**
 * Turns the URL and the options that all test-client commands share into a connected client.
 */
import { Buffer } from "node:buffer";
import { publicNkeyOfSeed, signWithSeed } from "../auth/nkey.ts";
import { parseSeed } from "../nkey_text.ts";
import { OperationalError } from "../errors.ts";
import type { TestClient } from "./client.ts";
import { connectMqtt } from "./client_mqtt.ts";
import { connectNats, type NatsLogin } from "./client_nats.ts";
import { dial, type TlsWishes } from "./dial.ts";
import type { Arguments } from "./parse.ts";
import { parseTarget, type Target } from "./target.ts";
import { UsageError } from "./usage.ts";

/** Connects and logs in as the arguments say. */
export async function connectClient(url: string, args: Arguments): Promise<TestClient> {
  const protocol = args.text("protocol") as Target["protocol"] | undefined;
  const target = parseTarget(url, protocol);
  const timeout_ms = args.integer("timeout") * 1000;
  const username = args.text("user") ?? target.username;
  const password = (await textOf(args, "password-file"))?.trimEnd() ?? target.password;
  const id = args.text("id") ?? `natsgate-${crypto.randomUUID().slice(0, 8)}`;
  const sign = await signer(args);
  const stream = await dial(target, await tlsWishes(args), timeout_ms);
  const login = target.protocol === "nats"
    ? connectNats(
      stream,
      { name: id, username, password, verbose: false, ...(sign === undefined ? {} : { sign }) },
      target.transport === "tls" && !args.flag("tls-first"),
    )
    : connectMqtt(stream, {
      version: args.text("mqtt-version") === "5" ? 5 : 4,
      clientId: id,
      username,
      password,
      keepAlive: 60,
      cleanStart: true,
      sessionExpiry: 0,
    });
  return await inTime(login, timeout_ms, () => {
    stream.close();
    return `${target.host}:${target.port} does not answer as ${target.protocol} within ` +
      `${timeout_ms / 1000} s. Is it the right port?`;
  });
}

/** The promise, or an error (exit code 69) when it takes longer. */
export async function inTime<T>(
  promise: Promise<T>,
  timeout_ms: number,
  text: () => string,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new OperationalError(text())), timeout_ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    // Closing the stream makes the loser fail as well; that is no news.
    promise.catch(() => {});
  }
}

async function tlsWishes(args: Arguments): Promise<TlsWishes> {
  return {
    ca: await textOf(args, "cafile"),
    cert: await textOf(args, "cert"),
    key: await textOf(args, "key"),
    insecure: args.flag("insecure"),
    first: args.flag("tls-first"),
  };
}

async function textOf(args: Arguments, option: string): Promise<string | undefined> {
  const path = args.text(option);
  if (path === undefined) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new UsageError(`--${option}: cannot read ${path}: ${(error as Error).message}`);
  }
}

/** How to answer the nonce of a NATS server; undefined without --creds and --nkey. */
async function signer(args: Arguments): Promise<NatsLogin["sign"] | undefined> {
  const creds = await textOf(args, "creds");
  const text = creds ?? await textOf(args, "nkey");
  if (text === undefined) return undefined;
  const jwt = creds === undefined ? undefined : /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/m.exec(creds)?.[0];
  const word = /^S[UAO][A-Z2-7]{56}$/m.exec(text)?.[0] ?? "";
  const seed = parseSeed(word);
  if (seed === undefined || (creds !== undefined && jwt === undefined)) {
    throw new UsageError(
      creds === undefined
        ? "--nkey: the file holds no seed (a line of 58 letters that begins with SU)"
        : "--creds: the file holds no JWT with its seed",
    );
  }
  return (nonce) => ({
    ...(jwt === undefined ? { nkey: publicNkeyOfSeed(seed.kind, seed.seed) } : { jwt }),
    sig: Buffer.from(signWithSeed(seed.seed, new TextEncoder().encode(nonce ?? "")))
      .toString("base64url"),
  });
}
