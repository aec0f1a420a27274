/** Users of a built-in database: search, add, change, delete, import. */
import type { Hono } from "hono";
import type { UserView } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { chainNamed, usersPath } from "./authentication.tsx";
import { Confirm, PostForm, SearchForm } from "./form.tsx";
import { type ImportJob, ImportJobs } from "./import_jobs.ts";
import type { TableList } from "./lists.ts";
import { page } from "./page.tsx";
import { count, Facts, pageNumber, Pager, Table, Tag } from "./parts.tsx";
import {
  BASE,
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  type Refused,
  submit,
} from "./request.ts";
import { readSettings, type Setting, valueOf, withEntries } from "./settings.ts";

const LIMIT = 50;
const MENU = "/authentication";

const SUPERUSER: Setting = {
  name: "is_superuser",
  label: "Superuser: may do everything, no rule is asked",
  kind: "flag",
};
const NEW_USER: readonly Setting[] = [
  { name: "user_id", label: "User", kind: "text", required: true },
  { name: "password", label: "Password", kind: "password", required: true },
  SUPERUSER,
];
const EDIT_USER: readonly Setting[] = [
  {
    name: "password",
    label: "New password",
    kind: "password",
    help: "Empty: the password stays.",
  },
  SUPERUSER,
];
const IMPORT: readonly Setting[] = [
  {
    name: "text",
    label: "CSV or JSON",
    kind: "pem",
    required: true,
    initial: "user_id,password,is_superuser\n",
    help:
      "Paste it or choose a file of at most 4 MB. A JSON file is an array of objects with the " +
      "names of the CSV header. Users that are there already are replaced.",
  },
  {
    name: "type",
    label: "Passwords are",
    kind: "choice",
    choices: ["plain", "hash"],
    labels: { plain: "as they are", hash: "hashed: columns password_hash and salt" },
  },
];

/** `/users` and below. */
export function userPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { users } = deps.control;
  const jobs = new ImportJobs();
  const chainOf = (form: Form) => chainNamed(deps, form.text("chain"));
  const refusedList = (context: AdminContext) => (refused: Refused) =>
    listPage(context, deps, chainOf(refused.form), refused);
  app.get(
    "/users",
    (context) => listPage(context, deps, chainNamed(deps, context.req.query("chain") ?? "")),
  );
  app.post("/users", (context) =>
    submit(context, async (form) => {
      const { id } = chainOf(form);
      const user = withEntries({}, await readSettings(form, NEW_USER, undefined));
      const { user_id, password, is_superuser } = user as unknown as UserView & Password;
      refuse((await users.create(id, { user_id, password, is_superuser })).kind);
      return go(context, usersPath(id), "added");
    }, refusedList(context)));
  app.get("/users/edit", (context) => editPage(context, deps));
  app.post("/users/edit", (context) =>
    submit(context, async (form) => {
      const { id } = chainOf(form);
      const password = form.text("password") || undefined;
      const is_superuser = form.flag("is_superuser");
      refuse((await users.update(id, form.text("user_id"), { password, is_superuser })).kind);
      return go(context, usersPath(id), "saved");
    }, (refused) => editPage(context, deps, refused)));
  app.post("/users/delete", (context) =>
    submit(context, (form) => {
      const { id } = chainOf(form);
      if (!users.delete(id, form.text("user_id"))) refuse("no user");
      return go(context, usersPath(id), "deleted");
    }, refusedList(context)));
  app.post("/users/import", (context) =>
    submit(context, async (form) => {
      const { id } = chainOf(form);
      const text = valueOf(
        withEntries({}, await readSettings(form, IMPORT, undefined)),
        "text",
      );
      if (typeof text !== "string") throw fieldProblem("text", "is needed: paste or choose a file");
      const format = text.trimStart().startsWith("[") ? "json" : "csv";
      const type = form.text("type") === "hash" ? "hash" : "plain";
      const job = await jobs.start(id, (progress) => {
        return users.import(id, text, format, type, progress);
      });
      return go(context, `/users/import?job=${job.id}`);
    }, refusedList(context)));
  importPages(app, deps, jobs);
}

type Password = { readonly password: string };

/** Where a running import is watched. */
function importPages(app: Hono<AdminEnv>, deps: PageDeps, jobs: ImportJobs): void {
  const jobOf = (context: AdminContext) => {
    const job = jobs.get(context.req.query("job") ?? "");
    if (job === undefined) throw new Problem(404, "NOT_FOUND", "that import is forgotten already");
    return job;
  };
  app.get("/users/import", (context) => {
    const job = jobOf(context);
    const { label } = chainNamed(deps, job.chain);
    return page(context, {
      title: `Import of users: ${label}`,
      menu: MENU,
      above: [usersPath(job.chain), `Users: ${label}`],
      body: (
        <div class="panel" data-live={`${BASE}/live/import?job=${job.id}`}>
          <Job job={job} />
        </div>
      ),
    });
  });
  app.get("/live/import", (context) => context.html(<Job job={jobOf(context)} />));
}

