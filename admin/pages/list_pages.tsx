/** Pages that make, change, move and delete the tables of a list. */
import type { Hono } from "hono";
import type { ConfigEdit, LoginOutcome } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { Act, Confirm, PostForm, SettingFields } from "./form.tsx";
import {
  kindOf,
  listEdit,
  rearranged,
  type Table,
  type TableKind,
  type TableList,
  tablesOf,
} from "./lists.ts";
import { page } from "./page.tsx";
import { Steps } from "./parts.tsx";
import {
  BASE,
  changeConfig,
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  type Refused,
  refuseOld,
  submit,
} from "./request.ts";
import { readSettings, type Setting, withEntries } from "./settings.ts";

/** What differs between the lists. */
export interface ListPart {
  /** Path below the dashboard: `new`, `edit` and `change` are below it. */
  readonly base: string;
  /** The page that shows the list, and its title. */
  readonly home: readonly [path: string, title: string];
  /** What one of them is called, such as "authenticator". */
  readonly noun: string;
  readonly kinds: readonly TableKind[];
  /** What is chosen first, then the kind, then the fields. */
  readonly steps: readonly string[];
  /** Names of the groups, in the order in which they are offered. */
  readonly groups: Readonly<Record<string, string>>;
  /** True: a new one goes to the front of the list. */
  readonly first?: boolean;
  /** @throws {Problem} 404 */
  listOf(deps: PageDeps, id: string): TableList;
  /** A table as its form shows it. */
  present?(table: Table): Table;
  /** The table as it is kept, with what the form could not show. */
  finish?(next: Table, before: Table | undefined): Table;
  /** Where to go on after one was made; undefined: to the list. */
  after?(list: TableList, kind: string): string | undefined;
  /** True: a login can be tried before anything is saved. */
  readonly canTry?: boolean;
}

const ENABLE: Setting = { name: "enable", label: "Enabled", kind: "flag", initial: true };

/** Who tries to log in. */
const TRIAL: readonly Setting[] = [
  { name: "try_username", label: "User name", kind: "text" },
  { name: "try_password", label: "Password", kind: "secret" },
  { name: "try_clientid", label: "Client id", kind: "text", initial: "test" },
];

/** What a form means for its list. */
interface Plan {
  readonly list: TableList;
  readonly index: number;
  readonly edits: readonly ConfigEdit[];
  readonly isSame: boolean;
}

/** The pages of a list. */
export function listPages(app: Hono<AdminEnv>, deps: PageDeps, part: ListPart): void {
  const { base, home, canTry } = part;
  const change = async (context: AdminContext, form: Form, done: "added" | "saved") => {
    const isNew = done === "added";
    const { version } = deps.control.config;
    const plan = await (isNew ? planNew(deps, part, form) : planEdit(deps, part, form));
    if (canTry && form.text("do") === "test") {
      const outcome = await deps.control.tryDraft(
        { chain: plan.list.id, index: plan.index, edits: plan.edits },
        loginOf(form),
      );
      return isNew
        ? newPage(context, deps, part, { form, outcome })
        : editPage(context, deps, part, { form, outcome });
    }
    if (!isNew) refuseOld(deps, form);
    if (plan.isSame) return go(context, home[0], "nothing");
    await changeConfig(context, deps, plan.edits, version);
    const next = isNew ? part.after?.(plan.list, form.text("kind")) : undefined;
    return go(context, next ?? home[0], done);
  };
  app.get(`${base}/new`, (context) => newPage(context, deps, part, {}));
  app.post(`${base}/new`, (context) =>
    submit(
      context,
      (form) => change(context, form, "added"),
      (refused) => newPage(context, deps, part, { form: refused.form, refused }),
    ));
  app.get(`${base}/edit`, (context) => editPage(context, deps, part, {}));
  app.post(`${base}/edit`, (context) =>
    submit(
      context,
      (form) => change(context, form, "saved"),
      (refused) => editPage(context, deps, part, { form: refused.form, refused }),
    ));
  app.post(`${base}/change`, async (context) => {
    const form = await context.req.parseBody();
    const text = (name: string) => String(form[name] ?? "");
    if (text("version") !== deps.control.config.version) {
      const message = "somebody else changed the configuration meanwhile: look at it again";
      throw new Problem(409, "CONFLICT", message);
    }
    const list = part.listOf(deps, text("list"));
    const next = rearranged(tablesOf(deps, list, "written"), Number(text("index")), text("do"));
    await changeConfig(context, deps, [listEdit(list, next)]);
    return go(context, home[0], text("do") === "delete" ? "deleted" : "saved");
  });
}

