/**
 * What permissions take out of a filter that they allow. Plain data, so that it can be kept with
 * the subscription and holds while nobody is there to be asked.
 */
import { type Dollar, matches, type Pattern } from "./match.ts";

/** A decision about some of the topics. */
export interface SieveStep {
  readonly allow: boolean;
  readonly pattern: Pattern;
}

/** The first step that matches a topic decides; a topic that none matches gets through. */
export type SieveLayer = readonly SieveStep[];

/** A topic must get through every layer. */
export class Sieve {
  /** @param cut characters of a topic that the patterns know nothing of: the mountpoint's */
  constructor(readonly layers: readonly SieveLayer[], readonly cut = 0) {}

  /** True when messages of this topic may be delivered. */
  permits(topic: string): boolean {
    const name = topic.slice(this.cut);
    return this.layers.every((layer) =>
      layer.find(({ pattern }) => matches(pattern, name))?.allow ?? true
    );
  }

  /** What gets through both. */
  and(other: Sieve | undefined): Sieve {
    return other === undefined ? this : new Sieve([...this.layers, ...other.layers], this.cut);
  }

  /** The same for topics that have the mountpoint in front. */
  behind(mountpoint: string): Sieve {
    return mountpoint === "" ? this : new Sieve(this.layers, mountpoint.length);
  }

  /** A form for `Sieve.fromText`. */
  toText(): string {
    return JSON.stringify({ cut: this.cut, layers: this.layers });
  }

  /** Reads what `toText` made; undefined when the text is something else. */
  static fromText(text: string): Sieve | undefined {
    try {
      const { cut, layers } = JSON.parse(text);
      if (typeof cut !== "number" || !layers.flat().every(isStep)) return undefined;
      return new Sieve(layers, cut);
    } catch {
      return undefined;
    }
  }
}

const DOLLARS: readonly Dollar[] = ["none", "user", "all"];

function isStep({ allow, pattern: { levels, moreMin, dollar } }: SieveStep): boolean {
  return typeof allow === "boolean" && typeof moreMin === "number" && DOLLARS.includes(dollar) &&
    levels.every((level) => typeof level === "string");
}
