/**
 * Copying and comparing short runs of bytes, eight at a time.
 *
 * `target.set(source.subarray(a, b))` makes a view for each call, which costs more than the copy
 * itself up to a few hundred bytes. These work on views that were made once for a whole buffer.
 */

/** Up to this many bytes `copyShort` is faster than `set` with a new view. */
export const SHORT_COPY_BYTES_MAX = 320;

/** Bytes in a larger buffer that are to be written somewhere; a `Message` and its payload. */
export interface ByteRun {
  readonly start: number;
  readonly end: number;
  /** The bytes from start to end. Made when first asked for, then shared by all receivers. */
  readonly payload: Uint8Array;
  /** The whole buffer, if there is a view of it. */
  readonly view?: DataView | undefined;
  /** True when there is one receiver only: then `payload` is not worth making for a short run. */
  readonly single?: boolean;
}

/** Writes the run at `target[at..]`; `view` is a view of all of `target`. */
export function copyRun(target: Uint8Array, view: DataView, at: number, run: ByteRun): void {
  const size = run.end - run.start;
  if (run.single && run.view !== undefined && size <= SHORT_COPY_BYTES_MAX) {
    copyShort(view, at, run.view, run.start, size);
  } else target.set(run.payload, at);
}

/** Copies `length` bytes; the buffers must not be the same. */
export function copyShort(
  target: DataView,
  at: number,
  source: DataView,
  from: number,
  length: number,
): void {
  const last = length - 8;
  if (last < 0) {
    for (let i = 0; i < length; i++) target.setUint8(at + i, source.getUint8(from + i));
    return;
  }
  for (let i = 0; i < last; i += 8) {
    target.setBigInt64(at + i, source.getBigInt64(from + i, true), true);
  }
  // The last eight may overlap what is already there.
  target.setBigInt64(at + last, source.getBigInt64(from + last, true), true);
}

/** True when `length` bytes, four or more, are the same in both. */
export function equalShort(
  a: DataView,
  aFrom: number,
  b: DataView,
  bFrom: number,
  length: number,
): boolean {
  const last = length - 4;
  // From the end: lines of one family differ there.
  for (let i = last; i > 0; i -= 4) {
    if (a.getInt32(aFrom + i, true) !== b.getInt32(bFrom + i, true)) return false;
  }
  return a.getInt32(aFrom, true) === b.getInt32(bFrom, true);
}

/** A view of all of `bytes`. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
