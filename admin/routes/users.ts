/**
 * Users of the dashboard. Only people who logged in may see and change them: keys do not make
 * users.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { USER_ROLES } from "../auth/users.ts";
import { Problem } from "../problem.ts";

const text = v.pipe(v.string("expected text"), v.maxLength(1000, "is too long"));
const User = v.object({ username: v.string(), description: v.string(), role: v.string() });
const role = v.optional(v.picklist(USER_ROLES, "expected administrator or viewer"));
const common = { tag: "Users", scope: "system", loginOnly: true } as const;
const unknown = () => notFound("there is no such user", "USER_NOT_FOUND");

/** `/users`. */
export function userRoutes(api: Api): void {
  const { auth } = api.deps;
  const { users, logins } = auth;
  api.on({
    ...common,
    method: "get",
    path: "/users",
    summary: "Users of the dashboard",
    answers: { 200: v.array(User) },
  }, () => json(users.list()));

  api.on({
    ...common,
    method: "post",
    path: "/users",
    summary: "Make a user",
    body: v.strictObject({ username: text, password: text, description: v.optional(text), role }),
    answers: { 200: User },
  }, async ({ body }) => {
    const { username, password, description = "", role = "administrator" } = body;
    return json(await users.create({ username, description, role }, password));
  });

  api.on({
    ...common,
    method: "put",
    path: "/users/{username}",
    summary: "Change a user",
    body: v.strictObject({ description: v.optional(text), role }),
    answers: { 200: User },
    errors: [404],
  }, ({ params, body }) => {
    const { description, role } = body;
    const user = users.update(params.username!, {
      ...(description !== undefined && { description }),
      ...(role !== undefined && { role }),
    });
    if (role !== undefined) logins.closeAll(params.username!);
    return json(user ?? unknown());
  });

  leavingRoutes(api);
}

function leavingRoutes(api: Api): void {
  const { users, logins } = api.deps.auth;
  api.on({
    ...common,
    method: "delete",
    path: "/users/{username}",
    summary: "Delete a user",
    answers: { 204: null },
    errors: [404],
  }, ({ params, caller }) => {
    if (params.username === caller.name) {
      throw new Problem(400, "BAD_REQUEST", "your own account cannot be deleted");
    }
    if (!users.delete(params.username!)) unknown();
    logins.closeAll(params.username!);
    return done();
  });

  api.on({
    ...common,
    method: "post",
    path: "/users/{username}/change_pwd",
    summary: "Change a password; administrators may change those of others",
    also: "viewer",
    body: v.strictObject({ old_pwd: text, new_pwd: text }),
    answers: { 204: null },
    errors: [403, 404],
  }, async ({ params, body, caller }) => {
    const username = params.username!;
    if (caller.role !== "administrator" && username !== caller.name) {
      throw new Problem(403, "UNAUTHORIZED_ROLE", "only administrators change others' passwords");
    }
    if (users.get(username) === undefined) unknown();
    // Whoever is at somebody's unlocked screen must not take over the account.
    if (!await users.verify(caller.name, body.old_pwd)) {
      throw new Problem(400, "ERROR_PWD_NOT_MATCH", "old_pwd: is not your password");
    }
    await users.changePassword(username, body.new_pwd);
    logins.closeAll(username);
    return done();
  });
}
