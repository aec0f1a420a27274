/** Rules of the built-in database: of one user, of one client, or of everybody. */
import type { Hono } from "hono";
import type { AdminContext, AdminEnv } from "../api.ts";
import { Problem } from "../problem.ts";
import { Act, Confirm, PostForm } from "./form.tsx";
import { Table, Tag } from "./parts.tsx";
import {
  changeConfig,
  fieldProblem,
  type Form,
  go,
  type PageDeps,
  readForm,
  type Refused,
  submit,
} from "./request.ts";
import { readSettings, type Setting } from "./settings.ts";

const HOME = "/authorization";
const SOURCES = ["authorization", "sources"];

const OWNERS = { all: "everybody", users: "user", clients: "client id" } as const;
type OwnerKind = keyof typeof OWNERS;
const OWNER_KINDS = Object.keys(OWNERS) as OwnerKind[];

const SETTINGS: readonly Setting[] = [
  {
    name: "permission",
    label: "Permission",
    kind: "choice",
    choices: ["allow", "deny"],
  },
  {
    name: "action",
    label: "Action",
    kind: "choice",
    choices: ["all", "publish", "subscribe"],
    labels: { all: "publish and subscribe" },
  },
  {
    name: "topic",
    label: "Topic or filter",
    kind: "text",
    required: true,
    help: "MQTT spelling, such as devices/#; nats: and a subject for NATS's own. ${username} and " +
      "${clientid} are filled in.",
  },
  {
    name: "kind",
    label: "For",
    kind: "choice",
    choices: OWNER_KINDS,
    labels: OWNERS,
  },
  {
    name: "owner",
    label: "Name of the user, or client id",
    kind: "text",
    help: "Empty for everybody.",
  },
  {
    name: "place",
    label: "Place among the rules of the same",
    kind: "choice",
    choices: ["last", "first"],
    labels: { last: "last: asked after the others", first: "first: asked before the others" },
  },
];

type Rule = Readonly<Record<string, unknown>>;

/**
 * The forms of the rules.
 * @param again the page with the rules, after a refusal
 */
export function rulePages(
  app: Hono<AdminEnv>,
  deps: PageDeps,
  again: (context: AdminContext, refused: Refused) => Response | Promise<Response>,
): void {
  app.post(`${HOME}/rules`, (context) =>
    submit(context, async (form) => {
      await readSettings(form, SETTINGS, undefined);
      const { kind, owner } = ownerOf(form);
      const name = (field: string) => form.text(field).trim();
      const rule = {
        permission: name("permission"),
        action: name("action"),
        topic: name("topic"),
      };
      const rules = rulesOf(deps, kind, owner);
      put(deps, kind, owner, form.text("place") === "first" ? [rule, ...rules] : [...rules, rule]);
      await useSource(context, deps);
      return go(context, HOME, "added");
    }, (refused) => again(context, refused)));
  app.post(`${HOME}/rules/change`, async (context) => {
    const form = await readForm(context);
    const { kind, owner } = ownerOf(form);
    const rules = [...rulesOf(deps, kind, owner)];
    const index = Number(form.text("index"));
    const rule = rules[index];
    if (JSON.stringify(rule) !== form.text("was")) {
      const message = "somebody else changed the rules meanwhile: look at them again";
      throw new Problem(409, "CONFLICT", message);
    }
    if (form.text("do") === "up" && index > 0) {
      rules.splice(index - 1, 2, rule!, rules[index - 1]!);
    } else rules.splice(index, 1);
    if (rules.length === 0) deps.control.access.rules.delete(kind, owner);
    else put(deps, kind, owner, rules);
    return go(context, HOME, form.text("do") === "up" ? "saved" : "deleted");
  });
}

