/** Authentication: the chains, a wizard for a new authenticator, and a login to try. */
import type { Hono } from "hono";
import type { LoginOutcome } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { type AuthenticatorKind, kindOf, KINDS } from "./authenticators.ts";
import { authenticators, type Chain, chainNamed, chainOf, CHAINS, saveChain } from "./chains.ts";
import { BASE, Csrf, type Form, go, page, type PageDeps, refuseOld, submit } from "./page.tsx";
import { whoLooks } from "./page.tsx";
import { Confirm, Table, Tag } from "./parts.tsx";
import { readSettings, SettingFields, withEntries } from "./settings.tsx";

const MENU = "/authentication";

/** `/authentication` and below. */
export function authenticationPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/authentication", (context) => listPage(context, deps));
  app.get("/authentication/new", (context) => wizardPage(context));
  app.post("/authentication/new", (context) =>
    submit(
      context,
      (form) => create(context, deps, form),
      (problem, form) => wizardPage(context, problem, form),
    ));
  app.get("/authentication/edit", (context) => editPage(context, deps));
  app.post("/authentication/edit", (context) =>
    submit(
      context,
      (form) => edit(context, deps, form),
      (problem, form) => editPage(context, deps, problem, form),
    ));
  app.post("/authentication/delete", (context) =>
    submit(context, async (form) => {
      refuseOld(deps, form);
      const chain = chainNamed(form.text("chain"));
      const index = Number(form.text("index"));
      const left = authenticators(deps, chain, "written").filter((_, i) => i !== index);
      await saveChain(deps, chain, left, whoLooks(context).name);
      return go(context, MENU, "deleted");
    }, (problem) => listPage(context, deps, problem)));
  app.post("/authentication/test", (context) =>
    submit(context, async (form) => {
      const outcome = await deps.control.tryLogin(chainNamed(form.text("chain")).id, {
        clientId: form.text("clientid"),
        username: form.text("username") || undefined,
        password: form.text("password") || undefined,
      });
      return listPage(context, deps, undefined, outcome);
    }, (problem) => listPage(context, deps, problem)));
}

async function create(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  const chain = chainNamed(form.text("chain"));
  const kind = kindNamed(form.text("kind"))!;
  const list = authenticators(deps, chain, "written");
  if (chain.single && list.length > 0) {
    const message = "the NATS gateway has an authenticator already: delete it first";
    throw new Problem(400, "ALREADY_EXISTS", message);
  }
  const value = withEntries(kind.fixed, await readSettings(form, kind.settings, undefined));
  await saveChain(deps, chain, [...list, value], whoLooks(context).name);
  return go(context, MENU, "added");
}

async function edit(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  refuseOld(deps, form);
  const { chain, index, shown, settings } = find(deps, form.text("chain"), form.text("index"));
  const entries = await readSettings(form, settings, shown);
  if (entries.length === 0) return go(context, MENU, "nothing");
  const list = authenticators(deps, chain, "written").map((table, i) =>
    i === index ? withEntries(table, entries) : table
  );
  await saveChain(deps, chain, list, whoLooks(context).name);
  return go(context, MENU, "saved");
}

/** @throws {Problem} 404 */
function find(deps: PageDeps, chainId: string | undefined, number: string | undefined) {
  const chain = chainNamed(chainId);
  const index = Number(number);
  const shown = authenticators(deps, chain, "shown")[index];
  if (shown === undefined) throw new Problem(404, "NOT_FOUND", "that authenticator has gone");
  const enable = { name: "enable", label: "Enabled", kind: "flag" } as const;
  const settings = [enable, ...kindOf(shown)?.settings ?? []];
  return { chain, index, shown, settings };
}

function kindNamed(name: string | undefined): AuthenticatorKind | undefined {
  return KINDS.find((kind) => nameOf(kind) === name);
}

function nameOf({ mechanism, backend }: AuthenticatorKind): string {
  return `${mechanism}:${backend}`;
}

function listPage(
  context: AdminContext,
  deps: PageDeps,
  problem?: string,
  outcome?: LoginOutcome,
) {
  return page(context, {
    title: "Authentication",
    menu: MENU,
    problem,
    body: (
      <>
        {outcome !== undefined && <Outcome outcome={outcome} />}
        {CHAINS.map((chain) => <ChainPanel context={context} deps={deps} chain={chain} />)}
        <TestForm context={context} />
      </>
    ),
  });
}

function Outcome({ outcome }: { outcome: LoginOutcome }) {
  const { result, method, superuser, reason, duration_ms } = outcome;
  const words = { allow: "let in", deny: "turned away", ignore: "no authenticator decides" };
  return (
    <p class={`note ${result === "allow" ? "good" : "bad"}`} role="status">
      The login is {words[result]}
      {method !== undefined && ` by ${method}`}
      {superuser === true && ", as a superuser"}
      {reason !== undefined && ` (${reason})`}, after {duration_ms.toFixed(1)} ms.
    </p>
  );
}

