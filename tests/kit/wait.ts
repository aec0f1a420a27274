/** Waiting in tests: for an event where there is one, by asking again where there is none. */

/** How long anything in a test may take before it counts as failed; generous for slow machines. */
export const PATIENCE_MS = 20_000;

/** The promise, or an error that says what was waited for. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  patience_ms = PATIENCE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${patience_ms} ms for ${what}`)),
      patience_ms,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Asks again and again until the answer is neither undefined nor false, and gives it. */
export async function until<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  patience_ms = PATIENCE_MS,
): Promise<T> {
  const deadline = Date.now() + patience_ms;
  while (true) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${patience_ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
