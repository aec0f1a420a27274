/**
 * Setting up the NATS gateway in three steps. What was entered travels in the form; nothing is
 * changed before the last step, and then everything at once.
 */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { HiddenFields, SettingFields } from "./form.tsx";
import { BASIC_SETTINGS } from "./gateways.tsx";
import { page } from "./page.tsx";
import { Steps } from "./parts.tsx";
import {
  BASE,
  changeConfig,
  fieldProblems,
  type Form,
  go,
  issuesOf,
  type PageDeps,
  type Refused,
  submit,
} from "./request.ts";
import { editsAt, readSettings, type Setting } from "./settings.ts";

const PATH = ["gateway", "nats"];
const ACTION = "/gateways/wizard";
const STEPS = ["Basic configuration", "Listeners", "Login and enable"] as const;

const LISTENER_SETTINGS: readonly Setting[] = [
  {
    name: "listeners.tcp.default.enable",
    label: "Open the TCP listener",
    kind: "flag",
    initial: true,
  },
  {
    name: "listeners.tcp.default.bind",
    label: "TCP address",
    kind: "text",
    required: true,
    initial: "127.0.0.1:4222",
    help: "127.0.0.1:4222 is reached from this host only, 4222 alone from every other host too.",
  },
  { name: "listeners.ws.default.enable", label: "Open the WebSocket listener", kind: "flag" },
  {
    name: "listeners.ws.default.bind",
    label: "WebSocket address",
    kind: "text",
    required: true,
    initial: "127.0.0.1:9222",
  },
];

const WITH_LOGIN = "with_login";
const LOGIN_SETTINGS: readonly Setting[] = [
  { name: "user_id", label: "First user", kind: "text" },
  { name: "user_password", label: "Password", kind: "password" },
];
const CARRIED = [...BASIC_SETTINGS, ...LISTENER_SETTINGS];

type Step = 1 | 2 | 3;

/** `/gateways/wizard`. */
export function wizardPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  app.get(ACTION, (context) => stepPage(context, deps, 1));
  app.post(ACTION, (context) =>
    submit(
      context,
      (form) => {
        const to = Number(form.text("to"));
        if (to === 1 || to === 2 || to === 3) return stepPage(context, deps, to, { form });
        return enable(context, deps, form);
      },
      (refused) => stepPage(context, deps, stepOf(refused), refused),
    ));
}

/** The step that has the field that was refused; the last one when none has. */
function stepOf({ problem }: Refused): Step {
  const paths = issuesOf(problem).map(({ path }) => path);
  const has = (settings: readonly Setting[]) =>
    settings.some(({ name }) => paths.some((path) => path.endsWith(name)));
  return has(BASIC_SETTINGS) ? 1 : has(LISTENER_SETTINGS) ? 2 : 3;
}

async function enable(context: AdminContext, deps: PageDeps, form: Form): Promise<Response> {
  const { config, users } = deps.control;
  const entries = await readSettings(form, CARRIED, config.effective(PATH));
  const edits = editsAt(PATH, [...entries, ["enable", true]]);
  const user = { user_id: form.text("user_id").trim(), password: form.text("user_password") };
  if (form.flag(WITH_LOGIN)) {
    const missing = [["user_id", user.user_id], ["user_password", user.password]] as const;
    const empty = missing.filter(([, text]) => text === "");
    if (empty.length > 0) {
      throw fieldProblems(empty.map(([name]) => [name, "is needed, as clients have to log in"]));
    }
    if (!hasLogin(deps)) {
      const value = { mechanism: "password_based", backend: "built_in_database" };
      edits.push({ path: [...PATH, "authentication"], value });
    } else if (!users.has("nats:global")) {
      const message = "another authentication is configured: users are made there, not here";
      throw new Problem(400, "BAD_REQUEST", message);
    }
  }
  await changeConfig(context, deps, edits);
  if (form.flag(WITH_LOGIN)) {
    await users.create("nats:global", { ...user, is_superuser: false });
  }
  return go(context, "/gateways", "enabled");
}

function stepPage(
  context: AdminContext,
  deps: PageDeps,
  step: Step,
  shown: { readonly form?: Form; readonly problem?: Problem } = {},
) {
  const { form, problem } = shown;
  const refused = form && problem && { form, problem };
  return page(context, {
    title: "Initialize NATS",
    menu: "/gateways",
    above: ["/gateways", "Gateways"],
    refused,
    body: (
      <>
        <Steps labels={STEPS} now={step} />
        <form class="panel" method="post" action={BASE + ACTION}>
          <HiddenFields context={context} fields={carried(form, step)} />
          <StepFields deps={deps} step={step} form={form} refused={refused} />
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

function StepFields(
  { deps, step, form, refused }: {
    deps: PageDeps;
    step: Step;
    form: Form | undefined;
    refused: Refused | undefined;
  },
) {
  if (step === 3) return <LoginFields deps={deps} form={form} refused={refused} />;
  const settings = settingsOf(step);
  // A form that has not come to this step yet says nothing about it.
  const isEntered = settings.some(({ name }) => form?.has(name));
  return (
    <SettingFields
      settings={settings}
      table={deps.control.config.effective(PATH)}
      refused={refused ?? (isEntered && form !== undefined ? { form } : undefined)}
      prefix={ACTION}
    />
  );
}

function settingsOf(step: Step): readonly Setting[] {
  return step === 1 ? BASIC_SETTINGS : step === 2 ? LISTENER_SETTINGS : LOGIN_SETTINGS;
}

function hasLogin({ control }: PageDeps): boolean {
  return control.config.effective([...PATH, "authentication"]) !== undefined;
}

/** What the other steps entered, but for the password: that is only asked at the end. */
function carried(form: Form | undefined, step: Step): Record<string, string> {
  const mine = settingsOf(step).map(({ name }) => name);
  const login = step === 3 ? [] : ["user_id", WITH_LOGIN];
  const names = [
    ...CARRIED.map(({ name }) => name).filter((name) => !mine.includes(name)),
    ...login,
  ];
  return Object.fromEntries(
    names.filter((name) => form?.has(name)).map((name) => [name, form!.text(name)]),
  );
}

function LoginFields(
  { deps, form, refused }: {
    deps: PageDeps;
    form: Form | undefined;
    refused: Refused | undefined;
  },
) {
  if (hasLogin(deps)) {
    return <p class="note">Authentication is configured already, and stays as it is.</p>;
  }
  const checked = form === undefined || !form.has("user_id") || form.flag(WITH_LOGIN);
  return (
    <>
      <p class="note warn">
        Without a login everybody who reaches a listener is let in, unless the security profile is
        hardened.
      </p>
      <div class="field">
        <label class="check">
          <input type="checkbox" name={WITH_LOGIN} checked={checked} />{" "}
          Clients must log in with a user name and a password, kept in the built-in database
        </label>
      </div>
      <SettingFields
        settings={LOGIN_SETTINGS}
        table={undefined}
        refused={refused ?? (form?.has("user_id") ? { form } : undefined)}
        prefix={ACTION}
      />
      <p class="soft">More users can be added later under Authentication.</p>
    </>
  );
}
