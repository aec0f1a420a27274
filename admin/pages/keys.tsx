/** API keys: made here, shown once, switched off and deleted. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { ROLES } from "../auth/caller.ts";
import { Problem } from "../problem.ts";
import { BASE, Csrf, go, page, type PageDeps, submit } from "./page.tsx";
import { Confirm, Facts, Table, Tag } from "./parts.tsx";

/** `/keys`. */
export function keyPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { keys } = deps.auth;
  app.get("/keys", (context) => listPage(context, deps));
  app.post("/keys", (context) =>
    submit(context, (form) => {
      const name = form.text("name").trim();
      if (!/^[A-Za-z][\w-]{0,255}$/.test(name)) {
        throw new Problem(400, "BAD_REQUEST", "name: a letter, then letters, digits, - and _");
      }
      const day = form.text("expires");
      const made = keys.create(name, {
        desc: form.text("desc"),
        role: ROLES.find((role) => role === form.text("role")),
        expiresAt: day === "" ? Infinity : Date.parse(day),
      });
      return listPage(context, deps, undefined, made);
    }, (problem) => listPage(context, deps, problem)));
  app.post("/keys/enable", (context) =>
    submit(context, (form) => {
      keys.update(form.text("name"), { enable: form.text("enable") === "true" });
      return go(context, "/keys", "saved");
    }, (problem) => listPage(context, deps, problem)));
  app.post("/keys/delete", (context) =>
    submit(context, (form) => {
      keys.delete(form.text("name"));
      return go(context, "/keys", "deleted");
    }, (problem) => listPage(context, deps, problem)));
}

function listPage(
  context: AdminContext,
  { auth }: PageDeps,
  problem?: string,
  made?: { readonly api_key: string; readonly api_secret: string },
) {
  return page(context, {
    title: "API keys",
    menu: "/keys",
    problem,
    body: (
      <>
        {made !== undefined && (
          <section class="note good" role="status">
            <p>Copy the secret now: it is not shown again.</p>
            <Facts
              facts={[
                ["API key", <code>{made.api_key}</code>],
                ["API secret", <code>{made.api_secret}</code>],
              ]}
            />
          </section>
        )}
        <div class="panel">
          <Table
            label="API keys"
            heads={["Name", "Key", "Role", "Expires", "State", "Actions"]}
            empty="No key was made."
            rows={auth.keys.list().map((key) => [
              key.desc === "" ? key.name : `${key.name} (${key.desc})`,
              <code>{key.api_key}</code>,
              key.role,
              key.expired_at === "infinity" ? "never" : key.expired_at,
              <Tag good={key.enable && !key.expired}>
                {key.expired ? "expired" : key.enable ? "enabled" : "disabled"}
              </Tag>,
              <div class="row">
                <form method="post" action={`${BASE}/keys/enable`}>
                  <Csrf context={context} />
                  <input type="hidden" name="name" value={key.name} />
                  <input type="hidden" name="enable" value={String(!key.enable)} />
                  <button type="submit" class="plain">{key.enable ? "Disable" : "Enable"}</button>
                </form>
                <Confirm
                  context={context}
                  action="/keys/delete"
                  label="Delete"
                  question={`Programs with the key ${key.name} can no longer do anything.`}
                  fields={{ name: key.name }}
                />
              </div>,
            ])}
          />
        </div>
        <NewKey context={context} />
      </>
    ),
  });
}

function NewKey({ context }: { context: AdminContext }) {
  return (
    <form class="panel" method="post" action={`${BASE}/keys`}>
      <h2>Make a key</h2>
      <Csrf context={context} />
      <div class="filter">
        <div>
          <label for="name">Name</label>
          <input id="name" name="name" required />
        </div>
        <div>
          <label for="role">Role</label>
          <select id="role" name="role">
            {ROLES.map((role) => <option>{role}</option>)}
          </select>
        </div>
        <div>
          <label for="expires">Expires (empty: never)</label>
          <input id="expires" name="expires" type="date" />
        </div>
        <div>
          <label for="desc">Description</label>
          <input id="desc" name="desc" />
        </div>
        <div>
          <button type="submit">Make key</button>
        </div>
      </div>
    </form>
  );
}