function Job({ job: { chain, done, total, result, failure } }: { job: ImportJob }) {
  const back = <a class="button" href={BASE + usersPath(chain)}>Show the users</a>;
  if (failure !== undefined) {
    return (
      <>
        <p class="note bad" role="alert">Nothing was imported: {failure}</p>
        {back}
      </>
    );
  }
  if (result === undefined) {
    return (
      <>
        <p role="status">
          {count(done)} of {count(total)} rows are read. You may leave this page meanwhile.
        </p>
        <progress value={done} max={Math.max(1, total)} aria-label="Progress of the import" />
      </>
    );
  }
  return (
    <>
      <p class="note good" role="status">The import is complete.</p>
      <Facts
        facts={[
          ["Rows read", count(result.total)],
          ["New users", count(result.success)],
          ["Replaced", count(result.override)],
          ["Skipped: were there already, just like that", count(result.skipped)],
          ["Refused", count(result.failed)],
        ]}
      />
      {back}
    </>
  );
}

/** @throws {Problem} it was not done */
function refuse(kind: "done" | "exists" | "no user"): void {
  if (kind === "exists") throw fieldProblem("user_id", "there is a user of that name already");
  if (kind === "no user") throw new Problem(404, "USER_NOT_FOUND", "there is no such user");
}

function listPage(
  context: AdminContext,
  deps: PageDeps,
  list: TableList,
  refused?: Refused,
) {
  const fields = { chain: list.id };
  return page(context, {
    title: `Users: ${list.label}`,
    menu: MENU,
    above: [MENU, "Authentication"],
    refused,
    body: !deps.control.users.has(list.id)
      ? (
        <p class="note warn">
          There is no built-in database here. Create an authenticator with one under{" "}
          <a href={BASE + MENU}>Authentication</a>.
        </p>
      )
      : (
        <>
          <PostForm
            context={context}
            action="/users"
            title="Add a user"
            settings={NEW_USER}
            refused={refused}
            fields={fields}
            submit="Add user"
          />
          <Users context={context} deps={deps} chain={list.id} />
          <PostForm
            context={context}
            action="/users/import"
            title="Import users"
            settings={IMPORT}
            refused={refused}
            fields={fields}
            submit="Import"
          />
        </>
      ),
  });
}

function Users(
  { context, deps, chain }: { context: AdminContext; deps: PageDeps; chain: string },
) {
  const like = context.req.query("like") ?? "";
  const number = pageNumber(context);
  const query = { page: number, limit: LIMIT, like: like || undefined };
  const { data, count: total, hasNext } = deps.control.users.list(chain, query);
  return (
    <>
      <SearchForm
        action="/users"
        settings={[{ name: "like", label: "Name contains", kind: "text" }]}
        values={{ like }}
        fields={{ chain }}
        reset={usersPath(chain)}
      />
      <section class="panel">
        {total !== undefined && <p class="soft">{count(total)} in all</p>}
        <Table
          label="Users"
          heads={["User", "Superuser", "Actions"]}
          empty={like === ""
            ? "There is no user yet: add the first one above, or import a file below."
            : "No name contains that."}
          rows={data.map((user) => userRow(context, chain, user))}
        />
        <Pager path="/users" query={{ chain, like }} page={number} hasNext={hasNext} />
      </section>
    </>
  );
}

function userRow(context: AdminContext, chain: string, { user_id, is_superuser }: UserView) {
  return [
    user_id,
    is_superuser ? <Tag>superuser</Tag> : "no",
    <div class="row">
      <a
        class="button plain"
        href={`${BASE}/users/edit?${new URLSearchParams({ chain, user_id })}`}
      >
        Edit
      </a>
      <Confirm
        context={context}
        action="/users/delete"
        label="Delete"
        question={`Delete the user ${user_id}? Who is connected stays so until the connection ends.`}
        fields={{ chain, user_id }}
      />
    </div>,
  ];
}

function editPage(context: AdminContext, deps: PageDeps, refused?: Refused) {
  const word = (name: string) => refused?.form.text(name) ?? context.req.query(name) ?? "";
  const { id, label } = chainNamed(deps, word("chain"));
  const user = deps.control.users.get(id, word("user_id"));
  if (user === undefined) throw new Problem(404, "USER_NOT_FOUND", "there is no such user");
  return page(context, {
    title: user.user_id,
    menu: MENU,
    above: [usersPath(id), `Users: ${label}`],
    refused,
    body: (
      <PostForm
        context={context}
        action="/users/edit"
        settings={EDIT_USER}
        table={user}
        refused={refused}
        fields={{ chain: id, user_id: user.user_id }}
        submit="Update"
        cancel={usersPath(id)}
      />
    ),
  });
}
