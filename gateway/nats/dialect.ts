/**
 * How the NATS clients of one mountpoint spell topics.
 */
import { mount, unmount } from "../core/mountpoint.ts";
import { type RouteEntry, RouteTable } from "../core/route_table.ts";
import type { Router } from "../core/router.ts";
import { type Filter, toFilter, type Topic, toTopic } from "../core/topic.ts";
import { decodeSubject, type SubjectMapping } from "./subject.ts";

/** A subscription's names in the tree. */
export interface FilterName {
  /** With mountpoint. */
  readonly filter: Filter;
  readonly oneOrMore: boolean;
}

/** One mapping and one mountpoint. Sessions with the same mountpoint share it. */
export class NatsDialect {
  /** Routes by subject bytes, for publishers. */
  readonly #routes = new RouteTable();

  constructor(
    /** Tells dialects apart in `Message.tailDialect`. */
    readonly index: number,
    readonly mapping: SubjectMapping,
    readonly mountpoint: string,
    readonly router: Router,
  ) {}

  /** The route of the subject in `bytes[start..end)`; undefined when it is not a usable subject. */
  route(bytes: Uint8Array, start: number, end: number): RouteEntry | undefined {
    const known = this.#routes.find(bytes, start, end);
    if (known !== undefined) return known;
    const subject = decodeSubject(bytes, start, end);
    const topic = subject === undefined ? undefined : this.topic(subject);
    if (topic === undefined) return undefined;
    return this.#routes.add(bytes, start, end, this.router.route(topic));
  }

  /** The topic (with mountpoint) that a publish to this subject means. */
  topic(subject: string): Topic | undefined {
    const name = this.mapping.toTopic(subject);
    return name === undefined ? undefined : toTopic(mount(this.mountpoint, name));
  }

  /** The filter (with mountpoint) of a subscription. */
  filter(subject: string): FilterName | undefined {
    const name = this.mapping.toFilter(subject);
    if (name === undefined) return undefined;
    const filter = toFilter(mount(this.mountpoint, name.filter));
    return filter === undefined ? undefined : { filter, oneOrMore: name.oneOrMore };
  }

  /** How clients of this dialect spell a topic; undefined when they cannot. */
  subject(topic: Topic): string | undefined {
    const name = unmount(this.mountpoint, topic);
    return name === undefined || name === "" ? undefined : this.mapping.toSubject(name);
  }
}
