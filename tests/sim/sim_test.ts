/**
 * Both protocols under everything that can happen, in one process and on one seed: streams cut
 * anywhere, connections that break, sessions that come and go, a gateway that is killed between
 * any two steps. `NATSGATE_TEST_LONG=1` plays more and longer ones.
 */
import { randomSeed } from "../kit/seed.ts";
import { Simulation } from "./sim.ts";

const LONG = Deno.env.get("NATSGATE_TEST_LONG") !== undefined;
const RUNS = LONG ? 50 : 8;
const STEPS = LONG ? 50_000 : 10_000;

const seed = randomSeed("tests/sim/sim_test.ts");

for (let run = 0; run < RUNS; run++) {
  Deno.test(`simulation ${run + 1} of ${RUNS}: nothing acknowledged is lost`, () => {
    const dir = Deno.makeTempDirSync({ prefix: "natsgate-test-" });
    try {
      new Simulation(seed + run, dir, run % 2 === 0).run(STEPS);
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}
