/**
 * The kinds of failure that have a type of their own. See `ARCHITECTURE.md`, "Errors".
 */

/** The peer broke the protocol. Carries what each wire needs, so that one throw serves both. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  constructor(
    /** For the log: what was wrong, in words. */
    message: string,
    /** MQTT 5 reason code, 0x80 and up. */
    readonly reasonCode: number,
    /** Text of the NATS `-ERR`, without quotes. Empty: close without a word, as nats-server does. */
    readonly natsText: string,
    /** False when the connection may go on after the answer. */
    readonly fatal: boolean = true,
  ) {
    super(message);
  }
}

/** Exit code and mark of what could not be kept: the disk is full, or may not be written. */
export const WRITE_FAILED = 74;

/** The world is not as needed (port taken, disk full). The message says what to do next. */
export class OperationalError extends Error {
  override readonly name = "OperationalError";
  constructor(
    message: string,
    /** Exit code when this stops the process (69 unavailable, 70 internal, 74 not kept). */
    readonly exitCode: number = 69,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The operator's mistake, and where it is. Collected, never thrown one at a time. */
export interface ConfigIssue {
  readonly severity: "error" | "warning";
  /** Dotted path of the setting, such as `gateway.nats.listeners.tcp.default.bind`. */
  readonly path: string;
  /** 1-based position in the file; absent when the value came from elsewhere. */
  readonly line?: number;
  readonly column?: number;
  /** Where the value came from when not from the file, such as `environment NATSGATE_X`. */
  readonly source?: string;
  readonly message: string;
  /** What to write instead, such as the closest known name. */
  readonly hint?: string;
}

/** A configuration that cannot be used: everything that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly issues: readonly ConfigIssue[]) {
    super(issues.map(({ path, message }) => `${path}: ${message}`).join("; "));
  }
}

/** Stops on a bug: the condition holds unless this program is wrong. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Bug in natsgate: ${message}`);
}
