/**
 * Backup and restore of the store's file.
 */
import type { BackupControl } from "../control.ts";
import { OperationalError } from "../errors.ts";
import { backupDatabase, stageRestore } from "../store/sqlite_backup.ts";

/** @param path file of the store; undefined when there is none */
export function backupOf(path: string | undefined): BackupControl {
  return {
    available: path !== undefined,
    save: (target) => backupDatabase(need(path), target),
    restore: async (source) => ({ ...await stageRestore(source, need(path)) }),
  };
}

function need(path: string | undefined): string {
  if (path !== undefined) return path;
  throw new OperationalError('store.type is "memory": there is nothing to back up or restore');
}
