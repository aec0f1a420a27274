/** What pages need of a request: who looks, what a form sent, and where to go next. */
import type { ConfigEdit } from "../../gateway/control.ts";
import { type AdminContext, type AdminDeps, toProblem } from "../api.ts";
import type { Caller } from "../auth/caller.ts";
import { Problem } from "../problem.ts";

/** Where the dashboard is. */
export const BASE = "/dashboard";

/** What pages are made from. */
export type PageDeps = AdminDeps;

/** Who is logged in. @throws {Problem} nobody is */
export function whoLooks(context: AdminContext): Caller {
  const caller = context.get("caller");
  if (caller === undefined) throw new Problem(401, "TOKEN_TIME_OUT", "log in again");
  return caller;
}

/** What is said after a change was made: links name it in `done=`, never the text itself. */
export const DONE = {
  saved: "Saved. It is in force now.",
  added: "Added. It is in force now.",
  deleted: "Deleted.",
  kicked: "The client was disconnected.",
  banned: "Banned. Clients that were connected are out.",
  enabled: "The gateway is enabled.",
  disabled: "The gateway is disabled.",
  password: "The password is changed.",
  nothing: "Nothing was changed: everything is as the form says already.",
} as const;

/** What was done. */
export type Done = keyof typeof DONE;

/** Sends the browser to a page of the dashboard after a change. */
export function go(context: AdminContext, path: string, done?: Done): Response {
  const mark = done === undefined ? "" : `${path.includes("?") ? "&" : "?"}done=${done}`;
  return context.redirect(`${BASE}${path}${mark}`, 303);
}

/**
 * Makes changes of the configuration in the name of who looks, noted for the audit trail.
 * @param madeFrom version of the configuration that the edits were worked out from
 * @throws {ConfigError} what is wrong; everything stays as it was
 * @throws {Problem} a change of somebody else came first
 */
export async function changeConfig(
  context: AdminContext,
  { control }: PageDeps,
  edits: readonly ConfigEdit[],
  madeFrom = control.config.version,
): Promise<void> {
  const changes = await control.config.change(() => {
    if (control.config.version !== madeFrom) throw changedMeanwhile();
    return edits;
  }, whoLooks(context).name);
  context.set("note", changes.map(({ path }) => path).join(", "));
}

/** What a form sent. */
export class Form {
  constructor(
    readonly fields: Readonly<Record<string, string | File>>,
    /** Below the dashboard: where it was sent to. */
    readonly action: string,
  ) {}

  /** A text; "" when it was not sent. */
  text(name: string): string {
    const value = this.fields[name];
    return typeof value === "string" ? value.replaceAll("\r\n", "\n") : "";
  }

  /** A box that is ticked or not. */
  flag(name: string): boolean {
    return this.text(name) === "on";
  }

  has(name: string): boolean {
    return this.fields[name] !== undefined;
  }

  /** Text of an uploaded file; undefined when none was chosen. */
  async file(name: string): Promise<string | undefined> {
    const value = this.fields[name];
    return value instanceof File && value.size > 0 ? await value.text() : undefined;
  }
}

/** A form that was refused: why, and everything that was entered. */
export interface Refused {
  readonly problem: Problem;
  readonly form: Form;
}

/** Reads the form of a request. */
export async function readForm(context: AdminContext): Promise<Form> {
  return new Form(await context.req.parseBody(), context.req.path.slice(BASE.length));
}

/**
 * Does what a form asks for. A refusal shows the page again, with what was entered.
 * @param again the page with the problem on it
 */
export async function submit(
  context: AdminContext,
  act: (form: Form) => Response | Promise<Response>,
  again: (refused: Refused) => Response | Promise<Response>,
): Promise<Response> {
  const form = await readForm(context);
  try {
    return await act(form);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return await again({ problem, form });
  }
}

/** One reason, and the setting that it is about. */
export interface FieldIssue {
  /** Dotted, as in the configuration, or the name of a field. */
  readonly path: string;
  readonly message: string;
}

/** What a refusal says of single fields: its issues, or the field that its text begins with. */
export function issuesOf({ message, issues }: Problem): readonly FieldIssue[] {
  if (issues !== undefined) return issues;
  const [, path, rest] = /^([\w[\]-]+(?:\.[\w[\]-]+)+|[a-z_]+(?=:)):? (.+)$/s.exec(message) ?? [];
  if (path !== undefined) return [{ path, message: rest! }];
  return /^Cannot listen on /.test(message) ? [{ path: "bind", message }] : [];
}

/** A refusal that is about one field. */
export function fieldProblem(name: string, message: string): Problem {
  return fieldProblems([[name, message]]);
}

/** A refusal that is about several fields. */
export function fieldProblems(
  fields: readonly (readonly [name: string, message: string])[],
): Problem {
  const text = fields.map(([name, message]) => `${name}: ${message}`).join("; ");
  const issues = fields.map(([path, message]) => ({ severity: "error", path, message }) as const);
  return new Problem(400, "BAD_REQUEST", text, issues);
}

/** @throws {Problem} somebody changed the configuration since the form was shown */
export function refuseOld({ control }: PageDeps, form: Form): void {
  if (form.text("version") !== control.config.version) throw changedMeanwhile();
}

function changedMeanwhile(): Problem {
  return new Problem(
    409,
    "CONFLICT",
    "somebody else changed the configuration meanwhile. Open this page again to see what holds " +
      "now; what you entered is still below",
  );
}
