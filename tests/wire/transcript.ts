/**
 * Conversations of clients with a server, as data. The same file runs against sessions without
 * sockets, against a started gateway, and (where it says `portable`) against a server of others,
 * which proves that it is the real protocol.
 *
 * ```
 * set gateway.nats.max_pending=1KB         a setting, for the whole file
 * == a name [portable]                     one case
 * # why
 * > ...                                    a client sends
 * < ...                                    the next thing it gets must be this
 * b> ...                                   the same on a second connection, named b
 * ~ 2000                                   this many milliseconds pass
 * ```
 *
 * What stands behind `>` and `<` is the protocol's: `nats_transcript.ts`, `mqtt_transcript.ts`. A
 * connection is made when it is first named, and anew when it is over and something is sent.
 */
import assert from "node:assert/strict";

/** One transcript file. */
export interface Transcript {
  readonly name: string;
  /** `path=value` settings. */
  readonly settings: readonly string[];
  readonly cases: readonly Case[];
}

/** One conversation. */
export interface Case {
  readonly name: string;
  /** The server of others says the same. */
  readonly portable: boolean;
  readonly steps: readonly Step[];
}

/** One line of a case. `>>` is for protocols that know it. */
export interface Step {
  /** Line of the file. */
  readonly at: number;
  readonly who: string;
  readonly kind: ">" | ">>" | "<" | "~";
  readonly text: string;
}

/** Where a transcript runs. `Peer` is the client's end of one connection. */
export interface World<Peer> {
  connect(): Peer | Promise<Peer>;
  /** Milliseconds pass. */
  pass(ms: number): void | Promise<void>;
}

/** One connection, as its protocol plays it. */
export interface Conversation {
  /** It was closed, or has broken. */
  readonly over: boolean;
  do(step: Step): Promise<void>;
  /** At the end of the case: nothing may be left that was not named. */
  finish(): Promise<void>;
}

/** Plays one case; throws, naming the line of the file, when an answer is not as written. */
export async function playCase<Peer>(
  transcript: Transcript,
  one: Case,
  world: World<Peer>,
  begin: (peer: Peer) => Conversation | Promise<Conversation>,
): Promise<void> {
  const conversations = new Map<string, Conversation>();
  let step = one.steps[0]!;
  try {
    for (step of one.steps) {
      if (step.kind === "~") {
        await world.pass(Number(step.text));
        continue;
      }
      let conversation = conversations.get(step.who);
      if (conversation === undefined || (conversation.over && step.kind === ">")) {
        conversation = await begin(await world.connect());
        conversations.set(step.who, conversation);
      }
      await conversation.do(step);
    }
    for (const conversation of conversations.values()) await conversation.finish();
  } catch (error) {
    const line = `${step.who}${step.kind} ${step.text}`;
    throw new Error(`${transcript.name}:${step.at}: ${line}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** The transcripts of this folder whose names end so. */
export function readTranscripts(extension: string): Transcript[] {
  return [...Deno.readDirSync(new URL(".", import.meta.url))]
    .map((entry) => entry.name)
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => parseTranscript(name, Deno.readTextFileSync(new URL(name, import.meta.url))));
}

function parseTranscript(name: string, text: string): Transcript {
  const settings: string[] = [];
  const cases: { name: string; portable: boolean; steps: Step[] }[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    const at = index + 1;
    if (line.trim() === "" || line.startsWith("#")) continue;
    if (line.startsWith("set ")) settings.push(line.slice(4).trim());
    else if (line.startsWith("== ")) {
      const title = line.slice(3).replace(/ \[portable\]$/, "");
      cases.push({ name: title, portable: title !== line.slice(3), steps: [] });
    } else {
      const match = /^([a-z]*)(>>|>|<|~)(?: (.*))?$/.exec(line);
      assert.ok(match !== null && cases.length > 0, `${name}:${at}: cannot read "${line}"`);
      const kind = match[2] as Step["kind"];
      cases.at(-1)!.steps.push({ at, who: match[1]!, kind, text: match[3] ?? "" });
    }
  }
  return { name, settings, cases };
}
