/** The frame around every page. */
import { html } from "hono/html";
import type { Child } from "hono/jsx";
import type { AdminContext } from "../api.ts";
import { HiddenFields } from "./form.tsx";
import { BASE, DONE, issuesOf, type Refused, whoLooks } from "./request.ts";

/** The menu: for each group the path below the dashboard, and what is written there. */
const MENU: readonly (readonly [
  group: string,
  entries: readonly (readonly [path: string, label: string])[],
])[] = [
  ["Watch", [
    ["", "Overview"],
    ["/clients", "Clients"],
    ["/subscriptions", "Subscriptions"],
    ["/retained", "Retained messages"],
    ["/tail", "Live tail"],
    ["/metrics", "Metrics"],
    ["/logs", "Logs"],
  ]],
  ["Set up", [
    ["/gateways", "Gateways"],
    ["/listeners", "Listeners"],
    ["/authentication", "Authentication"],
    ["/authorization", "Authorization"],
    ["/bans", "Bans"],
    ["/configuration", "Configuration"],
  ]],
  ["Try out", [
    ["/try", "Test client"],
    ["/translate", "Topic translator"],
  ]],
  ["Administration", [
    ["/accounts", "Dashboard users"],
    ["/keys", "API keys"],
    ["/audit", "Audit"],
  ]],
];

/** A page as its handler gives it. */
export interface PageParts {
  readonly title: string;
  /** Path of the entry of the menu that it belongs to. */
  readonly menu: string;
  readonly body: Child;
  /** The page that this one was opened from: path below the dashboard, and its title. */
  readonly above?: readonly [path: string, title: string];
  /** A form that was refused. */
  readonly refused?: Refused | undefined;
  /** What else went wrong. */
  readonly problem?: string | undefined;
  readonly status?: 200 | 400 | 401 | 403 | 404 | 409 | 413 | 503 | undefined;
}

/** Renders a page for who is logged in. */
export function page(context: AdminContext, parts: PageParts): Response | Promise<Response> {
  const { title, above, body, problem, refused } = parts;
  const done = new Map(Object.entries(DONE)).get(context.req.query("done") ?? "");
  const isGood = problem === undefined && refused === undefined;
  const content = (
    <Document title={title}>
      <a class="skip" href="#content">Skip to the content</a>
      <div class="frame">
        <Menu context={context} present={parts.menu} />
        <main id="content" tabindex={-1}>
          {above !== undefined && (
            <p class="above">
              <a href={BASE + above[0]}>{above[1]}</a>
            </p>
          )}
          <h1>{title}</h1>
          <p id="away" class="note bad" role="alert" hidden>
            The gateway does not answer; what is shown here is old.
          </p>
          {whoLooks(context).role === "viewer" && isGood && (
            <p class="soft">You are a viewer: you see everything and change nothing.</p>
          )}
          {problem !== undefined && <p class="note bad" role="alert">{problem}</p>}
          {refused !== undefined && <Refusal refused={refused} />}
          {isGood && done !== undefined && <p class="note good" role="status">{done}</p>}
          {body}
        </main>
      </div>
    </Document>
  );
  return context.html(
    html`
      <!DOCTYPE html>${content}
    `,
    parts.status ?? (isGood ? 200 : 400),
  );
}

function Menu({ context, present }: { context: AdminContext; present: string }) {
  const caller = whoLooks(context);
  return (
    <header>
      <div class="brand">
        <a href={BASE}>natsgate</a>
        <button type="button" class="plain" popovertarget="menu">Menu</button>
      </div>
      <div id="menu" popover="auto">
        <nav aria-label="Pages">
          {MENU.map(([group, entries]) => (
            <>
              <h2>{group}</h2>
              <ul>
                {entries.map(([path, label]) => (
                  <li>
                    <a href={BASE + path} aria-current={path === present ? "page" : undefined}>
                      {label}
                    </a>
                  </li>
                ))}
              </ul>
            </>
          ))}
        </nav>
        <form class="who" method="post" action={`${BASE}/logout`}>
          <HiddenFields context={context} />
          <span>
            {caller.name} <small>{caller.role}</small>
          </span>
          <button type="submit" class="plain">Log out</button>
        </form>
      </div>
    </header>
  );
}

/** Why a form was refused: each reason also stands beside the field that it is about. */
function Refusal({ refused: { problem } }: { refused: Refused }) {
  const issues = issuesOf(problem);
  return (
    <div class="note bad" role="alert">
      <b>Nothing was changed.</b>
      {issues.length === 0 ? ` ${problem.message}` : (
        <ul>
          {issues.map(({ path, message }) => (
            <li>
              {path !== "" && <code>{path}</code>} {message}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

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
