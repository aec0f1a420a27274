/**
 * Checksums of what is stored: SQLite notices a page that cannot be one, but not a changed byte in
 * a message.
 */

/** CRC-32 of `bytes[start..end)`, as gzip and PNG have it. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  // Four bytes a step: each has a table that carries it over those behind it.
  for (const last = end - 3; at < last; at += 4) {
    crc ^= bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
    crc = TABLES[768 + (crc & 0xff)]! ^ TABLES[512 + (crc >>> 8 & 0xff)]! ^
      TABLES[256 + (crc >>> 16 & 0xff)]! ^ TABLES[crc >>> 24]!;
  }
  for (; at < end; at++) crc = crc >>> 8 ^ TABLES[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}

const POLYNOMIAL = 0xedb88320;
/** What a byte does to the checksum that is 0, 1, 2 or 3 bytes behind it. */
const TABLES = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : crc >>> 1 ^ POLYNOMIAL;
    tables[byte] = crc;
  }
  for (let i = 256; i < 1024; i++) {
    const before = tables[i - 256]!;
    tables[i] = before >>> 8 ^ tables[before & 0xff]!;
  }
  return tables;
}
