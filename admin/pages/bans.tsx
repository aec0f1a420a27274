/** Bans: who is kept out, for how long, and why. */
import type { Hono } from "hono";
import type { Ban } from "../../gateway/control.ts";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { Confirm, PostForm, SearchForm } from "./form.tsx";
import { page } from "./page.tsx";
import { count, moment, pageNumber, Pager, Table } from "./parts.tsx";
import {
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  readForm,
  type Refused,
  submit,
  whoLooks,
} from "./request.ts";
import { readSettings, type Setting } from "./settings.ts";

const LIMIT = 50;
const HOUR_MS = 3_600_000;

/** By what somebody is banned, in words. */
const KINDS: Readonly<Record<Ban["as"], string>> = {
  clientid: "Client id",
  username: "User name",
  peerhost: "IP address",
  clientid_re: "Client ids that fit an expression",
  username_re: "User names that fit an expression",
  peerhost_net: "Network, such as 10.0.0.0/8",
};

/** How long, in hours. */
const SPANS: Readonly<Record<string, string>> = {
  "": "for good",
  "1": "1 hour",
  "24": "1 day",
  "168": "7 days",
  "720": "30 days",
};

const SETTINGS: readonly Setting[] = [
  {
    name: "as",
    label: "Ban by",
    kind: "choice",
    choices: Object.keys(KINDS),
    labels: KINDS,
  },
  { name: "who", label: "Who", kind: "text", required: true },
  { name: "reason", label: "Reason", kind: "text", help: "Only shown here." },
  {
    name: "for",
    label: "For",
    kind: "choice",
    choices: ["", "1", "24", "168", "720"],
    labels: SPANS,
  },
  { name: "until", label: "Or until (UTC)", kind: "moment" },
];

/** `/bans`. */
export function banPages(app: Hono<AdminEnv>, deps: PageDeps): void {
  const { bans } = deps.control.access;
  app.get("/bans", (context) => listPage(context, deps));
  app.post("/bans", (context) =>
    submit(context, async (form) => {
      await readSettings(form, SETTINGS, undefined);
      const { name } = whoLooks(context);
      const ban = readBan(form, deps.control.now(), name);
      let added: boolean;
      try {
        added = bans.add(ban);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        throw /is not valid/.test(reason) ? fieldProblem("who", reason) : error;
      }
      if (!added) throw fieldProblem("who", "there is such a ban already: lift it first");
      deps.control.clients.kickBanned(name);
      return go(context, "/bans", "banned");
    }, (refused) => listPage(context, deps, refused)));
  app.post("/bans/delete", async (context) => {
    const form = await readForm(context);
    const as = kindNamed(form.text("as"));
    if (as === undefined || !bans.delete(as, form.text("who"))) {
      throw new Problem(404, "NOT_FOUND", "that ban has ended already");
    }
    return go(context, "/bans", "deleted");
  });
}

/** @throws {Problem} a moment that is none, or has passed */
function readBan(form: Form, now: number, by: string): Ban {
  const as = kindNamed(form.text("as"));
  if (as === undefined) throw fieldProblem("as", "is none of the choices");
  const until = readUntil(form, now);
  return {
    as,
    who: form.text("who").trim(),
    by,
    reason: form.text("reason").trim(),
    at: now,
    ...(until !== undefined && { until }),
  };
}

function readUntil(form: Form, now: number): number | undefined {
  const moment = form.text("until");
  if (moment !== "") {
    const until = Date.parse(`${moment}Z`);
    if (Number.isNaN(until)) throw fieldProblem("until", "must be a day and a time");
    if (until <= now) throw fieldProblem("until", "has passed already");
    return until;
  }
  const span = form.text("for");
  if (!Object.hasOwn(SPANS, span)) throw fieldProblem("for", "is none of the choices");
  return span === "" ? undefined : now + Number(span) * HOUR_MS;
}

function kindNamed(name: string): Ban["as"] | undefined {
  return Object.hasOwn(KINDS, name) ? name as Ban["as"] : undefined;
}

function listPage(context: AdminContext, { control }: PageDeps, refused?: Refused) {
  const like = context.req.query("like") ?? "";
  const number = pageNumber(context);
  const all = control.access.bans.list()
    .filter(({ who, reason }) => `${who} ${reason}`.includes(like))
    .sort((a, b) => b.at - a.at);
  const shown = all.slice((number - 1) * LIMIT, number * LIMIT);
  const { as = "clientid", who = "" } = context.req.query();
  return page(context, {
    title: "Bans",
    menu: "/bans",
    refused,
    body: (
      <>
        <PostForm
          context={context}
          action="/bans"
          title="Ban somebody"
          intro="Whoever is banned is disconnected, and refused whatever it presents."
          settings={SETTINGS}
          table={{ as, who }}
          refused={refused}
          submit="Ban"
        />
        <SearchForm
          action="/bans"
          settings={[{ name: "like", label: "Who or reason contains", kind: "text" }]}
          values={{ like }}
          reset="/bans"
        />
        <div class="panel">
          <p class="soft">{count(all.length)} in all</p>
          <Table
            label="Bans"
            heads={["Who", "By", "Until", "Reason", "Banned by", "Since", "Actions"]}
            empty={like === "" ? "Nobody is banned." : "No ban fits what you search for."}
            rows={shown.map((ban) => [
              ban.who,
              KINDS[ban.as].split(",")[0],
              ban.until === undefined ? "for good" : moment(ban.until),
              ban.reason || "–",
              ban.by,
              moment(ban.at),
              <Confirm
                context={context}
                action="/bans/delete"
                label="Lift"
                question={`Let ${ban.who} in again?`}
                fields={{ as: ban.as, who: ban.who }}
              />,
            ])}
          />
          <Pager
            path="/bans"
            query={{ like }}
            page={number}
            hasNext={all.length > number * LIMIT}
          />
        </div>
      </>
    ),
  });
}
