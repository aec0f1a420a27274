/**
 * The one authenticator of the gateway, or of one of its listeners.
 */
import * as v from "valibot";
import type { Path } from "../../gateway/config/path.ts";
import { type Api, done, json, notFound } from "../api.ts";
import { change, versioned } from "../change.ts";
import { Authenticator, AuthenticatorStatus } from "../config_objects.ts";
import { authenticatorId, checkSameKind, providerStatus } from "../authenticator.ts";
import { knownGateway, NATS_PATH } from "../gateway_object.ts";
import { Problem } from "../problem.ts";
import { Settings, Text } from "../schemas.ts";
import { chainUserRoutes } from "./chain_users.ts";

/** Whose authenticator: where it is configured, and the name of its chain. */
interface Owner {
  readonly path: Path;
  readonly chain: string;
}

/** What came of a login that was tried. */
const LoginOutcome = v.strictObject({
  result: v.picklist(["allow", "deny", "ignore"]),
  method: v.optional(v.string()),
  superuser: v.optional(v.boolean()),
  reason: v.optional(v.string()),
  duration_ms: v.number(),
});

type OwnerOf = (params: Readonly<Record<string, string>>) => Owner;

/** `/gateways/{gw}/authentication…` and `/gateways/{gw}/listeners/{id}/authentication…`. */
export function gatewayAuthenticationRoutes(api: Api): void {
  routesFor(api, "/gateways/{gw}/authentication", (params) => {
    knownGateway(params.gw!);
    return { path: [...NATS_PATH, "authentication"], chain: "nats:global" };
  });
  routesFor(api, "/gateways/{gw}/listeners/{id}/authentication", (params) => {
    knownGateway(params.gw!);
    const listener = api.deps.control.listeners().find(({ id, protocol }) =>
      id === params.id && protocol === "nats"
    ) ?? notFound("Listener not found", "RESOURCE_NOT_FOUND");
    return { path: [...listener.path, "authentication"], chain: listener.id };
  }, ["/gateways/{gw}/listeners/{id}/import_users"]);
}

function routesFor(api: Api, base: string, ownerOf: OwnerOf, aliases: readonly string[] = []) {
  const { control } = api.deps;
  readRoutes(api, base, ownerOf);
  changeRoutes(api, base, ownerOf);
  chainUserRoutes(api, {
    base,
    tag: "Gateway authentication",
    scope: "access_control",
    aliases,
    chain: (params) => {
      const { path, chain } = ownerOf(params);
      if (control.config.effective(path) === undefined) {
        notFound("no authentication is configured here", "RESOURCE_NOT_FOUND");
      }
      if (control.users.has(chain)) return chain;
      throw new Problem(400, "BAD_REQUEST", "operation not supported: not a built-in database");
    },
  });
}

const common = { tag: "Gateway authentication", scope: "access_control" } as const;

function readRoutes(api: Api, base: string, ownerOf: OwnerOf): void {
  const { control } = api.deps;
  api.on({
    ...common,
    method: "get",
    path: base,
    summary: "The authenticator; no content when there is none",
    answers: { 200: Authenticator, 204: null },
    errors: [404],
  }, ({ params }) => {
    const { path } = ownerOf(params);
    const settings = control.config.effective(path) as Record<string, unknown> | undefined;
    if (settings === undefined) return done();
    return versioned({ id: authenticatorId(settings), ...settings }, control.config.version);
  });

  api.on({
    ...common,
    method: "get",
    path: `${base}/status`,
    summary: "Whether the authenticator works, and what it was asked",
    answers: { 200: AuthenticatorStatus },
    errors: [404],
  }, ({ params }) => {
    const { path, chain } = ownerOf(params);
    const settings = control.config.effective(path) as Record<string, unknown> | undefined;
    if (settings === undefined) notFound("no authentication is configured here");
    return json(providerStatus(control, chain, authenticatorId(settings!)));
  });

  api.on({
    ...common,
    method: "post",
    path: `${base}/test`,
    summary: "Try a login without a connection",
    body: v.strictObject({
      clientid: v.optional(Text, ""),
      username: v.optional(Text),
      password: v.optional(Text),
    }),
    answers: { 200: LoginOutcome },
    errors: [404],
  }, async ({ params, body }) => {
    const { chain } = ownerOf(params);
    const { clientid: clientId, username, password } = body;
    return json(await control.tryLogin(chain, { clientId, username, password }));
  });
}

function changeRoutes(api: Api, base: string, ownerOf: OwnerOf): void {
  const { control } = api.deps;
  const current = (path: Path) =>
    control.config.effective(path) as Record<string, unknown> | undefined;
  const answer = (path: Path, status: number) => {
    const settings = current(path)!;
    const object = { id: authenticatorId(settings), ...settings };
    return versioned(object, control.config.version, status);
  };
  api.on({
    ...common,
    method: "post",
    path: base,
    summary: "Set the authenticator up",
    body: Settings,
    bodyShape: Authenticator,
    answers: { 201: Authenticator },
    errors: [404, 412],
  }, async ({ params, body: { id: _, ...value }, ...request }) => {
    const { path } = ownerOf(params);
    await change(api.deps, request, () => {
      if (current(path) === undefined) return [{ path, value }];
      const message = "there is an authenticator already; change it by PUT";
      throw new Problem(400, "ALREADY_EXISTS", message);
    });
    return answer(path, 201);
  });

  api.on({
    ...common,
    method: "put",
    path: base,
    summary: "Replace the settings of the authenticator",
    body: Settings,
    bodyShape: Authenticator,
    answers: { 200: Authenticator },
    errors: [404, 412],
  }, async ({ params, body: { id: _, ...value }, ...request }) => {
    const { path } = ownerOf(params);
    await change(api.deps, request, () => {
      const before = current(path);
      if (before === undefined) {
        const message = "no authentication is configured here; make it by POST";
        throw new Problem(400, "BAD_REQUEST", message);
      }
      checkSameKind(before, value);
      return [{ path, value }];
    });
    return answer(path, 200);
  });

  api.on({
    ...common,
    method: "delete",
    path: base,
    summary: "Take the authenticator away, and the users of its built-in database",
    answers: { 204: null },
    errors: [404, 412],
  }, async ({ params, ...request }) => {
    const { path, chain } = ownerOf(params);
    if (current(path) === undefined) return done();
    await change(api.deps, request, [{ path, value: undefined }]);
    control.users.clear(chain);
    return done();
  });
}
