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

/** Exit codes of the program, as in sysexits(3) where that has one. */
export const EXIT = {
  ok: 0,
  /** The command did its work and the answer is bad news. */
  failure: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** A port, the store or the server that was asked for cannot be had. */
  unavailable: 69,
  /** A bug in natsgate. */
  internal: 70,
  /** Something could not be kept: the disk is full, or may not be written. */
  notKept: 74,
  /** The configuration is invalid. */
  config: 78,
} as const;

/** The world is not as needed (port taken, disk full). The message says what to do next. */
export class OperationalError extends Error {
  override readonly name = "OperationalError";
  constructor(
    message: string,
    /** Exit code when this stops the process. */
    readonly exitCode: number = EXIT.unavailable,
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
