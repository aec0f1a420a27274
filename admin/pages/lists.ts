/**
 * Lists of tables in the configuration that are made and changed alike: authenticators, methods
 * of NATS, sources of permissions. Their order matters: they are asked in turn.
 */
import type { Path } from "../../gateway/config/path.ts";
import { Problem } from "../problem.ts";
import type { PageDeps } from "./request.ts";
import type { Setting } from "./settings.ts";

/** One table of such a list. */
export type Table = Readonly<Record<string, unknown>>;

/** A list. */
export interface TableList {
  /** Names it in links; "" where there is only one. */
  readonly id: string;
  readonly label: string;
  readonly path: Path;
  /** One table at most, which is no list in the configuration. */
  readonly single: boolean;
}

/** A kind of table: which fields it has, and what tells it apart. */
export interface TableKind {
  readonly id: string;
  /** Kinds are chosen by group first; "" when there are no groups. */
  readonly group: string;
  readonly label: string;
  /** What a table of this kind always says. */
  readonly fixed: Table;
  /** The part of `fixed` that such a table is known by. */
  readonly marks: readonly string[];
  readonly settings: readonly Setting[];
}

/** The tables. `shown`: secrets hidden; `written`: to be changed and given back. */
export function tablesOf(
  { control }: PageDeps,
  { path, single }: TableList,
  as: "shown" | "written",
): readonly Table[] {
  const value = as === "shown" ? control.config.effective(path) : control.config.written(path);
  if (value === undefined) return [];
  return (single ? [value] : value) as readonly Table[];
}

/** The change of the configuration that puts other tables in place of the present ones. */
export function listEdit({ path, single }: TableList, tables: readonly Table[]) {
  const value = single ? tables[0] : tables.length === 0 ? undefined : tables;
  return { path, value };
}

/**
 * The list after one table was moved up, switched on or off, or taken out.
 * @throws {Problem} 404
 */
export function rearranged(tables: readonly Table[], index: number, what: string): Table[] {
  const next = [...tables];
  const table = next[index];
  if (table === undefined) throw new Problem(404, "NOT_FOUND", "that one has gone already");
  if (what === "up" && index > 0) next.splice(index - 1, 2, table, next[index - 1]!);
  if (what === "switch") next[index] = { ...table, enable: table.enable === false };
  if (what === "delete") next.splice(index, 1);
  return next;
}

/** The kind of a table; undefined: one that only the configuration file can make. */
export function kindOf(kinds: readonly TableKind[], table: Table): TableKind | undefined {
  return kinds.find(({ fixed, marks }) => marks.every((name) => table[name] === fixed[name]));
}
