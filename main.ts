import { main } from "./gateway/cli/command.ts";

Deno.exit(await main(Deno.args));
