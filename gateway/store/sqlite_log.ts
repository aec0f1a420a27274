/**
 * The write-ahead log, looked at before SQLite does: it takes what comes before a damaged place,
 * and throws the rest away without a word.
 *
 * Format (big endian): a header of 32 bytes (magic, version, page size, sequence, two salts, two
 * checksums), then frames: a header of 24 bytes (page number, size of the database after a commit
 * or 0, two salts, two checksums) and a page. A frame of an earlier round has other salts.
 */
import { PAGE_BYTES } from "./sqlite_file.ts";

/**
 * Commits behind a damaged place of the log at `path`, which SQLite will not find; 0 for none. The
 * commit that was being written when the process died is not one of them: nobody was told of it.
 */
export function lostCommits(path: string): number {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
  try {
    return countLost(file);
  } finally {
    file.close();
  }
}

function countLost(file: Deno.FsFile): number {
  const header = new Uint8Array(HEADER_BYTES);
  if (!fill(file, header)) return 0;
  const view = new DataView(header.buffer);
  const magic = view.getUint32(0);
  const sums = new Sums(magic === MAGIC);
  sums.add(view, 0, SUMMED_HEADER_BYTES);
  let intact = (magic === MAGIC || magic === MAGIC_BIG) && sums.equal(view, SUMMED_HEADER_BYTES);
  const page_bytes = intact ? view.getUint32(8) : PAGE_BYTES;
  const frame = new Uint8Array(FRAME_HEADER_BYTES + page_bytes);
  const frameView = new DataView(frame.buffer);
  let salts = intact ? view.getBigUint64(16) : undefined;
  let lost = 0;
  while (fill(file, frame)) {
    salts ??= frameView.getBigUint64(8);
    const isCurrent = salts !== 0n && frameView.getBigUint64(8) === salts;
    if (!intact && isCurrent && frameView.getUint32(4) !== 0) lost++;
    if (!intact) continue;
    sums.add(frameView, 0, SUMMED_FRAME_BYTES);
    sums.add(frameView, FRAME_HEADER_BYTES, page_bytes);
    intact = isCurrent && sums.equal(frameView, 16);
  }
  return lost;
}

/** The two running checksums of a log. */
class Sums {
  #first = 0;
  #second = 0;

  /** @param little whether words are summed with their low byte first */
  constructor(readonly little: boolean) {}

  add(view: DataView, at: number, bytes: number): void {
    for (const end = at + bytes; at < end; at += 8) {
      this.#first = (this.#first + view.getUint32(at, this.little) + this.#second) >>> 0;
      this.#second = (this.#second + view.getUint32(at + 4, this.little) + this.#first) >>> 0;
    }
  }

  equal(view: DataView, at: number): boolean {
    return view.getUint32(at) === this.#first && view.getUint32(at + 4) === this.#second;
  }
}

/** Fills the buffer from the file; false when the file ends before that. */
function fill(file: Deno.FsFile, buffer: Uint8Array): boolean {
  for (let at = 0; at < buffer.length;) {
    const count = file.readSync(buffer.subarray(at));
    if (count === null) return false;
    at += count;
  }
  return true;
}

const HEADER_BYTES = 32;
const SUMMED_HEADER_BYTES = 24;
const FRAME_HEADER_BYTES = 24;
const SUMMED_FRAME_BYTES = 8;
/** First word of a log whose checksums are of words with their low byte first. */
const MAGIC = 0x377f0682;
const MAGIC_BIG = 0x377f0683;
