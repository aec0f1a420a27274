/**
 * What all places with authenticators have in common.
 */
import type { AclSource, GatewayControl, Provider } from "../gateway/control.ts";
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

/** Whether an authenticator works. */
export function providerStatus(control: GatewayControl, chain: string, id: string) {
  return backendStatus(control, control.access.providers(chain).find((one) => one.id === id));
}

/**
 * How the backend of an authenticator or a source is, and what it answered. One without a backend
 * is always there; one that is not in use is not connected.
 */
export function backendStatus(control: GatewayControl, part: Provider | AclSource | undefined) {
  const { node } = control.status();
  const guard = part?.guard;
  const status = part === undefined ? "disconnected" : guard?.status ?? "connected";
  const { success = 0, failed = 0, lastReason = "" } = guard ?? {};
  return {
    status,
    node_status: [{ node, status }],
    resource_metrics: { matched: success + failed, success, failed },
    node_error: lastReason === "" ? [] : [{ node, error: lastReason }],
  };
}
