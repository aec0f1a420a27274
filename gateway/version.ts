/**
 * What this build is. The compile task bundles this file with the real commit and date.
 */

/** Release number, the same as in `deno.json` (a test proves it). */
export const VERSION = "0.1.0";

/** Git commit of a compiled binary; empty when run from source. */
export const COMMIT = "";

/** Day of the build, `YYYY-MM-DD`; empty when run from source. */
export const BUILT = "";
