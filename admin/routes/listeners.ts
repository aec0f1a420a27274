/**
 * Listeners: of the gateway under `/gateways/{gw}/listeners`, of both protocols under
 * `/listeners`.
 */
import * as v from "valibot";
import type { ListenerView } from "../../gateway/control.ts";
import { type Api, done, notFound } from "../api.ts";
import { change, versioned } from "../change.ts";
import {
  GatewayListener,
  GatewayListenerInList,
  Listener,
  ListenerInList,
  NewGatewayListener,
  NewListener,
} from "../config_objects.ts";
import {
  knownGateway,
  listenerNames,
  listenerObject,
  listenerSettings,
  listenerWithStatus,
} from "../gateway_object.ts";
import { Problem } from "../problem.ts";
import { Settings } from "../schemas.ts";

const PARENTS = { nats: ["gateway", "nats", "listeners"], mqtt: ["listeners"] } as const;

/** `/gateways/{gw}/listeners…` and `/listeners…`. */
export function listenerRoutes(api: Api): void {
  const ofGateway: Place = {
    base: "/gateways/{gw}/listeners",
    common: { tag: "Gateway listeners", scope: "gateways" },
    check: (params) => knownGateway(params.gw!),
    isHere: ({ protocol }) => protocol === "nats",
    one: GatewayListener,
    inList: GatewayListenerInList,
    toBeMade: NewGatewayListener,
  };
  const ofBroker: Place = {
    base: "/listeners",
    common: { tag: "Listeners", scope: "connections" },
    check: () => {},
    isHere: () => true,
    one: Listener,
    inList: ListenerInList,
    toBeMade: NewListener,
  };
  for (const place of [ofGateway, ofBroker]) {
    readRoutes(api, place);
    changeRoutes(api, place);
    switchRoutes(api, place);
  }
}

interface Place {
  readonly base: string;
  readonly common: { readonly tag: string; readonly scope: "gateways" | "connections" };
  readonly check: (params: Readonly<Record<string, string>>) => void;
  readonly isHere: (listener: ListenerView) => boolean;
  /** How the API writes one, one in a list, and takes one. */
  readonly one: v.GenericSchema;
  readonly inList: v.GenericSchema;
  readonly toBeMade: v.GenericSchema;
}

/** The listener of that id. @throws {Problem} 404 */
function find(api: Api, place: Place, id: string): ListenerView {
  const found = api.deps.control.listeners().find((one) => one.id === id && place.isHere(one));
  return found ?? notFound("Listener not found", "RESOURCE_NOT_FOUND");
}

function readRoutes(api: Api, place: Place): void {
  const { control } = api.deps;
  const { common, base, check, isHere } = place;
  api.on({
    ...common,
    method: "get",
    path: base,
    summary: "List listeners and how they run",
    answers: { 200: v.array(place.inList) },
  }, ({ params }) => {
    check(params);
    const listeners = control.listeners().filter(isHere);
    const objects = listeners.map((listener) => listenerWithStatus(control, listener));
    return versioned(objects, control.config.version);
  });

  api.on({
    ...common,
    method: "get",
    path: `${base}/{id}`,
    summary: "One listener",
    answers: { 200: place.one },
    errors: [404],
  }, ({ params }) => {
    check(params);
    return versioned(listenerObject(control, find(api, place, params.id!)), control.config.version);
  });
}

function changeRoutes(api: Api, place: Place): void {
  const { control } = api.deps;
  const { common, base, check } = place;
  api.on({
    ...common,
    method: "post",
    path: base,
    summary: "Add a listener",
    body: Settings,
    bodyShape: place.toBeMade,
    answers: { 201: place.one },
    errors: [412],
  }, async ({ params, body, ...request }) => {
    check(params);
    const { type, name } = listenerNames(body);
    if (body.bind === undefined) throw new Problem(400, "BAD_REQUEST", "bind is required");
    const protocol = place.base === "/listeners" && body.protocol !== "nats" ? "mqtt" : "nats";
    const { protocol: _, ...settings } = listenerSettings(body);
    const id = `${protocol}:${type}:${name}`;
    await change(api.deps, request, () => {
      if (control.listeners().some((one) => one.id === id)) {
        throw new Problem(400, "BAD_REQUEST", `name: there is a listener ${id} already`);
      }
      return [{ path: [...PARENTS[protocol], type, name], value: settings }];
    });
    const made = listenerObject(control, find(api, place, id));
    return versioned(made, control.config.version, 201);
  });

  api.on({
    ...common,
    method: "put",
    path: `${base}/{id}`,
    summary: "Replace the settings of a listener; keys that are left out get their defaults, " +
      "but authentication stays (null takes it away)",
    body: Settings,
    bodyShape: place.toBeMade,
    answers: { 200: place.one },
    errors: [412],
  }, async ({ params, body, ...request }) => {
    check(params);
    const known = control.listeners().find((one) => one.id === params.id && place.isHere(one));
    if (known === undefined) throw new Problem(400, "BAD_REQUEST", "Listener not found");
    await change(api.deps, request, () => {
      const value = listenerSettings(body);
      const path = [...known.path, "authentication"];
      // Left out by mistake it would leave the listener open to everybody; null takes it away.
      if (value.authentication === undefined) value.authentication = control.config.written(path);
      return [{ path: known.path, value }];
    });
    const changed = listenerObject(control, find(api, place, params.id!));
    return versioned(changed, control.config.version);
  });

  api.on({
    ...common,
    method: "delete",
    path: `${base}/{id}`,
    summary: "Close a listener and forget it; its clients are dropped",
    answers: { 204: null },
    errors: [404, 412],
  }, async ({ params, ...request }) => {
    check(params);
    const { path, id } = find(api, place, params.id!);
    await change(api.deps, request, [{ path, value: undefined }]);
    // An authenticator of its own is gone with it, and so are that one's users.
    control.users.clear(id);
    return done();
  });
}

function switchRoutes(api: Api, place: Place): void {
  for (const action of ["start", "stop", "restart"] as const) {
    api.on({
      ...place.common,
      method: "post",
      path: `${place.base}/{id}/${action}`,
      summary: `${action[0]!.toUpperCase()}${action.slice(1)} a listener`,
      answers: { 204: null },
      errors: [404, 412],
    }, async ({ params, ...request }) => {
      place.check(params);
      const { path } = find(api, place, params.id!);
      const set = (value: boolean) =>
        change(api.deps, request, [{ path: [...path, "enable"], value }]);
      if (action !== "start") await set(false);
      if (action !== "stop") await set(true);
      return done();
    });
  }
}
