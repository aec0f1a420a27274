/**
 * Copying and comparing short runs of bytes, eight at a time.
 *
 * `target.set(source.subarray(a, b))` makes a view for each call, which costs more than the copy
 * itself up to a few hundred bytes. These work on views that were made once for a whole buffer.
 */

/** Up to this many bytes `copyShort` is faster than `set` with a new view. */
export const SHORT_COPY_BYTES_MAX = 320;

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
