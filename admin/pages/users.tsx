/** Users of a built-in database: search, add, change, delete, import. */
import type { Hono } from "hono";
import type { UserView } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { type Chain, chainNamed, chainOf } from "./chains.ts";
import { BASE, Csrf, type Form, go, page, type PageDeps, submit } from "./page.tsx";
import { Confirm, pageNumber, Pager, Table } from "./parts.tsx";

const LIMIT = 50;

/** `/users` and below. */
export function userPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { users } = deps.control;
  const change = (
    path: string,
    done: "added" | "saved" | "deleted",
    act: (form: Form, chain: Chain) => unknown,
  ) =>
    app.post(path, (context) =>
      submit(context, async (form) => {
        const chain = chainNamed(form.text("chain"));
        await act(form, chain);
        return go(context, `/users?chain=${chain.id}`, done);
      }, (problem, form) => listPage(context, deps, chainNamed(form.text("chain")), problem)));
  app.get("/users", (context) => listPage(context, deps, chainOf(context)));
  change("/users", "added", async (form, { id }) => {
    const user = {
      user_id: form.text("user_id").trim(),
      password: form.text("password"),
      is_superuser: form.flag("is_superuser"),
    };
    if (user.user_id === "" || user.password === "") {
      throw new Problem(400, "BAD_REQUEST", "a user needs a name and a password");
    }
    refuse((await users.create(id, user)).kind);
  });
  change("/users/edit", "saved", async (form, { id }) => {
    const password = form.text("password") || undefined;
    const outcome = await users.update(id, form.text("user_id"), {
      password,
      is_superuser: form.flag("is_superuser"),
    });
    refuse(outcome.kind);
  });
  change("/users/delete", "deleted", (form, { id }) => {
    if (!users.delete(id, form.text("user_id"))) refuse("no user");
  });
  app.post("/users/import", (context) =>
    submit(context, async (form) => {
      const chain = chainNamed(form.text("chain"));
      const text = await form.file("file") ?? form.text("text");
      const format = text.trimStart().startsWith("[") ? "json" : "csv";
      const type = form.text("type") === "hash" ? "hash" : "plain";
      const { total, success, override, skipped, failed } = await importUsers(() =>
        users.import(chain.id, text, format, type)
      );
      const said = `${total} read: ${success} new, ${override} replaced, ` +
        `${skipped} skipped, ${failed} refused`;
      return listPage(context, deps, chain, undefined, said);
    }, (problem, form) => listPage(context, deps, chainNamed(form.text("chain")), problem)));
}

/** @throws {Problem} a file that cannot be used */
async function importUsers<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ImportProblem") throw error;
    throw new Problem(400, "BAD_REQUEST", error.message);
  }
}

/** @throws {Problem} it was not done */
function refuse(kind: "done" | "exists" | "no user"): void {
  if (kind === "exists") {
    throw new Problem(400, "ALREADY_EXISTS", "there is a user of that name already");
  }
  if (kind === "no user") throw new Problem(404, "USER_NOT_FOUND", "there is no such user");
}

function listPage(
  context: AdminContext,
  { control }: PageDeps,
  chain: Chain,
  problem?: string,
  said?: string,
) {
  const isThere = control.users.has(chain.id);
  const like = context.req.query("like") ?? "";
  const number = pageNumber(context);
  const list = isThere
    ? control.users.list(chain.id, { page: number, limit: LIMIT, like: like || undefined })
    : { data: [], hasNext: false };
  return page(context, {
    title: `Users for ${chain.label}`,
    menu: "/authentication",
    problem,
    body: !isThere
      ? <p class="note warn">Create an authenticator with the built-in database first.</p>
      : (
        <>
          {said !== undefined && <p class="note good" role="status">{said}</p>}
          <AddForm context={context} chain={chain} />
          <section class="panel">
            <h2>Users</h2>
            <form class="row end" method="get" role="search">
              <input type="hidden" name="chain" value={chain.id} />
              <div>
                <label for="like">Name contains</label>
                <input id="like" name="like" value={like} />
              </div>
              <button type="submit">Search</button>
            </form>
            <Table
              label="Users"
              heads={["User", "Superuser", "Change", "Delete"]}
              empty="No user fits."
              rows={list.data.map((user) => userRow(context, chain, user))}
            />
            <Pager
              path="/users"
              query={{ chain: chain.id, like }}
              page={number}
              hasNext={list.hasNext}
            />
          </section>
          <ImportForm context={context} chain={chain} />
        </>
      ),
  });
}

function userRow(context: AdminContext, chain: Chain, { user_id, is_superuser }: UserView) {
  return [
    user_id,
    is_superuser ? "yes" : "no",
    <form class="row" method="post" action={`${BASE}/users/edit`}>
      <Csrf context={context} />
      <input type="hidden" name="chain" value={chain.id} />
      <input type="hidden" name="user_id" value={user_id} />
      <input
        type="password"
        name="password"
        placeholder="new password"
        aria-label={`New password of ${user_id}`}
        autocomplete="new-password"
      />
      <label class="check">
        <input type="checkbox" name="is_superuser" checked={is_superuser} /> superuser
      </label>
      <button type="submit" class="plain">Save</button>
    </form>,
    <Confirm
      context={context}
      action="/users/delete"
      label="Delete"
      question={`Delete ${user_id}?`}
      fields={{ chain: chain.id, user_id }}
    />,
  ];
}

function AddForm({ context, chain }: { context: AdminContext; chain: Chain }) {
  return (
    <form class="panel" method="post" action={`${BASE}/users`}>
      <h2>Add a user</h2>
      <Csrf context={context} />
      <input type="hidden" name="chain" value={chain.id} />
      <div class="filter">
        <div>
          <label for="user_id">User</label>
          <input id="user_id" name="user_id" autocomplete="off" required />
        </div>
        <div>
          <label for="password">Password</label>
          <input
            id="password"
            name="password"
            type="password"
            autocomplete="new-password"
            required
          />
        </div>
        <label class="check">
          <input type="checkbox" name="is_superuser" /> Superuser
        </label>
        <div>
          <button type="submit">Add user</button>
        </div>
      </div>
    </form>
  );
}

function ImportForm({ context, chain }: { context: AdminContext; chain: Chain }) {
  return (
    <form
      class="panel"
      method="post"
      action={`${BASE}/users/import`}
      enctype="multipart/form-data"
    >
      <h2>Import</h2>
      <Csrf context={context} />
      <input type="hidden" name="chain" value={chain.id} />
      <div class="field">
        <label for="text">CSV or JSON</label>
        <textarea id="text" name="text" spellcheck={false}>
          {"user_id,password,is_superuser\n"}
        </textarea>
        <input type="file" name="file" aria-label="File with users" />
      </div>
      <div class="field">
        <label for="type">Passwords are</label>
        <select id="type" name="type">
          <option value="plain">as they are</option>
          <option value="hash">hashed (password_hash and salt)</option>
        </select>
      </div>
      <button type="submit">Import</button>
    </form>
  );
}
