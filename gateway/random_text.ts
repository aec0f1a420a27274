/** Random letters and digits. */

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/** The largest multiple of 62 in a byte: beyond it some letters would be likelier. */
const BYTE_MAX = 248;

/** So many of them, from a secure source; each carries just under 6 bits. */
export function randomText(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length))) {
      if (byte < BYTE_MAX && text.length < length) text += LETTERS[byte % LETTERS.length];
    }
  }
  return text;
}
