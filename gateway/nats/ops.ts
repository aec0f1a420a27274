/**
 * The operations of the NATS client protocol, as the decoder reports them.
 */

/** What the decoder found; the numbers matter to nobody. */
export const Op = {
  /** The chunk holds no further complete frame. */
  None: 0,
  Connect: 1,
  Ping: 2,
  Pong: 3,
  /** PUB and HPUB: `headerSize` tells them apart. */
  Pub: 4,
  Sub: 5,
  Unsub: 6,
  /** `+OK` and `INFO` from a client: understood and pointless. */
  Ignored: 7,
  /** A PUB or HPUB larger than `payload_bytes_max`; its body is thrown away unread. */
  Oversize: 8,
} as const;
export type Op = (typeof Op)[keyof typeof Op];
