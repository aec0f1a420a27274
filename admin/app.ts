/**
 * The application behind the admin port: API, health, and (when given) the pages.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type AdminDeps, type AdminEnv, Api, requireCaller, toProblem } from "./api.ts";
import { allow } from "./auth/caller.ts";
import { Problem, problemResponse } from "./problem.ts";
import { authenticationRoutes } from "./routes/authentication.ts";
import { authorizationRoutes } from "./routes/authorization.ts";
import { banRoutes } from "./routes/banned.ts";
import { clientRoutes } from "./routes/clients.ts";
import { configRoutes } from "./routes/configs.ts";
import { gatewayAuthenticationRoutes } from "./routes/gateway_authentication.ts";
import { gatewayClientRoutes } from "./routes/gateway_clients.ts";
import { gatewayRoutes } from "./routes/gateways.ts";
import { keyRoutes } from "./routes/keys.ts";
import { listenerRoutes } from "./routes/listeners.ts";
import { loginRoutes } from "./routes/login.ts";
import { numberRoutes } from "./routes/numbers.ts";
import { publishRoutes } from "./routes/publish.ts";
import { retainedRoutes } from "./routes/retained.ts";
import { ruleRoutes } from "./routes/rules.ts";
import { systemRoutes } from "./routes/system.ts";
import { tailRoutes } from "./routes/tail.ts";
import { topicRoutes } from "./routes/topics.ts";
import { userRoutes } from "./routes/users.ts";
import { documentRoutes } from "./routes/documents.ts";
import { healthRoutes } from "./routes/health.ts";
import { monitorRoutes } from "./routes/monitor.ts";
import { cors, identify, refuseForgery, securityHeaders } from "./security.ts";

/** Largest form of the dashboard: pasted certificates and files of users. */
const FORM_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Makes the application. Pure: no port is opened, `app.request()` is all that tests need.
 * @param pages routes of the dashboard; they find the caller with `context.get("caller")`
 */
export function createAdminApp(deps: AdminDeps, pages?: Hono<AdminEnv>): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(securityHeaders);
  healthRoutes(app, deps);
  // Before anything reads a form, as the check for forgery does.
  app.use(
    "/dashboard/*",
    bodyLimit({
      maxSize: FORM_BYTES_MAX,
      onError: (context) =>
        context.text(
          "The form is larger than 4 MB, so nothing was changed. Go back and send less at once.",
          413,
        ),
    }),
  );
  app.use(cors(deps), identify(deps), refuseForgery(deps));
  const api = new Api(app, deps);
  for (const routes of ROUTES) routes(api);
  monitorRoutes(
    app,
    deps,
    (context) =>
      allow(requireCaller(context), { method: "GET", scope: "monitoring", loginOnly: false }),
  );
  documentRoutes(app, deps, api);
  if (pages !== undefined) app.route("/", pages);
  app.all("/api/v5/*", (context) => {
    throw unknownPath(api, context.req.method, context.req.path);
  });
  app.notFound((context) =>
    context.req.path.startsWith("/api/") || pages === undefined
      ? problemResponse(new Problem(404, "NOT_FOUND", "Request Path Not Found"))
      : context.text("There is no such page.", 404)
  );
  app.onError((error, context) => {
    const problem = toProblem(error);
    if (problem !== undefined) return problemResponse(problem);
    const { method, path } = context.req;
    deps.control.log.error("a request failed; please report this", {
      request: `${method} ${path}`,
      error: error.stack ?? String(error),
    });
    const message = "the request failed; the log says why";
    return problemResponse(new Problem(500, "INTERNAL_ERROR", message));
  });
  return app;
}

/**
 * What `gateway.nats.monitor_bind` serves: nats-server's monitoring URLs, and as there without
 * credentials. Whoever opens that port decides who can reach it.
 */
export function createMonitorApp(control: AdminDeps["control"]): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>();
  app.use(securityHeaders);
  healthRoutes(app, { control });
  monitorRoutes(app, { control }, () => {});
  return app;
}

/** Everything below `/api/v5`, part by part. */
const ROUTES: readonly ((api: Api) => void)[] = [
  loginRoutes,
  userRoutes,
  keyRoutes,
  gatewayRoutes,
  gatewayClientRoutes,
  listenerRoutes,
  gatewayAuthenticationRoutes,
  clientRoutes,
  topicRoutes,
  publishRoutes,
  retainedRoutes,
  authenticationRoutes,
  authorizationRoutes,
  ruleRoutes,
  banRoutes,
  numberRoutes,
  tailRoutes,
  configRoutes,
  systemRoutes,
];

/** A path that is known for other methods is told apart from one that is not known at all. */
function unknownPath(api: Api, method: string, path: string): Problem {
  const parts = path.replace(/^\/api\/v5/, "").replace(/^\/gateway(?=\/|$)/, "/gateways").split(
    "/",
  );
  const known = api.operations.some((operation) =>
    [operation.path, ...operation.aliases ?? []].some((pattern) => {
      const names = pattern.split("/");
      return names.length === parts.length &&
        names.every((name, i) => name.startsWith("{") ? parts[i] !== "" : name === parts[i]);
    })
  );
  return known
    ? new Problem(405, "METHOD_NOT_ALLOWED", `${method} is not possible here`)
    : new Problem(404, "NOT_FOUND", "Request Path Not Found");
}
