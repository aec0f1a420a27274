/**
 * How every part writes to the log: it is given a `Log` and knows nothing of where lines go.
 */

/** Facts that go with a line, by name; undefined ones are left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * Writes lines for one part of the gateway. A field named `client` is the client id that the
 * per-client filter looks at; fields with the name of a secret are written as `******`.
 */
export interface Log {
  /**
   * True when a debug line may be written. Ask it before building fields where many clients
   * pass by, such as on connect.
   */
  readonly debugs: boolean;
  debug(text: string, fields?: LogFields): void;
  info(text: string, fields?: LogFields): void;
  /** Something an operator should look at, which the gateway can live with. */
  warn(text: string, fields?: LogFields): void;
  /** Something that does not work; the text says what to do. */
  error(text: string, fields?: LogFields): void;
  /** A log for a part of this part, such as `nats` or `store`. */
  part(name: string): Log;
}

/** Writes nothing: for tests, and for parts that run without a gateway. */
export const silentLog: Log = {
  debugs: false,
  debug() {},
  info() {},
  warn() {},
  error() {},
  part: () => silentLog,
};
