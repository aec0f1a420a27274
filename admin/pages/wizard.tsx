/**
 * Setting up the NATS gateway in three steps. What was entered travels in the form; nothing is
 * changed before the last step, and then everything at once.
 */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { CSRF_FIELD } from "../security.ts";
import { BASIC_SETTINGS } from "./gateways.tsx";
import { BASE, Csrf, type Form, go, page, type PageDeps, submit, whoLooks } from "./page.tsx";
import { editsAt, readSettings, type Setting, SettingFields } from "./settings.tsx";

const PATH = ["gateway", "nats"];
const STEPS = ["Basic configuration", "Listeners", "Authentication and enable"] as const;

const LISTENER_SETTINGS: readonly Setting[] = [
  { name: "listeners.tcp.default.enable", label: "TCP listener", kind: "flag", initial: true },
  {
    name: "listeners.tcp.default.bind",
    label: "TCP address",
    kind: "text",
    initial: "127.0.0.1:4222",
    help: "4222 alone means every address of this host.",
  },
  { name: "listeners.ws.default.enable", label: "WebSocket listener", kind: "flag" },
  {
    name: "listeners.ws.default.bind",
    label: "WebSocket address",
    kind: "text",
    initial: "127.0.0.1:9222",
  },
];

const AUTHENTICATION = "with_login";

/** `/gateways/wizard`. */
export function wizardPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get("/gateways/wizard", (context) => stepPage(context, deps, 1));
  app.post("/gateways/wizard", (context) =>
    submit(context, (form) => {
      const to = Number(form.text("to"));
      if (to === 1 || to === 2 || to === 3) return stepPage(context, deps, to, form);
      return enable(context, deps, form);
    }, (problem, form) => stepPage(context, deps, 3, form, problem)));
}

async function enable(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  const { config, users } = deps.control;
  const by = whoLooks(context).name;
  const settings = [...BASIC_SETTINGS, ...LISTENER_SETTINGS];
  const entries = await readSettings(form, settings, config.effective(PATH));
  const edits = editsAt(PATH, [...entries, ["enable", true]]);
  const user = { user_id: form.text("user_id").trim(), password: form.text("user_password") };
  if (form.flag(AUTHENTICATION)) {
    if (user.user_id === "" || user.password === "") {
      throw new Problem(400, "BAD_REQUEST", "the first user needs a name and a password");
    }
    if (config.effective([...PATH, "authentication"]) === undefined) {
      const value = { mechanism: "password_based", backend: "built_in_database" };
      edits.push({ path: [...PATH, "authentication"], value });
    } else if (!users.has("nats:global")) {
      const message = "another authentication is configured: users are made there, not here";
      throw new Problem(400, "BAD_REQUEST", message);
    }
  }
  await config.change(edits, by);
  if (form.flag(AUTHENTICATION)) {
    await users.create("nats:global", { ...user, is_superuser: false });
  }
  return go(context, "/gateways", "enabled");
}

function stepPage(
  context: AdminContext,
  deps: PageDeps,
  step: 1 | 2 | 3,
  form?: Form,
  problem?: string,
) {
  const table = deps.control.config.effective(PATH);
  const mine = step === 1 ? BASIC_SETTINGS : step === 2 ? LISTENER_SETTINGS : [];
  // A form that has not come to this step yet says nothing about it.
  const entered = form !== undefined && mine.some(({ name }) => form.has(name)) ? form : undefined;
  return page(context, {
    title: "Set up the NATS gateway",
    menu: "/gateways",
    problem,
    body: (
      <>
        <ol class="steps">
          {STEPS.map((label, i) => (
            <li class="tag" aria-current={i + 1 === step ? "step" : undefined}>
              {i + 1}. {label}
            </li>
          ))}
        </ol>
        <form class="panel" method="post" action={`${BASE}/gateways/wizard`}>
          <Csrf context={context} />
          <Carried form={form} except={mine} />
          {step < 3
            ? <SettingFields settings={mine} table={table} form={entered} />
            : <LoginFields form={form} configured={hasLogin(deps)} />}
          <div class="row">
            {step < 3
              ? <button type="submit" name="to" value={String(step + 1)}>Next</button>
              : <button type="submit" name="to" value="enable">Enable</button>}
            {step > 1 && (
              <button
                type="submit"
                class="plain"
                name="to"
                value={String(step - 1)}
                formnovalidate
              >
                Back
              </button>
            )}
            <a class="button plain" href={`${BASE}/gateways`}>Cancel</a>
          </div>
        </form>
      </>
    ),
  });
}

function hasLogin({ control }: PageDeps): boolean {
  return control.config.effective([...PATH, "authentication"]) !== undefined;
}

/** What the other steps entered, but for the password: that is only asked at the end. */
function Carried({ form, except }: { form: Form | undefined; except: readonly Setting[] }) {
  const names = [...BASIC_SETTINGS, ...LISTENER_SETTINGS]
    .filter((setting) => !except.includes(setting))
    .map(({ name }) => name)
    .filter((name) => name !== CSRF_FIELD && form?.has(name));
  return (
    <>
      {names.map((name) => <input type="hidden" name={name} value={form!.text(name)} />)}
    </>
  );
}

function LoginFields({ form, configured }: { form: Form | undefined; configured: boolean }) {
  if (configured) {
    return <p class="note">Authentication is configured already, and stays as it is.</p>;
  }
  const checked = form === undefined || !form.has("user_id") || form.flag(AUTHENTICATION);
  return (
    <>
      <p class="note warn">
        Without authentication everybody who reaches a listener is let in, unless the security
        profile is hardened.
      </p>
      <div class="field">
        <label class="check">
          <input type="checkbox" name={AUTHENTICATION} checked={checked} />{" "}
          Ask for user name and password, kept in the built-in database
        </label>
      </div>
      <div class="fields">
        <div class="field">
          <label for="user_id">First user</label>
          <input id="user_id" name="user_id" value={form?.text("user_id")} autocomplete="off" />
        </div>
        <div class="field">
          <label for="user_password">Password</label>
          <input
            id="user_password"
            name="user_password"
            type="password"
            autocomplete="new-password"
          />
        </div>
      </div>
    </>
  );
}
