/**
 * The part of Erlang's term syntax that rule files use: tuples, lists, atoms, strings, integers,
 * `%` comments, and a dot after each term.
 */

/** A term with its place in the file. `text`: the value of a leaf, the source of the others. */
export type Term =
  | { readonly kind: "atom" | "string" | "number" } & Place
  | { readonly kind: "tuple" | "list"; readonly items: readonly Term[] } & Place;

interface Place {
  readonly text: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

/** What is wrong, and where. */
export class TermProblem extends Error {
  override readonly name = "TermProblem";
  readonly line: number;
  readonly column: number;
  constructor(message: string, place: { readonly line: number; readonly column: number }) {
    super(message);
    this.line = place.line;
    this.column = place.column;
  }
}

/** Deepest nesting of tuples and lists. */
const DEPTH_MAX = 32;

/** Reads terms up to the end, or to the first that is broken. */
export function readTerms(
  text: string,
): { readonly terms: readonly Term[]; readonly problem: TermProblem | undefined } {
  const terms: Term[] = [];
  const scanner = new Scanner(text);
  try {
    while (!scanner.atEnd()) {
      terms.push(scanner.term(0));
      scanner.expect(".", "a rule ends with a dot");
    }
  } catch (error) {
    if (!(error instanceof TermProblem)) throw error;
    return { terms, problem: error };
  }
  return { terms, problem: undefined };
}

class Scanner {
  #at = 0;
  #line = 1;
  #lineStart = 0;
  constructor(readonly text: string) {}

  atEnd(): boolean {
    this.#skip();
    return this.#at >= this.text.length;
  }

  expect(mark: string, message: string): void {
    if (!this.#take(mark)) this.#fail(message);
  }

  term(depth: number): Term {
    this.#skip();
    if (depth > DEPTH_MAX) this.#fail("nested too deep");
    const place = this.#place();
    const start = this.#at;
    if (this.#take("{")) return this.#group("tuple", "}", depth, place, start);
    if (this.#take("[")) return this.#group("list", "]", depth, place, start);
    if (this.#take("<<")) {
      const inner = this.term(DEPTH_MAX);
      if (inner.kind !== "string") this.#fail('expected <<"text">>');
      this.expect(">>", "expected >>");
      return { ...inner, ...place };
    }
    const c = this.text[this.#at];
    if (c === '"') return { kind: "string", text: this.#quoted('"'), ...place };
    if (c === "'") return { kind: "atom", text: this.#quoted("'"), ...place };
    const number = this.#word(/-?\d+/y);
    if (number !== undefined) return { kind: "number", text: number, ...place };
    const word = this.#word(/[a-z][A-Za-z0-9_@]*/y);
    if (word !== undefined) return { kind: "atom", text: word, ...place };
    return this.#fail(c === undefined ? "the file ends within a rule" : `unexpected ${c}`);
  }

  #group(
    kind: "tuple" | "list",
    close: string,
    depth: number,
    place: { line: number; column: number },
    start: number,
  ): Term {
    const items: Term[] = [];
    if (!this.#take(close)) {
      do items.push(this.term(depth + 1)); while (this.#take(","));
      this.expect(close, `expected , or ${close}`);
    }
    const text = this.text.slice(start, this.#at).replace(/\s+/g, " ");
    return { kind, items, text, ...place };
  }

  #quoted(quote: string): string {
    const match = this.#word(quote === '"' ? /"(?:[^"\\]|\\[^])*"/y : /'(?:[^'\\]|\\[^])*'/y);
    if (match === undefined) this.#fail(`a ${quote} is not closed`);
    return match.slice(1, -1).replace(/\\([^])/g, (_, c: string) => ESCAPES[c] ?? c);
  }

  #word(shape: RegExp): string | undefined {
    shape.lastIndex = this.#at;
    const word = shape.exec(this.text)?.[0];
    if (word === undefined) return undefined;
    for (let i = word.indexOf("\n"); i >= 0; i = word.indexOf("\n", i + 1)) {
      this.#newline(this.#at + i);
    }
    this.#at += word.length;
    return word;
  }

  #take(mark: string): boolean {
    this.#skip();
    if (!this.text.startsWith(mark, this.#at)) return false;
    this.#at += mark.length;
    return true;
  }

  /** Passes over blanks and comments. */
  #skip(): void {
    while (this.#at < this.text.length) {
      const c = this.text[this.#at]!;
      if (c === "%") {
        const end = this.text.indexOf("\n", this.#at);
        this.#at = end < 0 ? this.text.length : end;
      } else if (c === "\n") {
        this.#newline(this.#at++);
      } else if (/\s|\ufeff/.test(c)) this.#at++;
      else return;
    }
  }

  #newline(at: number): void {
    this.#line++;
    this.#lineStart = at + 1;
  }

  #place(): { line: number; column: number } {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #fail(message: string): never {
    throw new TermProblem(message, this.#place());
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", s: " " };
