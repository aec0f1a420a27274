/** `natsgate request`. */
import { EXIT } from "../errors.ts";
import { connectClient, inTime } from "./connect.ts";
import type { Arguments } from "./parse.ts";
import type { Io } from "./io.ts";
import { payloadsOf, publishOptions } from "./pub.ts";
import { printMessage } from "./sub.ts";

/** Publishes a request and prints the answer. Exit code 1 when nobody is there to give one. */
export async function run(args: Arguments, io: Io): Promise<number> {
  const [payload = new Uint8Array(0)] = await payloadsOf(args, io);
  const options = publishOptions(args);
  const client = await connectClient(args.operand(0), args);
  const name = args.operand(1);
  const timeout_s = args.integer("timeout");
  try {
    const answer = await inTime(
      client.request(name, payload, options),
      timeout_s * 1000,
      () => `Nobody answered on ${name} within ${timeout_s} s.`,
    );
    if (answer === undefined) {
      io.err(`natsgate: nobody is subscribed to ${name}\n`);
      return EXIT.failure;
    }
    printMessage(answer, args, io);
    return EXIT.ok;
  } finally {
    await client.close();
  }
}
