/** `natsgate translate`. */
import { filterProblem, topicProblem } from "../core/topic.ts";
import { EXIT } from "../errors.ts";
import { createMapping, isValidSubject, type MappingKind } from "../nats/subject.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";

/** Prints both spellings of a name. Exit code 1 when the other side cannot spell it. */
export function run(args: Arguments, io: Io): number {
  const name = args.operand(0);
  const from = args.text("from") ?? (guessIsTopic(name) ? "mqtt" : "nats");
  const kind = (args.text("mapping") ?? "lossless") as MappingKind;
  const mapping = createMapping(kind);
  const answer = from === "mqtt"
    ? { nats: mapping.filterToSubject(name), mqtt: name, problem: mqttProblem(name) }
    : { nats: name, mqtt: mapping.toFilter(name)?.filter, problem: natsProblem(name) };
  const problem = answer.problem ??
    (answer.nats === undefined || answer.mqtt === undefined
      ? `the mapping "${kind}" has no spelling for it on the other side`
      : undefined);
  const facts = { nats: answer.nats ?? null, mqtt: answer.mqtt ?? null };
  if (args.flag("json")) io.out(`${JSON.stringify({ ...facts, problem: problem ?? null })}\n`);
  else if (problem === undefined) io.out(`nats  ${facts.nats}\nmqtt  ${facts.mqtt}\n`);
  else io.err(`natsgate: "${name}" as a name of ${from}: ${problem}\n`);
  return problem === undefined ? EXIT.ok : EXIT.failure;
}

/** A slash or an MQTT wildcard makes it a topic; a name that is neither reads as a subject. */
function guessIsTopic(name: string): boolean {
  return name.includes("/") || /^[+#]$/.test(name) || !isValidSubject(name);
}

function mqttProblem(name: string): string | undefined {
  const isFilter = /(^|\/)[+#]/.test(name);
  return isFilter ? filterProblem(name) : topicProblem(name);
}

function natsProblem(name: string): string | undefined {
  return isValidSubject(name) ? undefined : "not a subject: empty token, blank or misplaced >";
}
