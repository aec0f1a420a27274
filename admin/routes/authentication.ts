/**
 * The chain of authenticators for MQTT clients.
 */
import * as v from "valibot";
import { type Api, done, json, notFound } from "../api.ts";
import { authenticatorId, checkSameKind, providerStatus } from "../authenticator.ts";
import { change, sectionEdits, versioned } from "../change.ts";
import { AuthenticationSettings, Authenticator, AuthenticatorStatus } from "../config_objects.ts";
import { type Element, moved, ordered } from "../ordered.ts";
import { Problem } from "../problem.ts";
import { Settings, Text } from "../schemas.ts";
import { chainUserRoutes } from "./chain_users.ts";

const PATH = ["authentication"] as const;
const CHAIN = "mqtt:global";
const common = { tag: "Authentication", scope: "access_control" } as const;

/** `/authentication…`. Settings come first, so that they are not taken for an id. */
export function authenticationRoutes(api: Api): void {
  settingsRoutes(api);
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: "/authentication",
    summary: "The chain in its order",
    answers: { 200: v.array(Authenticator) },
  }, () => versioned(shown(api).map(withId), control.config.version));

  api.on({
    ...common,
    method: "post",
    path: "/authentication",
    summary: "Add an authenticator at the end",
    body: Settings,
    bodyShape: Authenticator,
    answers: { 200: Authenticator },
    errors: [409, 412],
  }, async ({ body: { id: _, ...value }, ...request }) => {
    const id = authenticatorId(value);
    await change(api.deps, request, () => {
      const chain = written(api);
      if (chain.some((one) => authenticatorId(one) === id)) {
        throw new Problem(409, "ALREADY_EXISTS", `there is a ${id} already`);
      }
      return [{ path: PATH, value: [...chain, value] }];
    });
    return versioned(withId(find(api, id)), control.config.version);
  });

  oneRoutes(api);
  orderRoutes(api);
  chainUserRoutes(api, {
    base: "/authentication/{id}",
    tag: common.tag,
    scope: common.scope,
    chain: (params) => {
      find(api, params.id!);
      if (params.id === "password_based:built_in_database") return CHAIN;
      throw new Problem(400, "BAD_REQUEST", "operation not supported: not a built-in database");
    },
  });
}

function shown({ deps: { control } }: Api): readonly Element[] {
  return (control.config.effective(PATH) ?? []) as readonly Element[];
}

function written({ deps: { control } }: Api): readonly Element[] {
  return (control.config.written(PATH) ?? []) as readonly Element[];
}

function find(api: Api, id: string): Element {
  return shown(api).find((one) => authenticatorId(one) === id) ??
    notFound("there is no such authenticator");
}

function withId(one: Element) {
  return { id: authenticatorId(one), ...one };
}

function settingsRoutes(api: Api): void {
  const { control } = api.deps;
  const path = ["authentication_settings"];
  api.on({
    ...common,
    method: "get",
    path: "/authentication/settings",
    summary: "Settings for all authenticators",
    answers: { 200: AuthenticationSettings },
  }, () => versioned(control.config.effective(path), control.config.version));

  api.on({
    ...common,
    method: "put",
    path: "/authentication/settings",
    summary: "Change them; keys that are left out stay as they are",
    body: Settings,
    bodyShape: AuthenticationSettings,
    answers: { 204: null },
    errors: [412],
  }, async ({ body, ...request }) => {
    await change(api.deps, request, sectionEdits(path, body));
    return done();
  });

  api.on({
    ...common,
    method: "put",
    path: "/authentication/order",
    summary: "Put the chain in another order",
    body: v.array(v.object({ id: Text }), "expected an array of {id}"),
    answers: { 204: null },
    errors: [412],
  }, async ({ body, ...request }) => {
    const ids = body.map(({ id }) => id);
    await change(api.deps, request, () => [
      { path: PATH, value: ordered(written(api), authenticatorId, ids) },
    ]);
    return done();
  });
}

function oneRoutes(api: Api): void {
  const { control } = api.deps;
  const one = { ...common, path: "/authentication/{id}", errors: [404, 412] } as const;
  api.on({
    ...one,
    method: "get",
    summary: "One authenticator",
    answers: { 200: Authenticator },
  }, ({ params }) => versioned(withId(find(api, params.id!)), control.config.version));

  api.on({
    ...one,
    method: "put",
    summary: "Replace the settings of an authenticator",
    body: Settings,
    bodyShape: Authenticator,
    answers: { 204: null },
  }, async ({ params, body: { id: _, ...value }, ...request }) => {
    await change(api.deps, request, () => {
      checkSameKind(find(api, params.id!), value);
      const chain = written(api);
      return [{
        path: PATH,
        value: chain.map((other) => authenticatorId(other) === params.id ? value : other),
      }];
    });
    return done();
  });

  api.on({
    ...one,
    method: "delete",
    summary: "Take an authenticator out of the chain, and the users of its built-in database",
    answers: { 204: null },
  }, async ({ params, ...request }) => {
    if (!written(api).some((other) => authenticatorId(other) === params.id)) return done();
    await change(api.deps, request, () => [{
      path: PATH,
      value: written(api).filter((other) => authenticatorId(other) !== params.id),
    }]);
    if (params.id === "password_based:built_in_database") control.users.clear(CHAIN);
    return done();
  });
}

function orderRoutes(api: Api): void {
  const { control } = api.deps;
  const base = "/authentication/{id}";
  api.on({
    ...common,
    method: "get",
    path: `${base}/status`,
    summary: "Whether an authenticator works",
    answers: { 200: AuthenticatorStatus },
    errors: [404],
  }, ({ params }) => {
    find(api, params.id!);
    return json(providerStatus(control, CHAIN, params.id!));
  });

  api.on({
    ...common,
    method: "put",
    path: `${base}/position/{position}`,
    summary: "Move an authenticator: front, rear, before:<id> or after:<id>",
    answers: { 204: null },
    errors: [404, 412],
  }, async ({ params, ...request }) => {
    await change(api.deps, request, () => {
      find(api, params.id!);
      const value = moved(written(api), authenticatorId, params.id!, params.position!);
      return [{ path: PATH, value }];
    });
    return done();
  });
}
