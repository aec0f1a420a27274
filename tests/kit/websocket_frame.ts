/**
 * WebSocket frames as a client makes them, rightly or wrongly.
 */

/** What to make different from a proper frame. */
export interface FrameChanges {
  readonly fin?: boolean;
  /** The three reserved bits, in place (0x40, 0x20, 0x10). */
  readonly reserved?: number;
  /** Undefined, said explicitly: unmasked. */
  readonly mask?: number | undefined;
}

/** One frame. */
export function clientFrame(
  opcode: number,
  payload: ArrayLike<number>,
  changes: FrameChanges = {},
): Uint8Array {
  const { fin = true, reserved = 0 } = changes;
  const mask = "mask" in changes ? changes.mask : 0x0f1e2d3c;
  const size = payload.length;
  const head = [(fin ? 0x80 : 0) | reserved | opcode];
  const maskBit = mask === undefined ? 0 : 0x80;
  if (size < 126) head.push(maskBit | size);
  else if (size < 65536) head.push(maskBit | 126, size >> 8, size & 255);
  else {
    head.push(maskBit | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 255, (size >> 8) & 255);
    head.push(size & 255);
  }
  if (mask === undefined) return Uint8Array.from([...head, ...Array.from(payload)]);
  const key = [mask >>> 24, (mask >> 16) & 255, (mask >> 8) & 255, mask & 255];
  const masked = Array.from(payload, (byte, at) => byte ^ key[at & 3]!);
  return Uint8Array.from([...head, ...key, ...masked]);
}
