/** Imports of users that are under way: they can take minutes, so they go on by themselves. */
import type { ImportResult } from "../../gateway/control.ts";
import { toProblem } from "../api.ts";

/** How far an import is. */
export interface ImportJob {
  readonly id: string;
  readonly chain: string;
  /** Rows. */
  done: number;
  total: number;
  /** Once it is through. */
  result?: ImportResult;
  /** Once it has failed. */
  failure?: string;
}

/** Jobs that are remembered; the oldest are forgotten first. */
const JOBS_MAX = 20;

type Progress = (done: number, total: number) => void;

/** The imports of late. */
export class ImportJobs {
  readonly #jobs = new Map<string, ImportJob>();

  get(id: string): ImportJob | undefined {
    return this.#jobs.get(id);
  }

  /**
   * Starts an import, and comes back when it is under way.
   * @throws what `run` throws before its first word of progress: the file cannot be used
   */
  async start(
    chain: string,
    run: (progress: Progress) => Promise<ImportResult>,
  ): Promise<ImportJob> {
    const job: ImportJob = { id: crypto.randomUUID(), chain, done: 0, total: 0 };
    const underWay = Promise.withResolvers<void>();
    const result = run((done, total) => {
      job.done = done;
      job.total = total;
      underWay.resolve();
    });
    result.then((view) => {
      job.result = view;
      underWay.resolve();
    }, (error) => {
      job.failure = toProblem(error)?.message ?? "it failed; the log says why";
      underWay.reject(error);
    });
    await underWay.promise;
    this.#jobs.set(job.id, job);
    if (this.#jobs.size > JOBS_MAX) this.#jobs.delete(this.#jobs.keys().next().value!);
    return job;
  }
}
