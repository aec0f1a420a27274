/**
 * Where each setting stands in a TOML text. The parser gives values without positions, so this
 * goes over the text once more. It trusts that the text is valid TOML: the parser has said so.
 */
import { parse } from "smol-toml";
import { formatPath, type Path } from "./path.ts";

/** 1-based; columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Positions by path as `formatPath` spells it. Tables stand where they are first named. */
export type Positions = ReadonlyMap<string, Position>;

/** Finds every table, key and array element of a valid TOML text. */
export function findPositions(text: string): Positions {
  return new Scanner(text).run();
}

interface Key {
  readonly name: string;
  readonly at: number;
}

class Scanner {
  #at = 0;
  #table: Path = [];
  readonly #positions = new Map<string, Position>();
  /** Elements so far of each array of tables, by path. */
  readonly #counts = new Map<string, number>();
  readonly #lineStarts: number[] = [0];

  constructor(readonly text: string) {
    for (let i = 0; i < text.length; i++) if (text[i] === "\n") this.#lineStarts.push(i + 1);
  }

  run(): Positions {
    for (;;) {
      this.#skip(/[\s\uFEFF]*(?:#[^\n]*\s*)*/y);
      if (this.#at >= this.text.length) return this.#positions;
      if (this.text[this.#at] === "[") this.#header();
      else this.#pair(this.#table);
    }
  }

  /** `[a.b]` or `[[a.b]]`. */
  #header(): void {
    const isArray = this.text.startsWith("[[", this.#at);
    this.#at += isArray ? 2 : 1;
    const path: (string | number)[] = [];
    const keys = this.#keys();
    for (const [i, key] of keys.entries()) {
      path.push(key.name);
      this.#mark(path, key.at);
      const name = formatPath(path);
      const count = this.#counts.get(name);
      if (isArray && i === keys.length - 1) {
        this.#counts.set(name, (count ?? 0) + 1);
        path.push(count ?? 0);
        this.#mark(path, key.at);
      } else if (count !== undefined) {
        path.push(count - 1);
      }
    }
    this.#at += isArray ? 2 : 1;
    this.#table = path;
  }

  /** `a.b = value`. */
  #pair(base: Path): void {
    const path = [...base];
    for (const key of this.#keys()) {
      path.push(key.name);
      this.#mark(path, key.at);
    }
    this.#at++;
    this.#value(path);
  }

  /** Dotted keys, up to the sign behind them. */
  #keys(): Key[] {
    const keys: Key[] = [];
    do {
      if (keys.length > 0) this.#at++;
      this.#skip(/[ \t]*/y);
      const at = this.#at;
      if (this.text[at] === '"' || this.text[at] === "'") this.#string();
      else this.#skip(/[A-Za-z0-9_-]*/y);
      const written = this.text.slice(at, this.#at);
      keys.push({ name: keyName(written), at });
      this.#skip(/[ \t]*/y);
    } while (this.text[this.#at] === ".");
    return keys;
  }

  #value(path: Path): void {
    this.#skip(/[ \t]*/y);
    const first = this.text[this.#at];
    if (first === '"' || first === "'") this.#string();
    else if (first === "[") this.#array(path);
    else if (first === "{") this.#inlineTable(path);
    else this.#skip(/[^,\]}\n#]*/y);
  }

  #array(path: Path): void {
    this.#at++;
    for (let i = 0;; i++) {
      this.#skip(BLANK);
      if (this.text[this.#at] === "]") break;
      const element = [...path, i];
      this.#mark(element, this.#at);
      this.#value(element);
      this.#skip(BLANK);
      if (this.text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  #inlineTable(path: Path): void {
    this.#at++;
    for (;;) {
      this.#skip(BLANK);
      if (this.text[this.#at] === "}") break;
      this.#pair(path);
      this.#skip(BLANK);
      if (this.text[this.#at] === ",") this.#at++;
    }
    this.#at++;
  }

  #string(): void {
    const triple = this.text.slice(this.#at, this.#at + 3);
    if (triple === '"""') this.#skip(/"""(?:[^"\\]|\\[^]|"{1,2}(?!"))*"{3,5}/y);
    else if (triple === "'''") this.#skip(/'''(?:[^']|'{1,2}(?!'))*'{3,5}/y);
    else if (triple[0] === '"') this.#skip(/"(?:[^"\\]|\\.)*"/y);
    else this.#skip(/'[^']*'/y);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    if (pattern.test(this.text)) this.#at = pattern.lastIndex;
  }

  #mark(path: Path, at: number): void {
    const name = formatPath(path);
    if (this.#positions.has(name)) return;
    let line = 0;
    for (let high = this.#lineStarts.length; high - line > 1;) {
      const middle = (line + high) >> 1;
      if (this.#lineStarts[middle]! <= at) line = middle;
      else high = middle;
    }
    this.#positions.set(name, { line: line + 1, column: at - this.#lineStarts[line]! + 1 });
  }
}

/** White space, line ends and comments. */
const BLANK = /(?:\s|#[^\n]*)*/y;

function keyName(written: string): string {
  const quote = written[0];
  if (quote === "'") return written.slice(1, -1);
  if (quote !== '"') return written;
  return Object.keys(parse(`${written} = 0`))[0] ?? "";
}
