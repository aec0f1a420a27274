/**
 * Health, for load balancers and service managers: without credentials, and without saying what
 * runs here.
 */
import type { Hono } from "hono";
import type { AdminDeps, AdminEnv } from "../api.ts";

/** Every path that `healthRoutes` answers. */
export const HEALTH_PATHS: ReadonlySet<string> = new Set(
  ["/livez", "/readyz", "/healthz", "/status", "/api/v5/status"],
);

/** `/livez`, `/readyz`, `/healthz` (nats-server's form) and `/status` (EMQX's). */
export function healthRoutes(app: Hono<AdminEnv>, { control }: Pick<AdminDeps, "control">): void {
  app.get("/livez", (context) => context.text("ok\n"));
  app.get("/readyz", (context) => {
    const { ready, problems } = control.status();
    const parts = problems.map(({ part }) => part).join(", ");
    return ready ? context.text("ok\n") : context.text(`not ready: ${parts}\n`, 503);
  });
  app.get("/healthz", (context) => {
    const { ready } = control.status();
    return ready
      ? context.json({ status: "ok" })
      : context.json({ status: "unavailable", error: "not ready" }, 503);
  });
  for (const path of ["/status", "/api/v5/status"]) {
    app.get(path, (context) => {
      const { node, ready } = control.status();
      if (!ready) context.header("retry-after", "15");
      const status = ready ? 200 : 503;
      if (context.req.query("format") === "json") {
        return context.json({
          node_name: node,
          broker_status: ready ? "started" : "stopped",
          app_status: ready ? "running" : "not_running",
        }, status);
      }
      const second = ready ? "emqx is running" : "emqx is not running";
      return context.text(`Node ${node} is ${ready ? "started" : "stopped"}\n${second}`, status);
    });
  }
}
