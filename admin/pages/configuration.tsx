/** The configuration: what holds and where it comes from, and changes as TOML. */
import type { Hono } from "hono";
import type { Change } from "../../gateway/config/diff.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { valueOf } from "./settings.tsx";
import { Csrf, type Form, page, type PageDeps, refuseOld, submit, whoLooks } from "./page.tsx";
import { Table } from "./parts.tsx";

/** What came of a form. */
interface Outcome {
  readonly said: string;
  readonly changes?: readonly Change[];
}

/** `/configuration`. */
export function configurationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { config } = deps.control;
  app.get("/configuration", (context) => configurationPage(context, deps));
  app.post("/configuration", (context) =>
    submit(context, async (form) => {
      const toml = form.text("toml");
      if (form.text("do") === "diff") {
        const said = "It is valid. This is what would change:";
        return configurationPage(context, deps, { said, changes: config.diff(toml) }, form);
      }
      refuseOld(deps, form);
      const changes = await config.merge(toml, whoLooks(context).name);
      return configurationPage(context, deps, { said: "This was changed:", changes });
    }, (problem, form) => configurationPage(context, deps, undefined, form, problem)));
}

function configurationPage(
  context: AdminContext,
  deps: PageDeps,
  outcome?: Outcome,
  form?: Form,
  problem?: string,
) {
  const { config } = deps.control;
  const tree = config.effective([]);
  return page(context, {
    title: "Configuration",
    menu: "/configuration",
    problem,
    body: (
      <>
        {outcome !== undefined && (
          <section class="panel" role="status">
            <h2>{outcome.said}</h2>
            <Changes changes={outcome.changes ?? []} />
          </section>
        )}
        <form class="panel" method="post">
          <h2>Change settings</h2>
          <Csrf context={context} />
          <input type="hidden" name="version" value={config.version} />
          <div class="field">
            <label for="toml">TOML</label>
            <textarea id="toml" name="toml" class="tall" spellcheck={false}>
              {form?.text("toml") ?? ""}
            </textarea>
            <small>Only what is to change, such as [mqtt] and max_inflight = 64.</small>
          </div>
          <div class="row">
            <button type="submit" class="plain" name="do" value="diff">Check and compare</button>
            <button type="submit" name="do" value="apply">Apply</button>
          </div>
        </form>
        <section class="panel">
          <h2>Given settings</h2>
          <Table
            label="Settings and where they come from"
            heads={["Setting", "Value", "From"]}
            empty="Everything has its default."
            rows={[...config.origins()].map(([path, { layer, name, line }]) => [
              path,
              JSON.stringify(valueOf(tree, path)) ?? "–",
              `${layer}: ${name}${line === undefined ? "" : `:${line}`}`,
            ])}
          />
        </section>
        <section class="panel">
          <h2>Changed here</h2>
          <pre>{config.overlay() || "nothing"}</pre>
        </section>
        <details class="panel">
          <summary>Everything that holds, with defaults</summary>
          <pre>{JSON.stringify(tree, null, 1)}</pre>
        </details>
      </>
    ),
  });
}

function Changes({ changes }: { changes: readonly Change[] }) {
  return (
    <Table
      label="Changes"
      heads={["Setting", "Before", "After", "Effect"]}
      empty="Nothing."
      rows={changes.map(({ path, old, new: next, live, reason }) => [
        path,
        JSON.stringify(old) ?? "–",
        JSON.stringify(next) ?? "–",
        live ? reason : `needs a restart: ${reason}`,
      ])}
    />
  );
}
