/** The two chains that the pages manage, as lists of tables of the configuration. */
import type { Path } from "../../gateway/config/path.ts";
import type { AdminContext } from "../api.ts";
import type { PageDeps } from "./page.tsx";

/** A chain of authenticators. */
export interface Chain {
  readonly id: "nats:global" | "mqtt:global";
  readonly label: string;
  readonly path: Path;
  /** The NATS gateway has one authenticator at most. */
  readonly single: boolean;
}

/** Both of them. */
export const CHAINS: readonly [Chain, Chain] = [
  { id: "nats:global", label: "NATS", path: ["gateway", "nats", "authentication"], single: true },
  { id: "mqtt:global", label: "MQTT", path: ["authentication"], single: false },
];

type Table = Readonly<Record<string, unknown>>;

/** The chain of that name; NATS when there is none. */
export function chainNamed(id: string | undefined): Chain {
  return CHAINS.find((chain) => chain.id === id) ?? CHAINS[0];
}

/** The chain that a request is about. */
export function chainOf(context: AdminContext): Chain {
  return chainNamed(context.req.query("chain"));
}

/** Its authenticators. `shown`: secrets hidden; `written`: to be changed and given back. */
export function authenticators(
  { control }: PageDeps,
  { path, single }: Chain,
  as: "shown" | "written",
): readonly Table[] {
  const value = as === "shown" ? control.config.effective(path) : control.config.written(path);
  if (value === undefined) return [];
  return (single ? [value] : value) as readonly Table[];
}

/** Puts a list of authenticators in place of the present one. */
export async function saveChain(
  { control }: PageDeps,
  { path, single }: Chain,
  list: readonly Table[],
  by: string,
): Promise<void> {
  await control.config.change([{ path, value: single ? list[0] : list }], by);
}
