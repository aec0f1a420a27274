/**
 * A worker that opens the database it is told of, locks it against writing, says so, and lets go of
 * it a moment later.
 */
import { DatabaseSync } from "node:sqlite";

const HELD_MS = 10;
const worker = self as unknown as {
  onmessage: (event: MessageEvent<string>) => void;
  postMessage(message: string): void;
};

worker.onmessage = ({ data: path }) => {
  const db = new DatabaseSync(path);
  db.exec("BEGIN IMMEDIATE");
  worker.postMessage("locked");
  setTimeout(() => {
    db.exec("COMMIT");
    db.close();
  }, HELD_MS);
};
