/** Logging in and out, and making the first user. */
import { html } from "hono/html";
import type { AdminContext, AdminEnv } from "../api.ts";
import type { Hono } from "hono";
import { addressOf, closeSession, setSession } from "../routes/login.ts";
import { BASE, Document, go, type PageDeps, submit } from "./page.tsx";

/** `/login` and `/logout`. */
export function loginPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/login", (context) => loginPage(context, deps));
  app.post("/login", (context) =>
    submit(context, async (form) => {
      const user = { username: form.text("username"), password: form.text("password") };
      const key = { api_key: form.text("api_key"), api_secret: form.text("api_secret") };
      const login = form.has("api_key")
        ? await deps.auth.setUp(key, user, addressOf(context))
        : await deps.auth.login(user.username, user.password, addressOf(context));
      setSession(context, login);
      return go(context, "");
    }, (problem) => loginPage(context, deps, problem)));
  app.post("/logout", (context) => {
    closeSession(context, { deps });
    return go(context, "/login");
  });
}

function loginPage(context: AdminContext, { auth }: PageDeps, problem?: string) {
  const first = auth.users.size === 0;
  const content = (
    <Document title={first ? "Set up" : "Log in"}>
      <main class="login">
        <h1>{first ? "Set up natsgate" : "Log in to natsgate"}</h1>
        {problem !== undefined && <p class="note bad" role="alert">{problem}</p>}
        {first && (
          <p>
            Nobody can log in yet. Make the first user with the API key that was written to{" "}
            <code>admin.key</code>{" "}
            in the data directory at the first start: key and secret are the texts before and after
            the colon.
          </p>
        )}
        <form class="panel" method="post" action={`${BASE}/login`}>
          {first && (
            <>
              <LoginField name="api_key" label="API key" autocomplete="off" />
              <LoginField name="api_secret" label="API secret" type="password" autocomplete="off" />
            </>
          )}
          <LoginField name="username" label="User name" autocomplete="username" />
          <LoginField
            name="password"
            label="Password"
            type="password"
            autocomplete={first ? "new-password" : "current-password"}
          />
          {first && (
            <p class="soft">8 to 64 characters, for instance letters and digits together.</p>
          )}
          <button type="submit">{first ? "Make the user and log in" : "Log in"}</button>
        </form>
      </main>
    </Document>
  );
  return context.html(html`<!DOCTYPE html>${content}`, problem === undefined ? 200 : 401);
}

function LoginField(
  { name, label, type = "text", autocomplete }: {
    name: string;
    label: string;
    type?: string;
    autocomplete: string;
  },
) {
  return (
    <div class="field">
      <label for={name}>{label}</label>
      <input id={name} name={name} type={type} autocomplete={autocomplete} required />
    </div>
  );
}
