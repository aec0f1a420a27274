/** Forms: fields with what is wrong beside them, and what asks before it does something. */
import type { Child } from "hono/jsx";
import type { AdminContext } from "../api.ts";
import { CSRF_FIELD } from "../security.ts";
import { BASE, type FieldIssue, type Form, issuesOf, type Refused, whoLooks } from "./request.ts";
import { type Setting, show, valueOf } from "./settings.ts";

/** The field that proves that a form is ours. */
function Csrf({ context }: { context: AdminContext }) {
  return <input type="hidden" name={CSRF_FIELD} value={whoLooks(context).csrf ?? ""} />;
}

/** Values that a form sends beside what is entered. */
export type Hidden = Readonly<Record<string, string>>;

/** The proof, and values that nobody edits. */
export function HiddenFields({ context, fields }: { context: AdminContext; fields?: Hidden }) {
  return (
    <>
      <Csrf context={context} />
      {Object.entries(fields ?? {}).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}

/** A form that changes something. */
export interface PostFormProps {
  readonly context: AdminContext;
  /** Path below the dashboard. */
  readonly action: string;
  readonly title?: string;
  /** What the form is for. */
  readonly intro?: Child;
  readonly settings: readonly Setting[];
  /** What the fields show at first; undefined: their `initial`. */
  readonly table?: unknown;
  /** What was refused on this page, whichever of its forms it was. */
  readonly refused?: Refused | undefined;
  /** What was entered before, when nothing was refused. */
  readonly entered?: Form | undefined;
  readonly fields?: Hidden;
  readonly submit: string;
  /** Path below the dashboard that leaves the form. */
  readonly cancel?: string;
  /** More buttons, and what stands above them. */
  readonly buttons?: Child;
  readonly children?: Child;
}

/** A panel with the fields of some settings and a button. */
export function PostForm(props: PostFormProps) {
  const { context, action, title, intro, settings, table, fields, submit, cancel } = props;
  const mine = props.refused?.form.action === action ? props.refused : undefined;
  const uploads = settings.some(({ kind }) => kind === "pem");
  return (
    <form
      class="panel"
      method="post"
      action={BASE + action}
      enctype={uploads ? "multipart/form-data" : undefined}
    >
      {title !== undefined && <h2>{title}</h2>}
      {intro !== undefined && <p class="soft">{intro}</p>}
      <HiddenFields context={context} {...(fields !== undefined && { fields })} />
      <SettingFields
        settings={settings}
        table={table}
        refused={mine ?? (props.entered && { form: props.entered })}
        prefix={action}
      />
      {props.children}
      <div class="row">
        <button type="submit">{submit}</button>
        {props.buttons}
        {cancel !== undefined && <a class="button plain" href={BASE + cancel}>Cancel</a>}
      </div>
    </form>
  );
}

/** A form that looks for something: it only asks. */
export function SearchForm(
  { action, settings, values, submit = "Search", reset, fields = {}, children }: {
    action: string;
    settings: readonly Setting[];
    values: Readonly<Record<string, string>>;
    submit?: string;
    /** Path below the dashboard that asks for everything. */
    reset?: string;
    fields?: Hidden;
    children?: Child;
  },
) {
  return (
    <form class="panel filter" method="get" action={BASE + action} role="search">
      {Object.entries(fields).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
      {settings.map((setting) => (
        <SettingField setting={setting} text={values[setting.name] ?? ""} prefix={action} />
      ))}
      <div class="row">
        <button type="submit">{submit}</button>
        {reset !== undefined && <a class="button plain" href={BASE + reset}>Reset</a>}
        {children}
      </div>
    </form>
  );
}

/** The fields, filled from what was entered or else from what is configured. */
export function SettingFields(
  { settings, table, refused, prefix }: {
    settings: readonly Setting[];
    table: unknown;
    refused?: Pick<Refused, "form"> & Partial<Refused> | undefined;
    prefix: string;
  },
) {
  const { form, problem } = refused ?? {};
  const issues = problem === undefined ? [] : issuesOf(problem);
  const field = (setting: Setting) => (
    <SettingField
      setting={setting}
      text={form === undefined
        ? show(setting, valueOf(table, setting.name))
        : entered(setting, form)}
      issue={issues.find((issue) => isAbout(issue, setting.name))?.message}
      prefix={prefix}
    />
  );
  const group = (some: readonly Setting[]) => (
    <>
      <div class="fields">{some.filter(({ kind }) => kind !== "flag").map(field)}</div>
      <div class="checks">{some.filter(({ kind }) => kind === "flag").map(field)}</div>
    </>
  );
  const more = settings.filter((setting) => setting.more);
  const isOpen = more.some(({ name }) => issues.some((issue) => isAbout(issue, name)));
  return (
    <>
      {group(settings.filter((setting) => !setting.more))}
      {more.length > 0 && (
        <details class="more" open={isOpen}>
          <summary>More settings</summary>
          {group(more)}
        </details>
      )}
    </>
  );
}

function entered({ kind, name }: Setting, form: Form): string {
  return kind === "flag" ? String(form.flag(name)) : form.text(name);
}

/** True when a reason is about the setting of that name: at the end of its path, or in it. */
function isAbout({ path }: FieldIssue, name: string): boolean {
  return `.${path}.`.replaceAll("[", ".").includes(`.${name}.`);
}

interface FieldProps {
  readonly setting: Setting;
  /** Of a box that can be ticked: `true`. */
  readonly text: string;
  readonly issue?: string | undefined;
  /** Makes the ids of one form differ from those of the others on the page. */
  readonly prefix: string;
}

function SettingField({ setting, text, issue, prefix }: FieldProps) {
  const { name, label, kind, help, required } = setting;
  const id = `${prefix}-${name}`.replaceAll(/[^\w]+/g, "-");
  const notes = [help !== undefined && `${id}-help`, issue !== undefined && `${id}-issue`];
  const common = {
    id,
    name,
    // What is folded away could not be shown by the browser: the server says it.
    required: required && kind !== "pem" && !setting.more,
    "aria-describedby": notes.filter(Boolean).join(" ") || undefined,
    "aria-invalid": issue === undefined ? undefined : "true",
  } as const;
  const said = (
    <>
      {issue !== undefined && <small id={`${id}-issue`} class="issue">{issue}</small>}
      {help !== undefined && <small id={`${id}-help`}>{help}</small>}
    </>
  );
  if (kind === "flag") {
    return (
      <div class="field">
        <label class="check">
          <input type="checkbox" {...common} checked={text === "true"} /> {label}
        </label>
        {said}
      </div>
    );
  }
  const isLong = kind === "lines" || kind === "pem" || kind === "json";
  return (
    <div class={isLong || setting.wide ? "field wide" : "field"}>
      <label for={id}>{label}</label>
      {kind === "choice"
        ? <Choice setting={setting} common={common} text={text} />
        : isLong
        ? <textarea {...common} spellcheck={false}>{text}</textarea>
        : <input {...common} value={text} {...INPUTS[kind]} />}
      {kind === "pem" && (
        <input type="file" name={`${name}_file`} aria-label={`${label}: file to upload`} />
      )}
      {said}
    </div>
  );
}

/** How each kind of one-line field is typed. */
const INPUTS = {
  text: { type: "text", autocomplete: "off" },
  number: { type: "text", autocomplete: "off", inputmode: "text" },
  secret: { type: "password", autocomplete: "off" },
  password: { type: "password", autocomplete: "new-password" },
  date: { type: "date" },
  moment: { type: "datetime-local" },
} as const;

function Choice(
  { setting, common, text }: {
    setting: Setting;
    common: { readonly id: string; readonly name: string };
    text: string;
  },
) {
  const { choices = [], labels = {} } = setting;
  const all = choices.includes(text) || text === "" ? choices : [text, ...choices];
  return (
    <select {...common}>
      {all.map((choice) => (
        <option value={choice} selected={choice === text}>
          {labels[choice] ?? (choice || "–")}
        </option>
      ))}
    </select>
  );
}

/** A button that does something at once. */
export function Act(
  { context, action, label, fields }: {
    context: AdminContext;
    action: string;
    label: string;
    fields?: Hidden;
  },
) {
  return (
    <form method="post" action={BASE + action}>
      <HiddenFields context={context} {...(fields !== undefined && { fields })} />
      <button type="submit" class="plain">{label}</button>
    </form>
  );
}

/** Something that cannot be undone: a press opens the question, a second one does it. */
export function Confirm(
  { context, action, label, question, fields = {} }: {
    context: AdminContext;
    /** Path below the dashboard. */
    action: string;
    label: string;
    question: string;
    fields?: Hidden;
  },
) {
  const id = `ask-${encodeURIComponent([action, label, ...Object.values(fields)].join(" "))}`;
  return (
    <div class="confirm">
      <button type="button" class="plain danger" popovertarget={id}>{label}</button>
      <div id={id} popover="auto" role="dialog" aria-label={question}>
        <p>{question}</p>
        <form class="row" method="post" action={BASE + action}>
          <HiddenFields context={context} fields={fields} />
          <button type="submit" class="danger">Yes: {label.toLowerCase()}</button>
          <button type="button" class="plain" popovertarget={id} popovertargetaction="hide">
            No
          </button>
        </form>
      </div>
    </div>
  );
}
