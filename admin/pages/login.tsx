/** Logging in and out, and making the first user. */
import { html } from "hono/html";
import type { AdminContext, AdminEnv } from "../api.ts";
import type { Hono } from "hono";
import { addressOf, closeSession, setSession } from "../routes/login.ts";
import { SettingFields } from "./form.tsx";
import { Document } from "./page.tsx";
import {
  BASE,
  fieldProblem,
  go,
  issuesOf,
  type PageDeps,
  type Refused,
  submit,
} from "./request.ts";
import type { Setting } from "./settings.ts";

const USER: readonly Setting[] = [
  { name: "username", label: "User name", kind: "text", required: true },
  { name: "password", label: "Password", kind: "secret", required: true },
];
const FIRST_KEY: readonly Setting[] = [
  { name: "key", label: "The line in admin.key", kind: "secret", required: true },
];
const FIRST_USER: readonly Setting[] = [
  { name: "username", label: "User name", kind: "text", required: true },
  {
    name: "password",
    label: "Password",
    kind: "password",
    required: true,
    help: "8 to 64 characters of at least two kinds, such as letters and digits.",
  },
];

/** `/login` and `/logout`. */
export function loginPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/login", (context) => loginPage(context, deps));
  app.post("/login", (context) =>
    submit(context, async (form) => {
      const user = { username: form.text("username"), password: form.text("password") };
      const login = form.has("key")
        ? await deps.auth.setUp(keyOf(form.text("key")), user, addressOf(context))
        : await deps.auth.login(user.username, user.password, addressOf(context));
      setSession(context, login);
      return go(context, "");
    }, (refused) => loginPage(context, deps, refused)));
  app.post("/logout", (context) => {
    closeSession(context, { deps });
    return go(context, "/login");
  });
}

/** Why somebody comes here. */
const SAID = new Map([
  ["changed", "Your password is changed: log in with it."],
  ["ended", "Your login has ended: log in again."],
]);

/** The two halves of `key:secret`. */
function keyOf(line: string) {
  const [api_key = "", api_secret = ""] = line.trim().split(":", 2);
  if (api_secret === "") throw fieldProblem("key", "must be the whole line: key, colon, secret");
  return { api_key, api_secret };
}

function loginPage(context: AdminContext, deps: PageDeps, refused?: Refused) {
  const isFirst = deps.auth.users.size === 0;
  const { problem } = refused ?? {};
  const said = SAID.get(context.req.query("said") ?? "");
  const isSaid = problem === undefined || issuesOf(problem).length > 0;
  const content = (
    <Document title={isFirst ? "Set up" : "Log in"}>
      <main class="login">
        <h1>{isFirst ? "Set up natsgate" : "Log in to natsgate"}</h1>
        {!isSaid && <p class="note bad" role="alert">{problem.message}</p>}
        {said !== undefined && <p class="note" role="status">{said}</p>}
        <form class="panel" method="post" action={`${BASE}/login`}>
          {isFirst
            ? <FirstFields deps={deps} refused={refused} />
            : <SettingFields settings={USER} table={undefined} refused={refused} prefix="login" />}
          <button type="submit">{isFirst ? "Make the user and log in" : "Log in"}</button>
        </form>
      </main>
    </Document>
  );
  return context.html(
    html`
      <!DOCTYPE html>${content}
    `,
    problem === undefined ? 200 : 401,
  );
}

function FirstFields({ deps, refused }: { deps: PageDeps; refused: Refused | undefined }) {
  const { data_dir } = deps.control.config.current.node;
  return (
    <>
      <h2>1. Show that the gateway is yours</h2>
      <p>
        At its first start natsgate wrote a key to a file, on the machine where it runs. Copy the
        line that this shows there:
      </p>
      <pre><code>cat {data_dir}/admin.key</code></pre>
      <SettingFields settings={FIRST_KEY} table={undefined} refused={refused} prefix="login" />
      <h2>2. Choose how you log in from now on</h2>
      <SettingFields settings={FIRST_USER} table={undefined} refused={refused} prefix="login" />
    </>
  );
}
