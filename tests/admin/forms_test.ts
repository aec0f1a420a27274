/** The forms of the dashboard against the schema of the configuration; and what they hide. */
import assert from "node:assert/strict";
import { AUTHENTICATORS } from "../../admin/pages/authenticators.ts";
import { listenerSettings } from "../../admin/pages/listener_form.ts";
import { listEdit, rearranged, type Table, type TableKind } from "../../admin/pages/lists.ts";
import { finishedMethod, NATS_METHODS, shownMethod } from "../../admin/pages/nats_methods.ts";
import { fieldProblem, Form, issuesOf } from "../../admin/pages/request.ts";
import { readSettings, type Setting, show, withEntries } from "../../admin/pages/settings.ts";
import { SOURCES } from "../../admin/pages/sources.ts";
import { Problem } from "../../admin/problem.ts";
import { testAuthority } from "../kit/certs.ts";
import { startWorld } from "./kit.ts";

/** What is needed and cannot be guessed. */
const ENTERED: Readonly<Record<string, string>> = {
  database: "mqtt",
  username: "reader",
  collection: "users",
  base_dn: "ou=users,dc=example",
  secret: "a secret that is long enough",
  endpoint: "https://auth.example/jwks.json",
  path: "acl.conf",
  token: "a token",
  nkeys: "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
};

/** A form as a browser sends it when only what is needed is entered. */
function filled(settings: readonly Setting[], entered: Readonly<Record<string, string>>): Form {
  const fields = settings.map(({ name, kind, ...setting }) => {
    const shown = entered[name] ?? show({ name, kind, ...setting }, undefined);
    const text = shown === "" && kind === "choice" ? setting.choices![0]! : shown;
    return [name, kind === "flag" ? text === "true" ? "on" : "" : text] as const;
  });
  return new Form(Object.fromEntries(fields), "/test");
}

async function made({ settings, fixed }: TableKind, entered = ENTERED): Promise<Table> {
  return withEntries(fixed, await readSettings(filled(settings, entered), settings, undefined));
}

Deno.test("forms: what every kind offers is a valid configuration", async () => {
  await using world = await startWorld();
  const { config } = world.deps.control;
  const { certificate, key } = testAuthority().server();
  const entered = { ...ENTERED, public_key: certificate };
  const at = (path: readonly string[], single: boolean) => ({ id: "", label: "", path, single });
  for (const kind of AUTHENTICATORS) {
    const list = at(["gateway", "nats", "authentication"], true);
    const preview = config.preview([listEdit(list, [await made(kind, entered)])]);
    assert.equal(preview.gateway.nats.authentication?.enable, true, kind.id);
  }
  for (const kind of SOURCES) {
    const list = at(["authorization", "sources"], false);
    const preview = config.preview([listEdit(list, [await made(kind, entered)])]);
    assert.equal(preview.authorization.sources[0]?.type, kind.id);
  }
  for (const kind of NATS_METHODS.filter(({ id }) => id !== "jwt")) {
    const list = at(["gateway", "nats", "internal_authn"], false);
    const preview = config.preview([listEdit(list, [await made(kind, entered)])]);
    assert.equal(preview.gateway.nats.internal_authn[0]?.type, kind.id);
  }
  for (const protocol of ["nats", "mqtt"] as const) {
    for (const type of ["tcp", "ssl", "ws", "wss"] as const) {
      const settings = listenerSettings(protocol, type);
      const pem = { "ssl_options.certfile": certificate, "ssl_options.keyfile": key };
      const form = filled(settings, { bind: "127.0.0.1:0", ...pem });
      const value = withEntries({}, await readSettings(form, settings, undefined));
      const above = protocol === "nats" ? ["gateway", "nats", "listeners"] : ["listeners"];
      config.preview([{ path: [...above, type, "more"], value }]);
    }
  }
});

