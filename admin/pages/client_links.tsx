/** Ways to a client, and out. */
import type { Protocol } from "../../gateway/control.ts";
import type { AdminContext } from "../api.ts";
import { Confirm } from "./form.tsx";
import { BASE } from "./request.ts";

/** Protocol and client id of a request. */
export function named(words: Readonly<Record<string, string>>) {
  const protocol: Protocol = words.protocol === "mqtt" ? "mqtt" : "nats";
  return { protocol, clientid: words.clientid ?? "" };
}

/** The page of a client. */
export function clientPath(protocol: Protocol, clientid: string): string {
  return `${BASE}/client?${new URLSearchParams({ protocol, clientid })}`;
}

/** Ends a client's connection, after a question. */
export function Kick(
  { context, protocol, clientid }: {
    context: AdminContext;
    protocol: Protocol;
    clientid: string;
  },
) {
  return (
    <Confirm
      context={context}
      action="/clients/kick"
      label="Kick out"
      question={`Disconnect ${clientid}? Its session ends too. It may come back at once.`}
      fields={{ protocol, clientid }}
    />
  );
}
