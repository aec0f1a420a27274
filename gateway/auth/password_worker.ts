/**
 * The slow half of password hashing: bcrypt in a worker. `hasher.ts` starts it and feeds it one
 * job at a time.
 */
import bcrypt from "bcryptjs";

/** What `hasher.ts` sends. */
export type WorkerJob =
  | { readonly kind: "verify"; readonly password: string; readonly hash: string }
  | { readonly kind: "hash"; readonly password: string; readonly rounds: number };

/** The answer to the last job. */
export type WorkerAnswer =
  | { readonly kind: "verified"; readonly ok: boolean }
  | { readonly kind: "hashed"; readonly hash: string }
  | { readonly kind: "failed"; readonly message: string };

// The part of the worker's global scope that is used; the type library knows only the page's.
interface WorkerScope {
  onmessage: (event: MessageEvent<WorkerJob>) => void;
  postMessage(answer: WorkerAnswer): void;
}

const scope = globalThis as unknown as WorkerScope;

scope.onmessage = (event) => scope.postMessage(answer(event.data));

function answer(job: WorkerJob): WorkerAnswer {
  try {
    return job.kind === "verify"
      ? { kind: "verified", ok: bcrypt.compareSync(job.password, job.hash) }
      : { kind: "hashed", hash: bcrypt.hashSync(job.password, job.rounds) };
  } catch (error) {
    return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  }
}
