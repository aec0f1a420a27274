/**
 * The dashboard: pages rendered on the server, changed by forms, with one script for what is
 * live. Everything is below `/dashboard`.
 */
import { Hono } from "hono";
import { type AdminEnv, toProblem } from "../api.ts";
import { asset } from "../assets.ts";
import { allow } from "../auth/caller.ts";
import { authenticationPages } from "./authentication.tsx";
import { authorizationPages } from "./authorization.tsx";
import { clientPages } from "./clients.tsx";
import { configurationPages } from "./configuration.tsx";
import { gatewayPages } from "./gateways.tsx";
import { keyPages } from "./keys.tsx";
import { listenerPages } from "./listeners.tsx";
import { loginPages } from "./login.tsx";
import { overviewPages } from "./overview.tsx";
import { addressOf } from "../routes/login.ts";
import { BASE, go, page, type PageDeps } from "./page.tsx";
import { retainedPages } from "./retained.tsx";
import { tailPages } from "./tail.tsx";
import { translatePages } from "./translate.tsx";
import { userPages } from "./users.tsx";
import { auditPages, watchPages } from "./watch.tsx";
import { wizardPages } from "./wizard.tsx";

/** Every part of the dashboard. */
const PARTS: readonly ((app: Hono<AdminEnv>, deps: PageDeps) => void)[] = [
  overviewPages,
  clientPages,
  gatewayPages,
  wizardPages,
  listenerPages,
  authenticationPages,
  userPages,
  authorizationPages,
  translatePages,
  tailPages,
  retainedPages,
  watchPages,
  configurationPages,
  keyPages,
  auditPages,
];

/** All pages; to be mounted at `/`. */
export function pages(deps: PageDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>().basePath(BASE);
  app.onError((error, context) => {
    const problem = toProblem(error);
    if (problem === undefined || context.get("caller") === undefined) throw error;
    const status = problem.status === 403 ? 403 : problem.status === 404 ? 404 : 400;
    return page(context, {
      title: "That did not work",
      menu: "none",
      problem: problem.message,
      status,
      body: <a class="button" href={BASE}>Back to the overview</a>,
    });
  });
  app.get(
    "/assets/:name",
    async (context) =>
      await asset(context.req.param("name")) ?? context.text("There is no such file.", 404),
  );
  loginPages(app, deps);
  app.use("/*", async (context, next) => {
    const caller = context.get("caller");
    if (caller === undefined || caller.by !== "cookie") {
      return go(context, "/login");
    }
    allow(caller, { method: context.req.method, scope: "system", loginOnly: true });
    await next();
    if (context.req.method === "POST" && context.res.status < 400) {
      deps.audit.note({
        who: caller.name,
        by: caller.by,
        address: addressOf(context),
        what: `POST ${context.req.path}`,
        note: "",
      });
    }
    return undefined;
  });
  for (const part of PARTS) part(app, deps);
  return new Hono<AdminEnv>().get("/", (context) => go(context, "")).route("/", app);
}