async function planNew(deps: PageDeps, part: ListPart, form: Form): Promise<Plan> {
  const list = part.listOf(deps, form.text("list"));
  const kind = part.kinds.find(({ id }) => id === form.text("kind"));
  if (kind === undefined) throw fieldProblem("kind", "is none that can be made here");
  const tables = tablesOf(deps, list, "written");
  if (list.single && tables.length > 0) {
    const message = `${list.label} has an ${part.noun} already: delete it first`;
    throw new Problem(400, "ALREADY_EXISTS", message);
  }
  const entries = await readSettings(form, kind.settings, undefined);
  const made = withEntries(kind.fixed, entries);
  const value = part.finish?.(made, undefined) ?? made;
  const next = part.first ? [value, ...tables] : [...tables, value];
  const index = part.first ? 0 : tables.length;
  return { list, index, edits: [listEdit(list, next)], isSame: false };
}

async function planEdit(deps: PageDeps, part: ListPart, form: Form): Promise<Plan> {
  const { list, index, shown, settings } = find(deps, part, form.text("list"), form.text("index"));
  const entries = await readSettings(form, settings, shown);
  const next = tablesOf(deps, list, "written").map((table, i) => {
    if (i !== index) return table;
    const changed = withEntries(table, entries);
    return part.finish?.(changed, table) ?? changed;
  });
  return { list, index, edits: [listEdit(list, next)], isSame: entries.length === 0 };
}

/** @throws {Problem} 404 */
function find(deps: PageDeps, part: ListPart, id: string, number: string) {
  const list = part.listOf(deps, id);
  const index = Number(number);
  const table = tablesOf(deps, list, "shown")[index];
  if (table === undefined) {
    throw new Problem(404, "NOT_FOUND", `that ${part.noun} has gone; look at the list again`);
  }
  const shown = part.present?.(table) ?? table;
  const kind = kindOf(part.kinds, shown);
  const settings = [...(shown.enable === undefined ? [] : [ENABLE]), ...kind?.settings ?? []];
  return { list, index, shown, settings, kind };
}

function loginOf(form: Form) {
  return {
    clientId: form.text("try_clientid") || "test",
    username: form.text("try_username") || undefined,
    password: form.text("try_password") || undefined,
  };
}

/** What a page shows beside what is configured. */
interface Shown {
  readonly form?: Form;
  readonly refused?: Refused;
  readonly outcome?: LoginOutcome;
}

function newPage(context: AdminContext, deps: PageDeps, part: ListPart, shown: Shown) {
  const { form } = shown;
  const word = (name: string) => form?.text(name) ?? context.req.query(name) ?? "";
  const list = part.listOf(deps, word("list"));
  const kind = part.kinds.find(({ id }) => id === word("kind"));
  const group = context.req.query("group");
  const hasGroups = Object.keys(part.groups).length > 0;
  const step = kind !== undefined ? part.steps.length : hasGroups && group !== undefined ? 2 : 1;
  return page(context, {
    title: `New ${part.noun}: ${[list.label, kind?.label].filter(Boolean).join(", ")}`,
    menu: part.home[0],
    above: part.home,
    refused: shown.refused,
    body: (
      <>
        <Steps labels={part.steps} now={step} />
        {kind === undefined ? <Choices part={part} list={list} group={group} /> : (
          <KindForm
            context={context}
            part={part}
            action={`${part.base}/new`}
            settings={kind.settings}
            table={undefined}
            fields={{ list: list.id, kind: kind.id }}
            submit="Create"
            shown={shown}
          />
        )}
      </>
    ),
  });
}

