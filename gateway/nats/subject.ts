/**
 * NATS subjects: their grammar, and how they and MQTT topics spell each other.
 *
 * Both spellings of a level stand for one plain text:
 *
 * | plain text | MQTT level | NATS token |
 * |---|---|---|
 * | `/` `+` `#` | `%2F` `%2B` `%23` | as it is |
 * | `.`, blank, ASCII control character | as it is | `%2E`, `%20`, `%01`... |
 * | nothing at all | nothing | `%` |
 * | exactly `*` or `>` | as it is | `%2A` or `%3E` |
 * | `%` before what would be read as an escape | `%25` | `%25` |
 *
 * "What would be read as an escape" includes any run of `25` in front of it, so that each trip
 * adds or removes one `25`. Each side escapes only what it cannot spell itself.
 */

/** A way to spell MQTT names as NATS subjects and back. Without mountpoint on either side. */
export interface SubjectMapping {
  /**
   * The topic that a publish to `subject` means. Wildcard tokens count as text, as nats-server
   * has it for publishers that are not pedantic. Undefined when it is not a valid subject, or the
   * mapping has no spelling for it.
   *
   * The result is a topic only after `core/topic.ts` accepted it with its mountpoint: the subject
   * `%` is one empty level, which needs a mountpoint to stand in, and long names may grow too long.
   */
  toTopic(subject: string): string | undefined;
  /** The subject of a valid topic; undefined when the mapping has no spelling for it. */
  toSubject(topic: string): string | undefined;
  /**
   * The filter of a subscription: `*` is `+`, a final `>` is `#`. `oneOrMore` is true when that
   * `#` must match at least one level, as `>` does. Undefined and validity as for `toTopic`.
   */
  toFilter(subject: string): { readonly filter: string; readonly oneOrMore: boolean } | undefined;
  /**
   * The subject for a valid filter; `#` is `>`, though a filter that came from MQTT also matches
   * its parent. Undefined when the mapping has no spelling for it.
   */
  filterToSubject(filter: string): string | undefined;
}

/** `lossless`: one subject for each topic and back. `plain`: only `.` and `/` change places. */
export type MappingKind = "lossless" | "plain";

/** Makes the mapping that `gateway.nats.topic_mapping` names. */
export function createMapping(kind: MappingKind): SubjectMapping {
  return kind === "lossless" ? LOSSLESS : PLAIN;
}

/**
 * True for what nats-server takes in a SUB: tokens that are not empty, no blank or ASCII control
 * character, `>` only as the last token. `*` and `>` inside longer tokens are ordinary letters.
 */
export function isValidSubject(subject: string): boolean {
  let tokenStart = 0;
  for (let i = 0; i < subject.length; i++) {
    const c = subject.charCodeAt(i);
    if (c === DOT) {
      if (i === tokenStart) return false;
      tokenStart = i + 1;
    } else if (c <= BLANK || c === DELETE) {
      return false;
    } else if (c === GREATER && i === tokenStart && subject.charCodeAt(i + 1) === DOT) {
      return false;
    }
  }
  return tokenStart < subject.length;
}

/** True when nothing stands before, behind or between dots. */
export function hasEmptyToken(subject: string): boolean {
  return subject.startsWith(".") || subject.endsWith(".") || subject.includes("..");
}

/** True when a whole token is `*` or `>`. */
export function hasWildcardToken(subject: string): boolean {
  let tokenStart = 0;
  for (let i = 0; i < subject.length; i++) {
    const c = subject.charCodeAt(i);
    if (c === DOT) tokenStart = i + 1;
    else if ((c === STAR || c === GREATER) && i === tokenStart) {
      if (i + 1 === subject.length || subject.charCodeAt(i + 1) === DOT) return true;
    }
  }
  return false;
}

/** True for a valid subject that names one address: no wildcard tokens. */
export function isValidLiteralSubject(subject: string): boolean {
  return isValidSubject(subject) && !hasWildcardToken(subject);
}

/** The subject in `bytes[start..end)`; undefined when it is not UTF-8 or holds NUL. */
export function decodeSubject(bytes: Uint8Array, start: number, end: number): string | undefined {
  let ascii = end - start <= ASCII_BYTES_MAX;
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte === 0) return undefined;
    if (byte >= 0x80) ascii = false;
  }
  const view = bytes.subarray(start, end);
  // One call with a short argument list is several times faster than a decoder.
  if (ascii) return String.fromCharCode.apply(null, view as unknown as number[]);
  try {
    return UTF8.decode(view);
  } catch {
    return undefined;
  }
}

