/** `natsgate run`: the gateway itself. */
import { startAdmin } from "../../admin/server.ts";
import { realClock } from "../clock.ts";
import type { LogConfig } from "../config/types.ts";
import { EXIT } from "../errors.ts";
import { type Gateway, startGateway } from "../gateway.ts";
import { type ProcessHooks, processHooks, supervise } from "../lifecycle.ts";
import { type LogOptions, openLog } from "../observe/log_output.ts";
import { VERSION } from "../version.ts";
import type { Io } from "./io.ts";
import type { Arguments } from "./parse.ts";
import { printIssues, readSettings, settingsSource } from "./settings.ts";
import { watchFile } from "./watch.ts";

/** Starts the gateway and runs it until it is told to stop. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const read = readSettings(args);
  const { config } = read;
  if (config === undefined) {
    printIssues(read, io);
    return EXIT.config;
  }
  const write = config.log.console.enable ? (line: string) => io.err(line) : () => {};
  const output = openLog(logOptions(config.log, args), write, realClock());
  const { log } = output;
  log.info(`natsgate ${VERSION} starts`, {
    config: read.path ?? "built-in defaults",
    data_dir: config.node.data_dir,
  });
  for (const { path, message } of read.issues) log.warn(message, { setting: path });
  const gateway = await startGateway(config, {
    log,
    settings: settingsSource(args, read),
    logs: () => output.recent(),
  });
  const admin = await startAdmin(gateway.control).catch(async (error) => {
    await gateway.stop(0);
    throw error;
  });
  if (read.path === undefined) io.err(firstSteps(gateway));
  const watched = args.flag("watch") ? read.path : undefined;
  const hooks = watched === undefined ? processHooks() : watchedHooks(watched);
  const code = await supervise(gateway, log, config.node.shutdown_timeout, hooks);
  await admin.stop();
  output.close();
  return code;
}

/** The process's own hooks, except that a change of the file is as good as SIGHUP. */
function watchedHooks(path: string): ProcessHooks {
  const hooks = processHooks();
  return {
    ...hooks,
    onSignal(signal, run) {
      const undo = hooks.onSignal(signal, run);
      // No signal to ourselves: the binary may not send any.
      const watcher = signal === "SIGHUP" ? watchFile(path, run) : undefined;
      return () => {
        watcher?.close();
        undo();
      };
    },
  };
}

function logOptions(log: LogConfig, args: Arguments): LogOptions {
  const { level, formatter } = log.console;
  return {
    level: (args.text("log-level") ?? level) as LogOptions["level"],
    format: formatter,
    debugClients: args.list("debug-client"),
  };
}

/** What a newcomer can copy and try, for a start without any configuration. */
function firstSteps(gateway: Gateway): string {
  const nats = gateway.listeners.get("nats:tcp:default")?.address;
  const mqtt = gateway.listeners.get("mqtt:tcp:default")?.address;
  if (nats === undefined || mqtt === undefined) return "";
  return `
No configuration file: the built-in defaults hold. In other terminals, try:

  natsgate sub mqtt://${mqtt} 'hello/#'
  natsgate pub nats://${nats} hello.world 'It works'
  natsgate help configuration

`;
}
