/**
 * Users of a built-in database, wherever its authenticator stands.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { readBody, readJson } from "../body.ts";
import type { Scope } from "../auth/caller.ts";
import { Problem } from "../problem.ts";
import { Name, pageBody, pageOf, Paging, QueryFlag, Text } from "../schemas.ts";

const User = v.object({ user_id: v.string(), is_superuser: v.boolean() });
const Result = v.object({
  total: v.number(),
  success: v.number(),
  override: v.number(),
  skipped: v.number(),
  failed: v.number(),
});
/** Most bytes of a file of users. */
const IMPORT_BYTES_MAX = 64 * 1024 * 1024;

/** Where the users are. */
export interface UsersPlace {
  /** Path of the authenticator; its users are below it. */
  readonly base: string;
  readonly tag: string;
  readonly scope: Scope;
  /** The chain that the path names. @throws {Problem} it has no built-in database */
  readonly chain: (params: Readonly<Record<string, string>>) => string;
  /** How the import names its format when nothing is said. */
  readonly aliases?: readonly string[];
}

/** `<base>/users…` and `<base>/import_users`. */
export function chainUserRoutes(api: Api, place: UsersPlace): void {
  const { control: { users } } = api.deps;
  const { base, chain } = place;
  const common = { tag: place.tag, scope: place.scope } as const;
  api.on({
    ...common,
    method: "get",
    path: `${base}/users`,
    summary: "List users",
    query: v.object({
      ...Paging,
      like_user_id: v.optional(Text),
      is_superuser: v.optional(QueryFlag),
    }),
    answers: { 200: pageOf(User) },
    errors: [404],
  }, ({ params, query }) => {
    const { page, limit, like_user_id: like, is_superuser: superuser } = query;
    const found = users.list(chain(params), { page, limit, like, superuser });
    return json(pageBody(found, query, (user) => user));
  });

  api.on({
    ...common,
    method: "post",
    path: `${base}/users`,
    summary: "Add a user",
    body: v.strictObject({ user_id: Name, password: Name, is_superuser: v.optional(v.boolean()) }),
    answers: { 201: User },
    errors: [404, 409],
  }, async ({ params, body }) => {
    const { is_superuser = false, ...rest } = body;
    const outcome = await users.create(chain(params), { ...rest, is_superuser });
    if (outcome.kind !== "done") {
      throw new Problem(409, "ALREADY_EXISTS", "User already exists");
    }
    return json(outcome.user, 201);
  });

  oneUserRoutes(api, place);
  importRoute(api, place);
}

function oneUserRoutes(api: Api, { base, chain, tag, scope }: UsersPlace): void {
  const { control: { users } } = api.deps;
  const common = { tag, scope } as const;
  const unknown = () => notFound("User not found");
  api.on({
    ...common,
    method: "get",
    path: `${base}/users/{user_id}`,
    summary: "One user",
    answers: { 200: User },
    errors: [404],
  }, ({ params }) => json(users.get(chain(params), params.user_id!) ?? unknown()));

  api.on({
    ...common,
    method: "put",
    path: `${base}/users/{user_id}`,
    summary: "Change a user",
    body: v.strictObject({
      user_id: v.optional(Name),
      password: v.optional(Name),
      is_superuser: v.optional(v.boolean("expected true or false")),
    }),
    answers: { 200: User },
    errors: [404],
  }, async ({ params, body }) => {
    if (body.password === undefined && body.is_superuser === undefined) {
      throw new Problem(400, "BAD_REQUEST", "password or is_superuser is required");
    }
    const outcome = await users.update(chain(params), params.user_id!, body);
    return outcome.kind === "done" ? json(outcome.user) : unknown();
  });

  api.on({
    ...common,
    method: "delete",
    path: `${base}/users/{user_id}`,
    summary: "Delete a user",
    answers: { 204: null },
    errors: [404],
  }, ({ params }) => users.delete(chain(params), params.user_id!) ? done() : unknown());
}

function importRoute(api: Api, { base, tag, scope, chain, aliases }: UsersPlace): void {
  api.on({
    method: "post",
    path: `${base}/import_users`,
    summary: "Import users from CSV or JSON, with hashes or with passwords (type=plain)",
    tag,
    scope,
    ...(aliases !== undefined && { aliases }),
    query: v.object({
      type: v.optional(v.picklist(["hash", "plain"], "expected hash or plain"), "hash"),
    }),
    body: v.object({ filename: v.file() }),
    bodyType: "multipart/form-data",
    answers: { 200: Result },
    errors: [404, 415],
  }, async ({ context, params, query }) => {
    const id = chain(params);
    const { text, format } = await importFile(context.req.raw);
    return json(await api.deps.control.users.import(id, text, format, query.type));
  });
}

/** The file as part `filename` of a form, or a JSON array as the body. */
async function importFile(request: Request): Promise<{ text: string; format: "csv" | "json" }> {
  const type = request.headers.get("content-type") ?? "";
  if (/^application\/json/i.test(type)) {
    return { text: JSON.stringify(await readJson(request, IMPORT_BYTES_MAX)), format: "json" };
  }
  if (!/^multipart\/form-data/i.test(type)) {
    const message = "expected multipart/form-data with a part named filename, or JSON";
    throw new Problem(415, "UNSUPPORTED_MEDIA_TYPE", message);
  }
  const bytes = await readBody(request, IMPORT_BYTES_MAX);
  let file: FormDataEntryValue | null;
  try {
    const form = await new Response(bytes.slice(), { headers: { "content-type": type } })
      .formData();
    file = form.get("filename");
  } catch {
    throw new Problem(400, "BAD_REQUEST", "the form cannot be read");
  }
  if (!(file instanceof File)) {
    throw new Problem(400, "BAD_REQUEST", "the part filename is missing");
  }
  const format = /\.(csv|json)$/i.exec(file.name)?.[1]?.toLowerCase();
  if (format !== "csv" && format !== "json") {
    throw new Problem(400, "BAD_REQUEST", "the file name must end in .csv or .json");
  }
  return { text: await file.text(), format };
}
