/**
 * What all places with authenticators have in common.
 */
import type { GatewayControl } from "../gateway/control.ts";
import { Problem } from "./problem.ts";

/** `jwt`, or `<mechanism>:<backend>`. */
export function authenticatorId(settings: Readonly<Record<string, unknown>>): string {
  const { mechanism, backend } = settings;
  return backend === undefined ? String(mechanism) : `${mechanism}:${backend}`;
}

/** @throws {Problem} 400: another kind of authenticator is another authenticator */
export function checkSameKind(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): void {
  if (authenticatorId(before) === authenticatorId(after)) return;
  const message =
    `this is a ${authenticatorId(before)}: mechanism and backend cannot be changed; ` +
    "delete it and make another";
  throw new Problem(400, "BAD_REQUEST", message);
}

/** Whether an authenticator is in use. */
export function providerStatus(control: GatewayControl, chain: string, id: string) {
  const isUsed = control.access.providers(chain).some((provider) => provider.id === id);
  const status = isUsed ? "connected" : "disconnected";
  const { node } = control.status();
  return { status, node_status: [{ node, status }], node_error: [] };
}
