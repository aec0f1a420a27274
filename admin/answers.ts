/**
 * Who answers on the admin ports. The applications are loaded by the first request that needs
 * them: together they are a third of the program, and most gateways run for days without one.
 */
import type { GatewayControl } from "../gateway/control.ts";
import type { AdminDeps } from "./api.ts";
import type { Answer } from "./port.ts";
import { HEALTH_PATHS } from "./routes/health.ts";

/** API and pages. Health checks alone load neither. */
export function adminAnswer(deps: AdminDeps): Answer {
  const health = onDemand(async () => (await import("./health_app.ts")).createHealthApp(deps));
  const everything = onDemand(async () => {
    const [{ createAdminApp }, { pages }] = await Promise.all([
      import("./app.ts"),
      import("./pages/mod.tsx"),
    ]);
    return createAdminApp(deps, pages(deps));
  });
  return (request, from) =>
    (HEALTH_PATHS.has(new URL(request.url).pathname) ? health : everything)(request, from);
}

/** What `gateway.nats.monitor_bind` serves. */
export function monitorAnswer(control: GatewayControl): Answer {
  return onDemand(async () => (await import("./app.ts")).createMonitorApp(control));
}

function onDemand(load: () => Promise<{ readonly fetch: Answer }>): Answer {
  let loading: Promise<{ readonly fetch: Answer }> | undefined;
  return async (request, from) => (await (loading ??= load())).fetch(request, from);
}
