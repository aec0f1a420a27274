/**
 * Reading DER (ITU-T X.690), as far as certificates and revocation lists need it.
 */

/** One element: `bytes[start..end)`, of which `bytes[from..end)` is its content. */
export interface DerElement {
  readonly tag: number;
  readonly start: number;
  readonly from: number;
  readonly end: number;
}

/** Lengths are written in at most so many bytes here: more would be over 4 GB. */
const LENGTH_BYTES_MAX = 4;

/**
 * The element that begins at `at`.
 * @param end Where what it lies in ends.
 * @throws Error when it does not end before that
 */
export function derElement(bytes: Uint8Array, at: number, end = bytes.length): DerElement {
  const [tag, first] = [bytes[at], bytes[at + 1]];
  if (at + 2 > end || tag === undefined || first === undefined) throw new Error("DER ends early");
  const extra = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || extra > LENGTH_BYTES_MAX) throw new Error("DER with a length that is none");
  let length = extra === 0 ? first : 0;
  for (let index = 0; index < extra; index++) length = length * 256 + (bytes[at + 2 + index] ?? 0);
  const from = at + 2 + extra;
  if (from + length > end) throw new Error("DER ends early");
  return { tag, start: at, from, end: from + length };
}

/** The elements inside a sequence or set, in order. */
export function derChildren(bytes: Uint8Array, outer: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = outer.from; at < outer.end; at = children.at(-1)!.end) {
    children.push(derElement(bytes, at, outer.end));
  }
  return children;
}

/** The dotted form of an object identifier's content. */
export function objectIdText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - 40 * root, ...rest].join(".");
}

/** The encoded subject of a certificate, as it is: issuer and subject match byte by byte. */
export function subjectOf(certificate: Uint8Array): Uint8Array {
  const [body] = derChildren(certificate, derElement(certificate, 0));
  const fields = derChildren(certificate, body!);
  // [0] version, which old certificates lack; then serial number, algorithm, issuer, validity.
  const subject = fields[fields[0]!.tag === 0xa0 ? 5 : 4]!;
  return certificate.subarray(subject.start, subject.end);
}
