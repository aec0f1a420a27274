/** People who use this dashboard: who they are, what they may do, and their passwords. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import type { Caller } from "../auth/caller.ts";
import { USER_ROLES } from "../auth/users.ts";
import { Problem } from "../problem.ts";
import { Confirm, PostForm } from "./form.tsx";
import { page } from "./page.tsx";
import { Table, Tag } from "./parts.tsx";
import {
  BASE,
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  readForm,
  type Refused,
  submit,
  whoLooks,
} from "./request.ts";
import { readSettings, type Setting } from "./settings.ts";

const HOME = ["/accounts", "Dashboard users"] as const;
/** Also for viewers: their own password. */
export const PASSWORD_PATH = "/accounts/password";

const RULE = "8 to 64 characters of at least two kinds, such as letters and digits.";

const ROLE: Setting = {
  name: "role",
  label: "Role",
  kind: "choice",
  choices: USER_ROLES,
  labels: {
    administrator: "administrator: may change everything",
    viewer: "viewer: may look at everything",
  },
};
const DESCRIPTION: Setting = { name: "description", label: "Description", kind: "text" };
const NEW_USER: readonly Setting[] = [
  { name: "username", label: "User name", kind: "text", required: true },
  { name: "password", label: "Password", kind: "password", required: true, help: RULE },
  ROLE,
  DESCRIPTION,
];
const EDIT_USER = [ROLE, DESCRIPTION];
const PASSWORD: readonly Setting[] = [
  { name: "new_password", label: "New password", kind: "password", required: true, help: RULE },
  {
    name: "own_password",
    label: "Your own password",
    kind: "secret",
    required: true,
    help: "So that nobody can do this at a screen that you left.",
  },
];

/** `/accounts` and below. */
export function accountPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { users, logins } = deps.auth;
  app.get("/accounts", (context) => listPage(context, deps));
  app.post("/accounts", (context) =>
    submit(context, async (form) => {
      await readSettings(form, NEW_USER, undefined);
      const username = form.text("username").trim();
      const user = { username, description: form.text("description"), role: roleOf(form) };
      await users.create(user, form.text("password"));
      return go(context, "/accounts", "added");
    }, (refused) => listPage(context, deps, refused)));
  app.get("/accounts/edit", (context) => editPage(context, deps));
  app.post("/accounts/edit", (context) =>
    submit(context, (form) => {
      const username = form.text("username");
      const before = users.get(username) ?? gone();
      const role = roleOf(form);
      users.update(username, { role, description: form.text("description") });
      // What a login allows was settled when it was opened.
      if (role !== before.role) logins.closeAll(username);
      return go(context, "/accounts", "saved");
    }, (refused) => editPage(context, deps, refused)));
  app.post(PASSWORD_PATH, (context) =>
    submit(
      context,
      (form) => changePassword(context, deps, form),
      (refused) => editPage(context, deps, refused),
    ));
  app.post("/accounts/delete", async (context) => {
    const username = (await readForm(context)).text("username");
    if (username === whoLooks(context).name) {
      throw new Problem(400, "BAD_REQUEST", "your own account cannot be deleted");
    }
    if (!users.delete(username)) gone();
    logins.closeAll(username);
    return go(context, "/accounts", "deleted");
  });
}

async function changePassword(
  context: AdminContext,
  { auth }: PageDeps,
  form: Form,
): Promise<Response> {
  const caller = whoLooks(context);
  const username = form.text("username");
  if (!mayChange(caller, username)) {
    throw new Problem(403, "UNAUTHORIZED_ROLE", "only administrators change others' passwords");
  }
  if (auth.users.get(username) === undefined) gone();
  await readSettings(form, PASSWORD, undefined);
  if (!await auth.users.verify(caller.name, form.text("own_password"))) {
    throw fieldProblem("own_password", "this is not your password");
  }
  try {
    await auth.users.changePassword(username, form.text("new_password"));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw fieldProblem("new_password", error.message.replace(/^password: /, ""));
  }
  auth.logins.closeAll(username);
  return username === caller.name
    ? go(context, "/login?said=changed")
    : go(context, "/accounts", "password");
}

function mayChange(caller: Caller, username: string): boolean {
  return caller.role === "administrator" || caller.name === username;
}

function roleOf(form: Form) {
  const role = USER_ROLES.find((one) => one === form.text("role"));
  if (role === undefined) throw fieldProblem("role", "is none of the choices");
  return role;
}

/** @throws {Problem} 404 */
function gone(): never {
  throw new Problem(404, "USER_NOT_FOUND", "there is no such user");
}

function listPage(context: AdminContext, { auth }: PageDeps, refused?: Refused) {
  const me = whoLooks(context);
  return page(context, {
    title: HOME[1],
    menu: HOME[0],
    refused,
    body: (
      <>
        <p class="soft">
          People who log in here. Users of NATS and MQTT clients are under{" "}
          <a href={`${BASE}/authentication`}>Authentication</a>.
        </p>
        <div class="panel">
          <Table
            label="Dashboard users"
            heads={["User name", "Role", "Description", "Actions"]}
            empty="There is none."
            rows={auth.users.list().map(({ username, role, description }) => [
              username === me.name ? `${username} (you)` : username,
              <Tag>{role}</Tag>,
              description || "–",
              <div class="row">
                {mayChange(me, username) && (
                  <a
                    class="button plain"
                    href={`${BASE}/accounts/edit?${new URLSearchParams({ username })}`}
                  >
                    Edit
                  </a>
                )}
                {username !== me.name && (
                  <Confirm
                    context={context}
                    action="/accounts/delete"
                    label="Delete"
                    question={`Delete ${username}? Who is logged in as that is logged out.`}
                    fields={{ username }}
                  />
                )}
              </div>,
            ])}
          />
        </div>
        <PostForm
          context={context}
          action="/accounts"
          title="Add a user"
          settings={NEW_USER}
          refused={refused}
          submit="Add user"
        />
      </>
    ),
  });
}

function editPage(context: AdminContext, { auth }: PageDeps, refused?: Refused) {
  const username = refused?.form.text("username") ?? context.req.query("username") ?? "";
  const user = auth.users.get(username) ?? gone();
  const fields = { username };
  return page(context, {
    title: username,
    menu: HOME[0],
    above: HOME,
    refused,
    body: (
      <>
        {whoLooks(context).role === "administrator" && (
          <PostForm
            context={context}
            action="/accounts/edit"
            title="Role"
            settings={EDIT_USER}
            table={user}
            refused={refused}
            fields={fields}
            submit="Update"
            cancel={HOME[0]}
          />
        )}
        <PostForm
          context={context}
          action={PASSWORD_PATH}
          title="Password"
          intro="Every login of this user ends with it."
          settings={PASSWORD}
          refused={refused}
          fields={fields}
          submit="Change password"
        />
      </>
    ),
  });
}
