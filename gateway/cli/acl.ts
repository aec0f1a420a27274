/** `natsgate acl test`. */
import { createAccess } from "../auth/access.ts";
import type { Authorizer, ClientView, Decision } from "../auth/types.ts";
import { realClock } from "../clock.ts";
import type { Config } from "../config/types.ts";
import { toFilter, toTopic } from "../core/topic.ts";
import { EXIT } from "../errors.ts";
import { createMapping } from "../nats/subject.ts";
import { silentLog } from "../observe/log.ts";
import { Metrics } from "../observe/metrics.ts";
import { MemoryDocuments } from "../store/memory_documents.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { printIssues, readSettings } from "./settings.ts";
import { UsageError } from "./usage.ts";

/** Says whether a client may, and which rule decided. Exit code 1 when it may not. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const read = readSettings(args);
  const { config } = read;
  if (config === undefined) {
    printIssues(read, io);
    return EXIT.config;
  }
  const decision = await decide(config, args, io);
  if (args.flag("json")) {
    io.out(`${JSON.stringify({ ...decision, sieve: undefined })}\n`);
  } else {
    io.out(`${decision.allowed ? "allowed" : "denied"}: ${decision.rule} (${decision.source})\n`);
  }
  return decision.allowed ? EXIT.ok : EXIT.failure;
}

async function decide(config: Config, args: Arguments, io: Io): Promise<Decision> {
  if (config.authorization.sources.some((one) => one.type === "built_in_database" && one.enable)) {
    io.err("natsgate: the rules of the built-in database are in the running gateway; not asked\n");
  }
  const access = await createAccess(config, {
    clock: realClock(),
    log: silentLog,
    metrics: new Metrics(),
    store: { documents: new MemoryDocuments(), commit: () => true },
    subjects: createMapping,
  });
  try {
    const client = clientView(args);
    return await ask(access.authorizerFor(client), client.protocol, config, args);
  } finally {
    await access.close();
  }
}

async function ask(
  authorizer: Authorizer,
  protocol: "nats" | "mqtt",
  config: Config,
  args: Arguments,
): Promise<Decision> {
  const name = args.operand(1);
  const isNats = protocol === "nats";
  const { topic_mapping, dollar_topics } = config.gateway.nats;
  const mapping = createMapping(topic_mapping);
  const qos = Number(args.text("qos")) as 0 | 1 | 2;
  if (args.operand(0) === "publish") {
    const topic = toTopic(isNats ? mapping.toTopic(name) ?? "" : name);
    if (topic === undefined) throw new UsageError(`"${name}" is no name to publish to.`);
    return await authorizer.publish(topic, qos, args.flag("retain"));
  }
  const spelled = isNats ? mapping.toFilter(name) : { filter: name, oneOrMore: false };
  const filter = toFilter(spelled?.filter ?? "");
  if (filter === undefined) throw new UsageError(`"${name}" is no filter to subscribe to.`);
  return await authorizer.subscribe({
    filter,
    oneOrMore: spelled?.oneOrMore ?? false,
    matchesDollar: isNats && dollar_topics === "nats",
    group: args.text("group"),
    qos,
  });
}

/** A client as it would be after its login. */
function clientView(args: Arguments): ClientView {
  const protocol = args.text("protocol") as "nats" | "mqtt";
  return {
    protocol,
    clientId: args.text("id") ?? "",
    peer: {
      id: 1,
      listener: `${protocol}:tcp:default`,
      transport: "tcp",
      address: args.text("address") ?? "127.0.0.1",
      port: 0,
      localAddress: "127.0.0.1",
      localPort: 0,
    },
    principal: { username: args.text("user"), method: "acl test", superuser: false },
  };
}
