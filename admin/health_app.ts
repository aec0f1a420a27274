/** The application for those who only ask how the gateway is. */
import { Hono } from "hono";
import type { AdminDeps, AdminEnv } from "./api.ts";
import { healthRoutes } from "./routes/health.ts";
import { securityHeaders } from "./security.ts";

/** Answers `HEALTH_PATHS` as the whole application does. */
export function createHealthApp(deps: Pick<AdminDeps, "control">): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(securityHeaders);
  healthRoutes(app, deps);
  return app;
}
