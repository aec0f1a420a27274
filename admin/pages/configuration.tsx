/** The configuration: what holds and where it comes from, and changes as TOML. */
import type { Hono } from "hono";
import type { Change } from "../../gateway/config/diff.ts";
import type { Origin } from "../../gateway/config/layers.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { HiddenFields, SearchForm, SettingFields } from "./form.tsx";
import { page } from "./page.tsx";
import { count, Table } from "./parts.tsx";
import {
  BASE,
  type Form,
  type PageDeps,
  type Refused,
  refuseOld,
  submit,
  whoLooks,
} from "./request.ts";
import type { Setting } from "./settings.ts";

/** What came of a form. */
interface Outcome {
  readonly said: string;
  readonly changes: readonly Change[];
}

const TOML: Setting = {
  name: "toml",
  label: "Settings to change, as TOML",
  kind: "json",
  required: true,
  help: "Only what is to change, such as [mqtt] and, on the next line, max_inflight = 64.",
};
const SHOWN_MAX = 300;

/** `/configuration`. */
export function configurationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { config } = deps.control;
  app.get("/configuration", (context) => configurationPage(context, deps, {}));
  app.post("/configuration", (context) =>
    submit(context, async (form) => {
      const toml = form.text("toml");
      if (form.text("do") === "diff") {
        const said = "It is valid. Applying it would change:";
        const changes = config.diff(toml);
        return configurationPage(context, deps, { outcome: { said, changes }, form });
      }
      refuseOld(deps, form);
      const changes = await config.merge(toml, whoLooks(context).name);
      context.set("note", changes.map(({ path }) => path).join(", "));
      return configurationPage(context, deps, { outcome: { said: "This was changed:", changes } });
    }, (refused) => configurationPage(context, deps, { refused, form: refused.form })));
}

function configurationPage(
  context: AdminContext,
  deps: PageDeps,
  { outcome, form, refused }: { outcome?: Outcome; form?: Form; refused?: Refused },
) {
  const { config } = deps.control;
  return page(context, {
    title: "Configuration",
    menu: "/configuration",
    refused,
    body: (
      <>
        <form class="panel" method="post" action={`${BASE}/configuration`}>
          <h2>Change settings</h2>
          <HiddenFields context={context} fields={{ version: config.version }} />
          <SettingFields
            settings={[TOML]}
            table={undefined}
            refused={refused ?? (form && { form })}
            prefix="configuration"
          />
          <div class="row">
            <button type="submit" class="plain" name="do" value="diff">Check and compare</button>
            <button type="submit" name="do" value="apply">Apply</button>
          </div>
        </form>
        {outcome !== undefined && (
          <section class="panel" role="status">
            <h2>{outcome.said}</h2>
            <Changes changes={outcome.changes} />
          </section>
        )}
        <Settings context={context} deps={deps} />
        <details class="panel">
          <summary>Changed here, as it is kept in the overlay file</summary>
          <pre>{config.overlay() || "nothing"}</pre>
        </details>
      </>
    ),
  });
}

/** One setting that holds. */
type Row = readonly [path: string, value: string, from: string];

function Settings({ context, deps }: { context: AdminContext; deps: PageDeps }) {
  const { config } = deps.control;
  const like = context.req.query("like") ?? "";
  const which = context.req.query("which") === "all" ? "all" : "given";
  const origins = withArrays(config.origins());
  const rows = leaves(config.effective([]), "")
    .map(([path, value]): Row => [path, JSON.stringify(value), origin(origins, path)])
    .filter(([path, value, from]) =>
      `${path} ${value}`.includes(like) && (which === "all" || from !== DEFAULT)
    );
  return (
    <>
      <h2>Settings in force</h2>
      <SearchForm
        action="/configuration"
        settings={[
          { name: "like", label: "Name or value contains", kind: "text" },
          {
            name: "which",
            label: "Show",
            kind: "choice",
            choices: ["given", "all"],
            labels: { given: "what was set", all: "everything" },
          },
        ]}
        values={{ like, which }}
        reset="/configuration"
      />
      <section class="panel">
        {rows.length > SHOWN_MAX && (
          <p class="soft">
            The first {SHOWN_MAX} of {count(rows.length)} are shown; search for less.
          </p>
        )}
        <Table
          label="Settings and where they come from"
          heads={["Setting", "Value", "From"]}
          empty={like === "" ? "Everything has its default." : "No setting fits."}
          rows={rows.slice(0, SHOWN_MAX)}
        />
      </section>
    </>
  );
}

const DEFAULT = "default";

/** Where a setting, or what it is part of, was given. Arrays came from where their parts did. */
function origin(origins: ReadonlyMap<string, Origin>, path: string): string {
  for (let name = path; name !== ""; name = name.replace(/\.?[^.]*$/, "")) {
    const found = origins.get(name);
    if (found === undefined) continue;
    const { layer, name: source, line } = found;
    return `${layer}: ${source}${line === undefined ? "" : `:${line}`}`;
  }
  return DEFAULT;
}

/** The origins with those of arrays, which are settings of their own here. */
function withArrays(origins: ReadonlyMap<string, Origin>): ReadonlyMap<string, Origin> {
  const all = new Map(origins);
  for (const [path, found] of origins) {
    const array = path.split("[", 1)[0]!;
    if (!all.has(array)) all.set(array, found);
  }
  return all;
}

/** Every setting of a tree with its dotted name; arrays are one setting. */
function leaves(value: unknown, path: string): [path: string, value: unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, part]) =>
    leaves(part, path === "" ? name : `${path}.${name}`)
  );
}

function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <Table
      label="Changes"
      heads={["Setting", "Before", "After", "Effect"]}
      empty="Nothing: everything is like that already."
      rows={changes.map(({ path, old, new: next, live, reason }) => [
        path,
        JSON.stringify(old) ?? "–",
        JSON.stringify(next) ?? "–",
        live ? reason : `needs a restart: ${reason}`,
      ])}
    />
  );
}
