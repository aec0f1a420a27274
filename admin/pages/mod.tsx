/**
 * The dashboard: pages rendered on the server, changed by forms, with one script for what is
 * live. Everything is below `/dashboard`.
 */
import { Hono } from "hono";
import { type AdminContext, type AdminEnv, toProblem } from "../api.ts";
import { asset } from "../assets.ts";
import { allow } from "../auth/caller.ts";
import { accountPages, PASSWORD_PATH } from "./accounts.tsx";
import { authenticationPages } from "./authentication.tsx";
import { authorizationPages } from "./authorization.tsx";
import { banPages } from "./bans.tsx";
import { clientPages } from "./clients.tsx";
import { configurationPages } from "./configuration.tsx";
import { gatewayPages } from "./gateways.tsx";
import { keyPages } from "./keys.tsx";
import { listenerPages } from "./listeners.tsx";
import { loginPages } from "./login.tsx";
import { overviewPages } from "./overview.tsx";
import { Problem } from "../problem.ts";
import { addressOf } from "../routes/login.ts";
import { page } from "./page.tsx";
import { BASE, go, type PageDeps, readForm } from "./request.ts";
import { retainedPages } from "./retained.tsx";
import { tailPages } from "./tail.tsx";
import { translatePages } from "./translate.tsx";
import { tryPages } from "./try.tsx";
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
  banPages,
  translatePages,
  tailPages,
  tryPages,
  retainedPages,
  watchPages,
  configurationPages,
  accountPages,
  keyPages,
  auditPages,
];

/** Fields that say what a form was about; none of them holds a secret. */
const TELLING = [
  "chain",
  "list",
  "index",
  "do",
  "id",
  "as",
  "who",
  "user_id",
  "username",
  "name",
  "role",
  "enable",
  "permission",
  "action",
  "kind",
  "owner",
  "topic",
  "filter",
  "protocol",
  "clientid",
];

/** For the audit trail: a change sends the browser on, or a handler has said what it was. */
async function noteChange(context: AdminContext, { audit }: PageDeps): Promise<void> {
  const said = context.get("note");
  const isChange = context.res.status === 303 || (said !== undefined && context.res.ok);
  const caller = context.get("caller");
  if (!isChange || caller === undefined) return;
  const form = await readForm(context);
  const told = TELLING.filter((name) => form.text(name) !== "")
    .map((name) => `${name}=${form.text(name)}`);
  audit.note({
    who: caller.name,
    by: caller.by,
    address: addressOf(context),
    what: `POST ${context.req.path}`,
    note: [told.join(" "), said ?? ""].filter(Boolean).join("; "),
  });
}

/** All pages; to be mounted at `/`. */
export function pages(deps: PageDeps): Hono<AdminEnv> {
  const app = new Hono<AdminEnv>().basePath(BASE);
  app.onError((error, context) => {
    const problem = toProblem(error);
    if (problem === undefined || context.get("caller") === undefined) throw error;
    const status = ([403, 404, 409] as const).find((one) => one === problem.status) ?? 400;
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
      return go(context, context.get("refusal") === undefined ? "/login" : "/login?said=ended");
    }
    const { method, path } = context.req;
    const also = path === BASE + PASSWORD_PATH ? "viewer" : undefined;
    allow(caller, { method, scope: "system", loginOnly: true, also });
    await next();
    if (method === "POST") await noteChange(context, deps);
    return undefined;
  });
  for (const part of PARTS) part(app, deps);
  app.all("/*", () => {
    throw new Problem(404, "NOT_FOUND", "There is no such page; choose one in the menu.");
  });
  return new Hono<AdminEnv>().get("/", (context) => go(context, "")).route("/", app);
}