/** Rules that nobody asks would surprise: the source is added when it is not there. */
async function useSource(context: AdminContext, deps: PageDeps): Promise<void> {
  const sources = deps.control.config.written(SOURCES) as readonly Rule[];
  const index = sources.findIndex(({ type }) => type === "built_in_database");
  if (sources[index]?.enable === true) return;
  const value = index < 0
    ? [{ type: "built_in_database" }, ...sources]
    : sources.map((source, i) => i === index ? { ...source, enable: true } : source);
  await changeConfig(context, deps, [{ path: SOURCES, value }]);
}

function ownerOf(form: Form): { kind: OwnerKind; owner: string } {
  const kind = OWNER_KINDS.find((one) => one === form.text("kind"));
  if (kind === undefined) throw fieldProblem("kind", "is none of the choices");
  if (kind === "all") return { kind, owner: "" };
  const owner = form.text("owner");
  if (owner === "") throw fieldProblem("owner", `is needed: which ${OWNERS[kind]}`);
  return { kind, owner };
}

function rulesOf({ control }: PageDeps, kind: OwnerKind, owner: string): readonly Rule[] {
  return (control.access.rules.get(kind, owner)?.rules ?? []) as readonly Rule[];
}

/** @throws {Problem} a rule that cannot be used, named by its field */
function put(
  { control }: PageDeps,
  kind: OwnerKind,
  owner: string,
  rules: readonly unknown[],
): void {
  try {
    control.access.rules.put(kind, { owner, rules });
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "RuleProblem") throw error;
    const [, field] = /(permission|action|topic|filter|subject)/.exec(error.message) ?? [];
    const name = field === "permission" || field === "action" ? field : "topic";
    throw fieldProblem(name, error.message.replace(/^rule \d+: /, ""));
  }
}

/** The rules as a table, and a form for one more. */
export function Rules(
  { context, deps, refused }: {
    context: AdminContext;
    deps: PageDeps;
    refused: Refused | undefined;
  },
) {
  const { rules } = deps.control.access;
  // In the order in which they are asked.
  const rows = (["clients", "users", "all"] as const).flatMap((kind) =>
    rules.list(kind).flatMap(({ owner, rules }) =>
      (rules as readonly Rule[]).map((rule, index) =>
        ruleRow(context, { kind, owner, index: String(index), was: JSON.stringify(rule) }, rule)
      )
    )
  );
  return (
    <>
      <section class="panel">
        <h2>Rules</h2>
        <p class="soft">
          Asked from top to bottom; the first that fits decides. Those of a client id come before
          those of its user, and those before the rules for everybody.
        </p>
        <Table
          label="Rules"
          heads={["For", "Permission", "Action", "Topics", "Only if", "Actions"]}
          rows={rows}
          empty="There is no rule yet: add the first one below."
        />
      </section>
      <PostForm
        context={context}
        action={`${HOME}/rules`}
        title="Add a rule"
        settings={SETTINGS}
        refused={refused}
        submit="Add rule"
      />
    </>
  );
}

interface Place {
  readonly kind: OwnerKind;
  readonly owner: string;
  readonly index: string;
  readonly was: string;
}

function ruleRow(context: AdminContext, place: Place, rule: Rule) {
  const { permission, action, topic, topics, ...conditions } = rule;
  const fields = { ...place };
  const names = [topics ?? topic].flat().map(String);
  return [
    place.kind === "all" ? OWNERS.all : `${OWNERS[place.kind]} ${place.owner}`,
    <Tag good={permission === "allow"}>{String(permission)}</Tag>,
    String(action),
    <code>{names.join(", ")}</code>,
    Object.keys(conditions).length === 0 ? "–" : <code>{JSON.stringify(conditions)}</code>,
    <div class="row">
      {place.index !== "0" && (
        <Act
          context={context}
          action={`${HOME}/rules/change`}
          label="Up"
          fields={{ ...fields, do: "up" }}
        />
      )}
      <Confirm
        context={context}
        action={`${HOME}/rules/change`}
        label="Delete"
        question={`Delete this rule: ${permission} ${action} ${names.join(", ")}?`}
        fields={{ ...fields, do: "delete" }}
      />
    </div>,
  ];
}
