/** The commands that ask or tell a running gateway, except `tail`. */
import { AdminApi, API } from "./admin_api.ts";
import type { Arguments } from "./parse.ts";
import { type Io, printable } from "./io.ts";
import { EXIT, OperationalError } from "../errors.ts";

/** Runs a command with the API and lets go of it afterwards. */
async function withApi(args: Arguments, use: (api: AdminApi) => Promise<number>): Promise<number> {
  const api = AdminApi.open(args);
  try {
    return await use(api);
  } finally {
    api.close();
  }
}

/** `natsgate health`: 0 when the gateway is ready, 1 when it is not, 69 when nobody answers. */
export function health(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const response = await api.openCall(API.ready);
    const answer = (await response.text()).trim();
    const text = answer === "" ? (response.ok ? "ready" : "not ready") : answer;
    io.out(args.flag("json") ? jsonLine({ ready: response.ok, message: text }) : `${text}\n`);
    return response.ok ? EXIT.ok : EXIT.failure;
  });
}

/** `natsgate status`. */
export function status(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const [nodes, gateways, stats] = await Promise.all([
      api.get(API.nodes),
      api.get(API.gateways),
      api.get(API.stats, { aggregate: "true" }),
    ]) as [Record<string, unknown>[], Record<string, unknown>[], Record<string, number>];
    if (args.flag("json")) {
      io.out(jsonLine({ nodes, gateways, stats }));
      return EXIT.ok;
    }
    for (const node of nodes) {
      io.out(`${node.node}  ${node.version ?? ""}  up ${duration(Number(node.uptime ?? 0))}\n`);
    }
    for (const gateway of gateways) {
      io.out(
        `gateway ${gateway.name}  ${gateway.status}  ${
          gateway.current_connections ?? 0
        } connections\n`,
      );
      for (const listener of (gateway.listeners ?? []) as Record<string, unknown>[]) {
        io.out(`  ${listener.id}  ${listener.running ? "running" : "stopped"}\n`);
      }
    }
    for (const name of ["live_connections", "sessions", "subscriptions", "topics", "retained"]) {
      const value = stats[`${name}.count`];
      if (value !== undefined) io.out(`${name.replace("_", " ")}  ${value}\n`);
    }
    return EXIT.ok;
  });
}

/** A client as the API shows it, as far as the list needs it. */
interface ClientRow {
  readonly clientid: string;
  readonly username?: string | null;
  readonly proto_name?: string;
  readonly proto_ver?: string | number;
  readonly ip_address?: string;
  readonly port?: number;
  readonly connected?: boolean;
  readonly subscriptions_cnt?: number;
}

/** `natsgate clients`. */
export function clients(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const query = {
      limit: args.text("limit") ?? "100",
      ...(args.text("like") === undefined ? {} : { like_clientid: args.text("like")! }),
    };
    const protocol = args.text("protocol") as "nats" | "mqtt" | undefined;
    const wanted = protocol === undefined ? ["nats", "mqtt"] as const : [protocol];
    const rows: ClientRow[] = [];
    let more = false;
    for (const each of wanted) {
      const page = await api.get(API.clients[each], query) as {
        data: ClientRow[];
        meta: { hasnext?: boolean };
      };
      rows.push(...page.data);
      more ||= page.meta.hasnext === true;
    }
    if (args.flag("json")) io.out(jsonLine(rows));
    else io.out(clientTable(rows));
    if (more) io.err("There are more: raise --limit or narrow with --like.\n");
    return EXIT.ok;
  });
}

function clientTable(rows: readonly ClientRow[]): string {
  const lines = rows.map((row) =>
    [
      row.clientid,
      row.username ?? "-",
      `${row.proto_name ?? "?"} ${row.proto_ver ?? ""}`.trim(),
      row.connected === false ? "away" : `${row.ip_address ?? "?"}:${row.port ?? "?"}`,
      String(row.subscriptions_cnt ?? 0),
    ].map(printable)
  );
  const table = [["CLIENT", "USER", "PROTOCOL", "ADDRESS", "SUBSCRIPTIONS"], ...lines];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((line) => line[i]!.length)));
  return table.map((line) =>
    line.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd() + "\n"
  ).join("");
}

/** `natsgate kick`. */
export function kick(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const id = encodeURIComponent(args.operand(0));
    const kicked: string[] = [];
    let last: unknown;
    for (const protocol of ["nats", "mqtt"] as const) {
      try {
        await api.call("DELETE", `${API.clients[protocol]}/${id}`);
        kicked.push(protocol);
      } catch (error) {
        last = error;
      }
    }
    // One id may be in use by a client of each protocol; it is enough to have met one.
    if (kicked.length === 0) throw last;
    io.out(
      args.flag("json")
        ? jsonLine({ clientid: args.operand(0), kicked })
        : `kicked ${args.operand(0)} (${kicked.join(", ")})\n`,
    );
    return EXIT.ok;
  });
}

/** `natsgate reload`. */
export function reload(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const answer = await (await api.call("POST", API.reload)).text();
    if (args.flag("json")) io.out(`${answer || "{}"}\n`);
    else io.out("reloaded\n");
    return EXIT.ok;
  });
}

/** `natsgate backup`. */
export function backup(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const path = args.operand(0);
    const response = await api.call("GET", API.backup, {
      accept: "*/*",
      signal: io.interrupted,
    });
    let file: Deno.FsFile;
    try {
      // It holds password hashes and messages; and it must not replace an older backup.
      file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      throw new OperationalError(
        `Cannot write ${path}: ${(error as Error).message}. Name another file.`,
        EXIT.failure,
        { cause: error },
      );
    }
    await response.body?.pipeTo(file.writable);
    const bytes = Deno.statSync(path).size;
    io.out(args.flag("json") ? jsonLine({ path, bytes }) : `${path}\n`);
    return EXIT.ok;
  });
}

/** `natsgate restore`. */
export function restore(args: Arguments, io: Io): Promise<number> {
  return withApi(args, async (api) => {
    const path = args.operand(0);
    let file: Deno.FsFile;
    try {
      file = await Deno.open(path);
    } catch (error) {
      throw new OperationalError(`Cannot read ${path}: ${(error as Error).message}`, EXIT.failure, {
        cause: error,
      });
    }
    const options = { body: file.readable, signal: io.interrupted };
    const answer = await (await api.call("POST", API.restore, options)).text();
    if (args.flag("json")) io.out(`${answer || "{}"}\n`);
    else io.out(`restored ${path}\n`);
    return EXIT.ok;
  });
}

function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  return first < 0 ? "0s" : parts.slice(first, first + 2).map((part) => part.join("")).join(" ");
}
