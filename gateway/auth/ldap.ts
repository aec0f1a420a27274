/**
 * LDAP, by `ldapts`: a service account searches, then the password is compared here (`hash`) or
 * by the server (`bind`).
 */
import type { Client, Entry } from "ldapts";
import type { PasswordConfig } from "../config/types.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import { BadAnswer } from "./guard.ts";
import { OnDemand } from "./on_demand.ts";

/** How the server is reached. */
export type LdapOptions =
  & Pick<PasswordConfig<"ldap">, "server" | "username" | "password" | "request_timeout">
  & {
    readonly ssl: ClientTls;
  };

/** An entry: its name, and the values of its attributes by lower-case name. */
export interface LdapEntry {
  readonly dn: string;
  readonly attributes: ReadonlyMap<string, readonly string[]>;
}

/** A connected directory. */
export interface LdapClient {
  /** At most two entries: more than one is as good as any. */
  search(base: string, filter: string, attributes: readonly string[]): Promise<LdapEntry[]>;
  /** True when the server takes the password. */
  bind(dn: string, password: string): Promise<boolean>;
  close(): Promise<void>;
}

/** Result codes that say something of the client, not of the server. [RFC 4511, appendix A] */
const NO_SUCH_OBJECT = 32;
const SIZE_LIMIT_EXCEEDED = 4;
const INVALID_DN = 34;
/** Result codes that mean "wrong name or password". */
const REFUSED = [32, 34, 48, 49, 50, 53];

/** Makes a client that connects with the first search. */
export function ldapClient(options: LdapOptions): LdapClient {
  const service = new OnDemand(() => openService(options));
  const forget = async () => await (await service.take())?.unbind().catch(() => {});
  return {
    async search(base, filter, attributes) {
      const client = await service.get();
      try {
        const { searchEntries } = await client.search(base, {
          scope: "sub",
          filter,
          attributes: [...attributes],
          sizeLimit: 2,
          timeLimit: Math.ceil(options.request_timeout / 1000),
        });
        return searchEntries.map(toEntry);
      } catch (error) {
        const code = codeOf(error);
        if (code === NO_SUCH_OBJECT) return [];
        if (code === SIZE_LIMIT_EXCEEDED) throw new BadAnswer("more than two entries fit a client");
        if (code === INVALID_DN) throw new BadAnswer("base_dn is no valid name for a client");
        // Whatever state the connection is in, the next search begins with a new one.
        await forget();
        throw error;
      }
    },
    async bind(dn, password) {
      const client = await makeClient(options);
      try {
        await client.bind(dn, password);
        return true;
      } catch (error) {
        if (REFUSED.includes(codeOf(error) ?? -1)) return false;
        throw error;
      } finally {
        await client.unbind().catch(() => {});
      }
    },
    close: forget,
  };
}

async function openService(options: LdapOptions): Promise<Client> {
  const client = await makeClient(options);
  try {
    await client.bind(options.username, options.password ?? "");
  } catch (error) {
    await client.unbind().catch(() => {});
    throw error;
  }
  return client;
}

async function makeClient(options: LdapOptions): Promise<Client> {
  const { Client } = await import("ldapts");
  const { host, port } = options.server;
  const tls = tlsOptions(options.ssl, host);
  const name = host.includes(":") ? `[${host}]` : host;
  return new Client({
    url: `${tls === undefined ? "ldap" : "ldaps"}://${name}:${port}`,
    timeout: options.request_timeout,
    connectTimeout: options.request_timeout,
    autoRebind: true,
    ...(tls === undefined ? {} : { tlsOptions: tls }),
  });
}

function toEntry(entry: Entry): LdapEntry {
  const attributes = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(entry)) {
    if (name === "dn") continue;
    const values = Array.isArray(value) ? value : [value];
    attributes.set(
      name.toLowerCase(),
      values.map((one) => typeof one === "string" ? one : new TextDecoder().decode(one)),
    );
  }
  return { dn: entry.dn, attributes };
}

function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "number"
    ? error.code
    : undefined;
}