function ChainPanel(
  { context, deps, chain }: { context: AdminContext; deps: PageDeps; chain: Chain },
) {
  const list = authenticators(deps, chain, "shown");
  const { version } = deps.control.config;
  return (
    <section class="panel">
      <h2>{chain.label}</h2>
      {chain.single && (
        <p class="soft">Tokens, NKeys and JWTs of internal_authn are asked before this one.</p>
      )}
      <Table
        label={`Authenticators for ${chain.label}`}
        heads={["Kind", "State", "Backend", "Actions"]}
        empty="None is configured."
        rows={list.map((table, index) => {
          const kind = kindOf(table);
          const at = new URLSearchParams({ chain: chain.id, index: String(index) });
          return [
            kind === undefined ? String(table.mechanism) : `${kind.mechanism}: ${kind.label}`,
            <Tag good={table.enable === true}>{table.enable ? "enabled" : "disabled"}</Tag>,
            backendState(deps, chain, index),
            <div class="row">
              {table.backend === "built_in_database" && (
                <a class="button" href={`${BASE}/users?chain=${chain.id}`}>Users</a>
              )}
              <a class="button plain" href={`${BASE}/authentication/edit?${at}`}>Settings</a>
              <Confirm
                context={context}
                action="/authentication/delete"
                label="Delete"
                question="Clients can no longer log in with it. Delete it?"
                fields={{ chain: chain.id, index: String(index), version }}
              />
            </div>,
          ];
        })}
      />
      {(!chain.single || list.length === 0) && (
        <a class="button" href={`${BASE}/authentication/new?chain=${chain.id}`}>
          Create authentication for {chain.label}
        </a>
      )}
    </section>
  );
}

function backendState({ control }: PageDeps, chain: Chain, index: number): string {
  const guard = control.access.providers(chain.id)[index]?.guard;
  return guard === undefined
    ? "–"
    : `${guard.status}; ${guard.success} answers, ${guard.failed} failures`;
}

function TestForm({ context }: { context: AdminContext }) {
  return (
    <form class="panel" method="post" action={`${BASE}/authentication/test`}>
      <h2>Test a login</h2>
      <Csrf context={context} />
      <div class="filter">
        <ChainSelect />
        <div>
          <label for="clientid">Client id</label>
          <input id="clientid" name="clientid" value="test" />
        </div>
        <div>
          <label for="username">User name</label>
          <input id="username" name="username" autocomplete="off" />
        </div>
        <div>
          <label for="password">Password</label>
          <input id="password" name="password" type="password" autocomplete="off" />
        </div>
        <div>
          <button type="submit">Test login</button>
        </div>
      </div>
    </form>
  );
}

function ChainSelect() {
  return (
    <div>
      <label for="chain">Protocol</label>
      <select id="chain" name="chain">
        {CHAINS.map(({ id, label }) => <option value={id}>{label}</option>)}
      </select>
    </div>
  );
}

function wizardPage(context: AdminContext, problem?: string, form?: Form) {
  const chain = form === undefined ? chainOf(context) : chainNamed(form.text("chain"));
  const mechanism = context.req.query("mechanism");
  const kind = kindNamed(form?.text("kind") ?? context.req.query("kind"));
  const step = kind !== undefined ? 3 : mechanism !== undefined ? 2 : 1;
  return page(context, {
    title: `Create authentication for ${chain.label}`,
    menu: MENU,
    problem,
    body: (
      <>
        <ol class="steps">
          {["Mechanism", "Data source", "Configuration"].map((label, i) => (
            <li class="tag" aria-current={i + 1 === step ? "step" : undefined}>
              {i + 1}. {label}
            </li>
          ))}
        </ol>
        {kind === undefined
          ? <Choices chain={chain} mechanism={mechanism} />
          : (
            <form class="panel" method="post" enctype="multipart/form-data">
              <Csrf context={context} />
              <input type="hidden" name="chain" value={chain.id} />
              <input type="hidden" name="kind" value={nameOf(kind)} />
              <SettingFields settings={kind.settings} table={undefined} form={form} />
              <div class="row">
                <button type="submit">Create</button>
                <a class="button plain" href={BASE + MENU}>Cancel</a>
              </div>
            </form>
          )}
      </>
    ),
  });
}

function Choices({ chain, mechanism }: { chain: Chain; mechanism: string | undefined }) {
  const choices = mechanism === undefined
    ? [["mechanism", "password_based", "Password-based"], ["mechanism", "jwt", "JWT"]]
    : KINDS.filter((kind) => kind.mechanism === mechanism)
      .map((kind) => ["kind", nameOf(kind), kind.label]);
  return (
    <div class="panel row">
      {choices.map(([name, value, label]) => {
        const query = new URLSearchParams({ chain: chain.id, [name!]: value! });
        return <a class="button" href={`${BASE}/authentication/new?${query}`}>{label}</a>;
      })}
    </div>
  );
}

function editPage(context: AdminContext, deps: PageDeps, problem?: string, form?: Form) {
  const { chain, index, shown, settings } = find(
    deps,
    form?.text("chain") ?? context.req.query("chain"),
    form?.text("index") ?? context.req.query("index"),
  );
  return page(context, {
    title: `${chain.label}: ${kindOf(shown)?.label ?? "authenticator"}`,
    menu: MENU,
    problem,
    body: (
      <form class="panel" method="post" enctype="multipart/form-data">
        <p class="soft">For another mechanism or data source delete this one and create it anew.</p>
        <Csrf context={context} />
        <input type="hidden" name="chain" value={chain.id} />
        <input type="hidden" name="index" value={String(index)} />
        <input type="hidden" name="version" value={deps.control.config.version} />
        <SettingFields settings={settings} table={shown} form={form} />
        <button type="submit">Update</button>
      </form>
    ),
  });
}