const BLANK = 0x20;
const STAR = 0x2a;
const DOT = 0x2e;
const GREATER = 0x3e;
const DELETE = 0x7f;
const ASCII_BYTES_MAX = 256;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const LOSSLESS: SubjectMapping = {
  toTopic(subject) {
    if (!isValidSubject(subject)) return undefined;
    if (!SUBJECT_NEEDS_WORK.test(subject)) return subject.replaceAll(".", "/");
    return subject.split(".").map(tokenToLevel).join("/");
  },
  toSubject(topic) {
    if (!TOPIC_NEEDS_WORK.test(topic)) return topic.replaceAll("/", ".");
    return topic.split("/").map(levelToToken).join(".");
  },
  toFilter(subject) {
    if (!isValidSubject(subject)) return undefined;
    const plain = !SUBJECT_NEEDS_WORK.test(subject);
    if (plain && !hasWildcardToken(subject)) {
      return { filter: subject.replaceAll(".", "/"), oneOrMore: false };
    }
    const levels = subject.split(".").map((token) =>
      WILDCARD_LEVEL.get(token) ?? (plain ? token : tokenToLevel(token))
    );
    return { filter: levels.join("/"), oneOrMore: levels.at(-1) === "#" };
  },
  filterToSubject(filter) {
    return filter.split("/").map((level) => WILDCARD_TOKEN.get(level) ?? levelToToken(level))
      .join(".");
  },
};

/** As EMQX maps: ambiguous for names that hold the other side's separator. */
const PLAIN: SubjectMapping = {
  toTopic(subject) {
    if (!isValidSubject(subject) || MQTT_WILDCARD.test(subject)) return undefined;
    return subject.replaceAll(".", "/");
  },
  toSubject(topic) {
    const subject = topic.replaceAll("/", ".");
    return isValidLiteralSubject(subject) ? subject : undefined;
  },
  toFilter(subject) {
    if (!isValidSubject(subject) || MQTT_WILDCARD.test(subject)) return undefined;
    const levels = subject.split(".").map((token) => WILDCARD_LEVEL.get(token) ?? token);
    return { filter: levels.join("/"), oneOrMore: levels.at(-1) === "#" };
  },
  filterToSubject(filter) {
    // A level that is `*` or `>` would turn into a wildcard.
    const literal = filter.replaceAll("+", "x").replaceAll("#", "x").replaceAll("/", ".");
    if (!isValidLiteralSubject(literal)) return undefined;
    return filter.split("/").map((level) => WILDCARD_TOKEN.get(level) ?? level).join(".");
  },
};

const WILDCARD_LEVEL: ReadonlyMap<string, string> = new Map([["*", "+"], [">", "#"]]);
const WILDCARD_TOKEN: ReadonlyMap<string, string> = new Map([["+", "*"], ["#", ">"]]);
const MQTT_WILDCARD = /[+#]/;

/** Without one of these, a valid subject becomes a topic by swapping separators. */
const SUBJECT_NEEDS_WORK = /[%/+#]/;
/**
 * Without one of these, a topic becomes a subject by swapping separators: an escape, an empty
 * level, a level that may be `*` or `>`, or anything outside `!`..`~` and U+0080 and up.
 */
const TOPIC_NEEDS_WORK = /[%.*>]|\/\/|^\/|\/$|^$|[^!-~\u0080-\uffff]/;

/** A token without these, and without being one of the whole-token forms, is its own text. */
const TOKEN_UNSAFE = /[^!-\-/-~\u0080-\uffff]|%(?=(?:25)*(?:0[1-9A-F]|1[\dA-F]|20|2E|7F))/g;
const TOKEN_ESCAPE =
  /%(?:25(?=(?:25)*(?:0[1-9A-F]|1[\dA-F]|20|2E|7F))|(0[1-9A-F]|1[\dA-F]|20|2E|7F))/g;
const WHOLE_TOKEN_ESCAPE = /^%(?:25)*(?:2A|3E)?$/;
const LEVEL_UNSAFE = /[/+#]|%(?=(?:25)*(?:2F|2B|23))/g;
const LEVEL_ESCAPE = /%(?:25(?=(?:25)*(?:2F|2B|23))|(2F|2B|23))/g;

function tokenToLevel(token: string): string {
  return textToLevel(tokenToText(token));
}

function levelToToken(level: string): string {
  return textToToken(levelToText(level));
}

function textToToken(text: string): string {
  if (text === "") return "%";
  if (text === "*") return "%2A";
  if (text === ">") return "%3E";
  if (WHOLE_TOKEN_ESCAPE.test(text)) return "%25" + text.slice(1);
  return text.replace(TOKEN_UNSAFE, escapeCharacter);
}

function tokenToText(token: string): string {
  if (token === "%") return "";
  if (token === "%2A") return "*";
  if (token === "%3E") return ">";
  if (WHOLE_TOKEN_ESCAPE.test(token)) return "%" + token.slice(3);
  return token.replace(TOKEN_ESCAPE, unescapeCharacter);
}

function textToLevel(text: string): string {
  return text.replace(LEVEL_UNSAFE, escapeCharacter);
}

function levelToText(level: string): string {
  return level.replace(LEVEL_ESCAPE, unescapeCharacter);
}

/** `%XX` for a character; for a real `%` that is `%25`. */
function escapeCharacter(character: string): string {
  return "%" + character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0");
}

/** The character of `%XX`; without `hex` it is a stuffed `%25`, which is a real `%`. */
function unescapeCharacter(_escape: string, hex: string | undefined): string {
  return hex === undefined ? "%" : String.fromCharCode(parseInt(hex, 16));
}
