/** Notices when a file is changed or replaced. */
import { basename, dirname, resolve } from "node:path";

/** Editors write a file in several steps; this long after the last one it is taken as done. */
const SETTLE_MS = 200;

/**
 * Calls `changed` after each change. The directory is watched, not the file: many editors and
 * Kubernetes replace the file, and the old one never changes again.
 */
export function watchFile(path: string, changed: () => void): { close(): void } {
  const file = resolve(path);
  const watcher = Deno.watchFs(dirname(file), { recursive: false });
  let timer: ReturnType<typeof setTimeout> | undefined;
  (async () => {
    for await (const { kind, paths } of watcher) {
      const isIt = paths.some((each) =>
        basename(each) === basename(file) || /\.\.data$/.test(each)
      );
      if (!isIt || kind === "access") continue;
      clearTimeout(timer);
      timer = setTimeout(changed, SETTLE_MS);
    }
  })();
  return {
    close() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