function Choices(
  { part, list, group }: { part: ListPart; list: TableList; group: string | undefined },
) {
  const groups = Object.entries(part.groups);
  const choices = groups.length > 0 && group === undefined
    ? groups.map(([id, label]) => ["group", id, label] as const)
    : part.kinds.filter((kind) => kind.group === (group ?? ""))
      .map(({ id, label }) => ["kind", id, label] as const);
  return (
    <>
      <ul class="choices">
        {choices.map(([name, value, label]) => {
          const query = new URLSearchParams({ list: list.id, [name]: value });
          return (
            <li>
              <a href={`${BASE}${part.base}/new?${query}`}>{label}</a>
            </li>
          );
        })}
      </ul>
      <a class="button plain" href={BASE + part.home[0]}>Cancel</a>
    </>
  );
}

function editPage(context: AdminContext, deps: PageDeps, part: ListPart, shown: Shown) {
  const word = (name: string) => shown.form?.text(name) ?? context.req.query(name) ?? "";
  const { list, index, shown: table, settings, kind } = find(
    deps,
    part,
    word("list"),
    word("index"),
  );
  return page(context, {
    title: [list.label, kind?.label ?? part.noun].filter(Boolean).join(": "),
    menu: part.home[0],
    above: part.home,
    refused: shown.refused,
    body: kind === undefined
      ? (
        <p class="note warn">
          This {part.noun} is of a kind that has no form here. Change it under{" "}
          <a href={`${BASE}/configuration`}>Configuration</a>.
        </p>
      )
      : (
        <KindForm
          context={context}
          part={part}
          action={`${part.base}/edit`}
          settings={settings}
          table={table}
          fields={{ list: list.id, index: String(index), version: deps.control.config.version }}
          submit="Update"
          shown={shown}
        />
      ),
  });
}

function KindForm(
  { context, part, action, settings, table, fields, submit, shown }: {
    context: AdminContext;
    part: ListPart;
    action: string;
    settings: readonly Setting[];
    table: Table | undefined;
    fields: Readonly<Record<string, string>>;
    submit: string;
    shown: Shown;
  },
) {
  const { form } = shown;
  return (
    <PostForm
      context={context}
      action={action}
      settings={settings}
      table={table}
      entered={form}
      refused={shown.refused}
      fields={fields}
      submit={submit}
      cancel={part.home[0]}
    >
      {part.canTry && (
        <fieldset>
          <legend>Test login</legend>
          <p class="soft">
            Tries what the form says with this login. Nothing is saved by it.
          </p>
          <SettingFields
            settings={TRIAL}
            table={undefined}
            refused={form && { form }}
            prefix={action}
          />
          <button type="submit" class="plain" name="do" value="test">Test login</button>
          {shown.outcome !== undefined && <Outcome outcome={shown.outcome} />}
        </fieldset>
      )}
    </PostForm>
  );
}

/** What came of a login that was tried. */
export function Outcome({ outcome }: { outcome: LoginOutcome }) {
  const { result, method, superuser, reason, duration_ms } = outcome;
  const words = {
    allow: "Allow: this login is let in",
    deny: "Deny: this login is turned away",
    ignore: "Ignore: nobody decides about this login, so it is not let in",
  };
  return (
    <p class={`note ${result === "allow" ? "good" : "bad"}`} role="status" id="outcome">
      {words[result]}
      {method !== undefined && `, by ${method}`}
      {superuser === true && ", as a superuser"}
      {reason !== undefined && `. Reason: ${reason}`} ({duration_ms.toFixed(1)} ms).
    </p>
  );
}

/** The buttons of one table in its list. */
export function ListActions(
  { context, deps, part, list, index, table, question }: {
    context: AdminContext;
    deps: PageDeps;
    part: ListPart;
    list: TableList;
    index: number;
    table: Table;
    /** Asked before it is deleted. */
    question: string;
  },
) {
  const at = { list: list.id, index: String(index) };
  const fields = { ...at, version: deps.control.config.version };
  const action = `${part.base}/change`;
  return (
    <div class="row">
      <a class="button plain" href={`${BASE}${part.base}/edit?${new URLSearchParams(at)}`}>Edit</a>
      {index > 0 && (
        <Act context={context} action={action} label="Up" fields={{ ...fields, do: "up" }} />
      )}
      {table.enable !== undefined && (
        <Act
          context={context}
          action={action}
          label={table.enable ? "Disable" : "Enable"}
          fields={{ ...fields, do: "switch" }}
        />
      )}
      <Confirm
        context={context}
        action={action}
        label="Delete"
        question={question}
        fields={{ ...fields, do: "delete" }}
      />
    </div>
  );
}
