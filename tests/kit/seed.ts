/**
 * One seed for each random test file: printed, so that a failure can be run again with
 * `NATSGATE_TEST_SEED=n deno task test`.
 */
export function randomSeed(name: string): number {
  const given = Deno.env.get("NATSGATE_TEST_SEED");
  const seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);
  // deno-lint-ignore no-console
  console.info(`${name}: NATSGATE_TEST_SEED=${seed}`);
  return seed;
}
