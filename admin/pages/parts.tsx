/** Small pieces that several pages show. */
import type { Child } from "hono/jsx";
import type { AdminContext } from "../api.ts";
import { BASE } from "./request.ts";

/** A table with a heading for each column; `empty` stands there when there are no rows. */
export function Table(
  { label, heads, rows, empty }: {
    label: string;
    heads: readonly string[];
    rows: readonly (readonly Child[])[];
    empty: Child;
  },
) {
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  return (
    <div class="scroll" tabindex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>{heads.map((head) => <th scope="col">{head}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((cells) => (
            <tr>{cells.map((cell, i) => <td data-head={heads[i]}>{cell}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Names and what they are. `numbers`: many of them, close together. */
export function Facts(
  { facts, numbers }: {
    facts: readonly (readonly [name: string, value: Child])[];
    numbers?: boolean;
  },
) {
  return (
    <dl class={numbers ? "numbers" : "facts"}>
      {facts.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** Links to the pages of a list before and after this one. */
export function Pager(
  { path, query, page, hasNext }: {
    path: string;
    query: Readonly<Record<string, string>>;
    page: number;
    hasNext: boolean;
  },
) {
  if (page === 1 && !hasNext) return null;
  const to = (number: number) => {
    const words = new URLSearchParams({ ...query, page: String(number) });
    return `${BASE}${path}?${words}`;
  };
  return (
    <p class="row">
      {page > 1 && <a class="button plain" href={to(page - 1)}>Previous</a>}
      <span>Page {page}</span>
      {hasNext && <a class="button plain" href={to(page + 1)}>Next</a>}
    </p>
  );
}

/** Where one is in a row of steps. */
export function Steps({ labels, now }: { labels: readonly string[]; now: number }) {
  return (
    <ol class="steps">
      {labels.map((label, i) => (
        <li aria-current={i + 1 === now ? "step" : undefined} class={i + 1 < now ? "done" : ""}>
          {label}
        </li>
      ))}
    </ol>
  );
}

/** A state in words, coloured. */
export function Tag({ good, children }: { good?: boolean | undefined; children?: Child }) {
  return <span class={`tag ${good === undefined ? "" : good ? "good" : "bad"}`}>{children}</span>;
}

/** The number of the page that a list is asked for. */
export function pageNumber(context: AdminContext): number {
  const page = Number(context.req.query("page") ?? "1");
  return Number.isSafeInteger(page) && page > 0 ? page : 1;
}

/** A moment, as everyone reads it. */
export function moment(at: number | undefined): string {
  return at === undefined || at === 0 ? "–" : new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `3 d 4 h`, `5 min 10 s`. */
export function span(ms: number): string {
  const s = Math.floor(ms / 1000);
  if (s >= 86_400) return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`;
  if (s >= 3600) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return s >= 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s} s`;
}

/** `12.3 MB`. */
export function bytes(count: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let i = 0;
  for (; count >= 1024 && i < units.length - 1; i++) count /= 1024;
  return `${i === 0 ? Math.round(count) : count.toFixed(1)} ${units[i]}`;
}

/** A rate with one digit behind the point; `–` while it is not known. */
export function perSecond(rate: number | undefined): string {
  return rate === undefined ? "–" : count(Math.round(rate * 10) / 10);
}

/** A count with its thousands apart; what has no limit says so. */
export function count(value: number): string {
  return value === Infinity ? "no limit" : value.toLocaleString("en");
}
