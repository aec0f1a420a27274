/**
 * What all pages have in common: the frame around them, who looks at them, and forms.
 */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { AdminContext, AdminDeps } from "../api.ts";
import { toProblem } from "../api.ts";
import type { Caller } from "../auth/caller.ts";
import { Problem } from "../problem.ts";
import { CSRF_FIELD } from "../security.ts";

/** Where the dashboard is. */
export const BASE = "/dashboard";

/** What pages are made from. */
export type PageDeps = AdminDeps;

/** The menu: path below the dashboard, and what is written there. */
const MENU: readonly (readonly [path: string, label: string])[] = [
  ["", "Overview"],
  ["/clients", "Clients"],
  ["/gateways", "Gateways"],
  ["/listeners", "Listeners"],
  ["/authentication", "Authentication"],
  ["/authorization", "Authorization"],
  ["/subscriptions", "Subscriptions"],
  ["/retained", "Retained"],
  ["/translate", "Translator"],
  ["/tail", "Live tail"],
  ["/metrics", "Metrics"],
  ["/logs", "Logs"],
  ["/configuration", "Configuration"],
  ["/keys", "API keys"],
  ["/audit", "Audit"],
];

/** A page as its handler gives it. */
export interface PageParts {
  readonly title: string;
  /** Path of the entry of the menu that it belongs to. */
  readonly menu: string;
  readonly body: Child;
  /** What went wrong with what was sent. */
  readonly problem?: string | undefined;
  readonly status?: 200 | 400 | 401 | 403 | 404 | 409 | 503 | undefined;
}

/** Renders a page for who is logged in. */
export function page(context: AdminContext, parts: PageParts): Response | Promise<Response> {
  const caller = whoLooks(context);
  const done = DONE[context.req.query("done") ?? ""];
  const { title, menu, body, problem, status = problem === undefined ? 200 : 400 } = parts;
  const content = (
    <Document title={title}>
      <a class="skip" href="#content">Skip to the content</a>
      <div class="frame">
        <header>
          <p class="brand">natsgate</p>
          <nav aria-label="Pages">
            <ul>
              {MENU.map(([path, label]) => (
                <li>
                  <a href={BASE + path} aria-current={path === menu ? "page" : undefined}>
                    {label}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <form class="who row" method="post" action={`${BASE}/logout`}>
            <Csrf context={context} />
            <span>{caller.name} ({caller.role})</span>
            <button type="submit" class="plain">Log out</button>
          </form>
        </header>
        <main id="content">
          <h1>{title}</h1>
          <p id="away" class="note bad" role="alert" hidden>
            The gateway does not answer; what is shown here is old.
          </p>
          {problem !== undefined && <p class="note bad" role="alert">{problem}</p>}
          {problem === undefined && done !== undefined && (
            <p class="note good" role="status">{done}</p>
          )}
          {body}
        </main>
      </div>
    </Document>
  );
  return context.html(html`<!DOCTYPE html>${content}`, status);
}

/** What is said after a change was made: pages name it in `done=`, never the text itself. */
const DONE: Readonly<Record<string, string>> = {
  saved: "Saved. It is in force now.",
  added: "Added.",
  deleted: "Deleted.",
  kicked: "The client was disconnected.",
  cleared: "Cleared.",
  enabled: "The gateway is enabled.",
  disabled: "The gateway is disabled.",
  nothing: "Nothing was changed: everything is as the form says already.",
};

/** Head and body of every document, the login included. */
export function Document({ title, children }: { title: string; children?: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title} – natsgate</title>
        <link rel="stylesheet" href={`${BASE}/assets/style.css`} />
        <link rel="icon" href="data:," />
        <script type="module" src={`${BASE}/assets/live.js`}></script>
      </head>
      <body>{children}</body>
    </html>
  );
}

/** The field that proves that a form is ours. */
export function Csrf({ context }: { context: AdminContext }) {
  return <input type="hidden" name={CSRF_FIELD} value={whoLooks(context).csrf ?? ""} />;
}

/** Who is logged in. @throws {Problem} nobody is */
export function whoLooks(context: AdminContext): Caller {
  const caller = context.get("caller");
  if (caller === undefined) throw new Problem(401, "TOKEN_TIME_OUT", "log in again");
  return caller;
}

/** Sends the browser to a page of the dashboard after a change. */
export function go(context: AdminContext, path: string, done?: keyof typeof DONE): Response {
  const mark = done === undefined ? "" : `${path.includes("?") ? "&" : "?"}done=${done}`;
  return context.redirect(`${BASE}${path}${mark}`, 303);
}

/** What a form sent. */
export class Form {
  constructor(readonly fields: Readonly<Record<string, string | File>>) {}

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

/** Reads the form of a request. */
export async function readForm(context: AdminContext): Promise<Form> {
  return new Form(await context.req.parseBody());
}

/**
 * Does what a form asks for. A refusal shows the page again, with what was entered.
 * @param again the page with the problem on it
 */
export async function submit(
  context: AdminContext,
  act: (form: Form) => Response | Promise<Response>,
  again: (problem: string, form: Form) => Response | Promise<Response>,
): Promise<Response> {
  const form = await readForm(context);
  try {
    return await act(form);
  } catch (error) {
    const problem = toProblem(error);
    if (problem === undefined) throw error;
    return await again(problem.message, form);
  }
}

/** @throws {Problem} somebody changed the configuration since the form was shown */
export function refuseOld({ control }: PageDeps, form: Form): void {
  if (form.text("version") === control.config.version) return;
  throw new Problem(
    409,
    "CONFLICT",
    "somebody else changed the configuration meanwhile; look at it again, then save",
  );
}
