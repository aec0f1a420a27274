/** API keys: made here, shown once, switched off and deleted. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { ROLES, SCOPES } from "../auth/caller.ts";
import { Act, Confirm, PostForm } from "./form.tsx";
import { page } from "./page.tsx";
import { Facts, Table, Tag } from "./parts.tsx";
import { fieldProblem, go, type PageDeps, readForm, type Refused, submit } from "./request.ts";
import { readSettings, type Setting } from "./settings.ts";

const SETTINGS: readonly Setting[] = [
  {
    name: "name",
    label: "Name",
    kind: "text",
    required: true,
    help: "A letter, then letters, digits, - and _.",
  },
  {
    name: "role",
    label: "Role",
    kind: "choice",
    choices: ROLES,
    labels: {
      administrator: "administrator: may do everything",
      viewer: "viewer: may read everything",
      publisher: "publisher: may publish messages",
    },
  },
  { name: "expires", label: "Expires", kind: "date", help: "Empty: never." },
  { name: "desc", label: "Description", kind: "text" },
  ...SCOPES.map((scope): Setting => ({
    name: `scope-${scope}`,
    label: `Scope: ${scope.replace("_", " ")}`,
    kind: "flag",
    initial: true,
    more: true,
  })),
];

/** `/keys`. */
export function keyPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { keys } = deps.auth;
  app.get("/keys", (context) => listPage(context, deps));
  app.post("/keys", (context) =>
    submit(context, async (form) => {
      await readSettings(form, SETTINGS, undefined);
      const name = form.text("name").trim();
      if (!/^[A-Za-z][\w-]{0,255}$/.test(name)) {
        throw fieldProblem("name", "must be a letter, then letters, digits, - and _");
      }
      if (keys.get(name) !== undefined) {
        throw fieldProblem("name", "there is a key of that name already");
      }
      const day = form.text("expires");
      const expiresAt = day === "" ? Infinity : Date.parse(day);
      if (!(expiresAt > deps.control.now())) {
        throw fieldProblem("expires", "must be a day that has not passed");
      }
      const role = ROLES.find((one) => one === form.text("role"));
      const scopes = SCOPES.filter((scope) => form.flag(`scope-${scope}`));
      if (scopes.length === 0) {
        throw fieldProblem(`scope-${SCOPES[0]}`, "a key must be good for something");
      }
      const made = keys.create(name, {
        desc: form.text("desc"),
        role,
        expiresAt,
        ...(scopes.length < SCOPES.length && { scopes }),
      });
      context.set("note", "made");
      return listPage(context, deps, { made });
    }, (refused) => listPage(context, deps, { refused })));
  app.post("/keys/enable", async (context) => {
    const form = await readForm(context);
    keys.update(form.text("name"), { enable: form.text("enable") === "true" });
    return go(context, "/keys", "saved");
  });
  app.post("/keys/delete", async (context) => {
    keys.delete((await readForm(context)).text("name"));
    return go(context, "/keys", "deleted");
  });
}

interface Shown {
  readonly made?: { readonly api_key: string; readonly api_secret: string };
  readonly refused?: Refused;
}

function listPage(context: AdminContext, { auth }: PageDeps, { made, refused }: Shown = {}) {
  return page(context, {
    title: "API keys",
    menu: "/keys",
    refused,
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
        <p class="soft">Programs use them for the API, as user name and password.</p>
        <div class="panel">
          <Table
            label="API keys"
            heads={["Name", "Key", "Role", "Expires", "State", "Actions"]}
            empty="There is no key: make one below."
            rows={auth.keys.list().map((key) => [
              key.desc === "" ? key.name : `${key.name} (${key.desc})`,
              <code>{key.api_key}</code>,
              key.scopes === undefined ? key.role : `${key.role}: ${key.scopes.join(", ")}`,
              key.expired_at === "infinity" ? "never" : key.expired_at,
              <Tag good={key.enable && !key.expired}>
                {key.expired ? "expired" : key.enable ? "enabled" : "disabled"}
              </Tag>,
              <div class="row">
                <Act
                  context={context}
                  action="/keys/enable"
                  label={key.enable ? "Disable" : "Enable"}
                  fields={{ name: key.name, enable: String(!key.enable) }}
                />
                <Confirm
                  context={context}
                  action="/keys/delete"
                  label="Delete"
                  question={`Delete ${key.name}? Programs that use it can no longer do anything.`}
                  fields={{ name: key.name }}
                />
              </div>,
            ])}
          />
        </div>
        <PostForm
          context={context}
          action="/keys"
          title="Make a key"
          settings={SETTINGS}
          refused={refused}
          submit="Make key"
        />
      </>
    ),
  });
}