Deno.test("forms: a kind is known again by what it always says", async () => {
  for (const kinds of [AUTHENTICATORS, SOURCES]) {
    for (const kind of kinds) {
      const table = await made(kind, { ...ENTERED, public_key: "x" });
      const found = kinds.filter(({ fixed, marks }) =>
        marks.every((name) => table[name] === fixed[name])
      );
      assert.deepEqual(found.map(({ id }) => id), [kind.id]);
    }
  }
});

Deno.test("forms: what is needed and empty is said of every field at once", async () => {
  const { settings } = AUTHENTICATORS.find(({ id }) => id.endsWith("postgresql"))!;
  const form = filled(settings, {});
  await assert.rejects(readSettings(form, settings, undefined), (problem) => {
    assert(problem instanceof Problem);
    const said = issuesOf(problem).map(({ path, message }) => `${path} ${message}`);
    assert.deepEqual(said, ["username is needed", "database is needed"]);
    return true;
  });
});

Deno.test("forms: a refusal names its field, whoever it comes from", () => {
  const pathsOf = (message: string) =>
    issuesOf(new Problem(400, "BAD_REQUEST", message)).map(({ path }) => path);
  assert.deepEqual(pathsOf("gateway.nats.listeners.ssl.a.ssl_options.keyfile holds no key"), [
    "gateway.nats.listeners.ssl.a.ssl_options.keyfile",
  ]);
  assert.deepEqual(pathsOf("password: too short"), ["password"]);
  assert.deepEqual(pathsOf("Cannot listen on 127.0.0.1:80 for nats:tcp:a: no"), ["bind"]);
  assert.deepEqual(pathsOf("somebody else changed it"), []);
  assert.deepEqual(issuesOf(fieldProblem("a", "b")), [
    { severity: "error", path: "a", message: "b" },
  ]);
});

Deno.test("forms: a list is rearranged, and what has gone is said to be gone", () => {
  const list = [{ a: 1, enable: true }, { b: 2 }];
  assert.deepEqual(rearranged(list, 1, "up"), [{ b: 2 }, { a: 1, enable: true }]);
  assert.deepEqual(rearranged(list, 0, "up"), list);
  assert.deepEqual(rearranged(list, 0, "switch")[0], { a: 1, enable: false });
  assert.deepEqual(rearranged(list, 0, "delete"), [{ b: 2 }]);
  assert.throws(() => rearranged(list, 2, "delete"), /gone already/);
});

Deno.test("forms: account JWTs are shown as their keys, and kept by them", () => {
  const jwt = (sub: string) => `e30.${btoa(JSON.stringify({ sub })).replace(/=+$/, "")}.sig`;
  const hidden = {
    type: "jwt",
    trusted_operators: ["O1"],
    resolver: {
      type: "memory",
      resolver_preload: [{ pubkey: "A1", jwt: "******" }, { pubkey: "A2", jwt: "******" }],
    },
  };
  const before = {
    ...hidden,
    resolver: {
      type: "memory",
      resolver_preload: [{ pubkey: "A1", jwt: jwt("A1") }, { pubkey: "A2", jwt: jwt("A2") }],
    },
  };
  const lines = (table: Table) => (table.resolver as Table).resolver_preload;
  assert.deepEqual(lines(shownMethod(hidden)), ["A1 ******", "A2 ******"]);
  const change = (...preload: string[]) =>
    lines(finishedMethod({ ...before, resolver: { resolver_preload: preload } }, before));
  // The first one was taken out, one came behind: the second keeps its own token.
  assert.deepEqual(change("A2 ******", jwt("A3")), [
    { pubkey: "A2", jwt: jwt("A2") },
    { pubkey: "A3", jwt: jwt("A3") },
  ]);
  assert.throws(() => change("A9 ******"), /the JWT of A9 is not there/);
  assert.throws(() => change("nonsense"), /is no account JWT/);
  assert.deepEqual(finishedMethod(before, before), before);
});
