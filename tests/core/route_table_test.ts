import assert from "node:assert/strict";
import fc from "fast-check";
import { Route } from "../../gateway/core/route.ts";
import { equals, ROUTE_TABLE_PLACES_MAX, RouteTable } from "../../gateway/core/route_table.ts";
import { ascii } from "../../gateway/nats/encode.ts";
import { randomSeed } from "../kit/seed.ts";
import { topic } from "./kit.ts";

const seed = randomSeed("route_table");

function add(table: RouteTable, name: string): Route {
  const bytes = new TextEncoder().encode(name);
  const route = new Route(topic(name));
  table.add(bytes, 0, bytes.length, route);
  return route;
}

function find(table: RouteTable, name: string): Route | undefined {
  const bytes = new TextEncoder().encode(`<${name}>`);
  return table.find(bytes, 1, bytes.length - 1)?.route;
}

Deno.test("a route table finds what was added, among other bytes, and nothing else", () => {
  const table = new RouteTable();
  const a = add(table, "a.b"), b = add(table, "a.bb");
  assert.equal(find(table, "a.b"), a);
  assert.equal(find(table, "a.bb"), b);
  assert.equal(find(table, "a."), undefined);
  assert.equal(find(table, "A.b"), undefined);
  assert.equal(table.find(ascii("a.b"), 1, 1), undefined);
});

Deno.test("the name is copied: the read buffer may change", () => {
  const table = new RouteTable();
  const bytes = ascii("abc");
  const route = new Route(topic("abc"));
  table.add(bytes, 0, 3, route);
  bytes.fill(0x78);
  assert.equal(find(table, "abc"), route);
  assert.equal(find(table, "xxx"), undefined);
});

Deno.test("a table grows: thousands of names, and every one is found", () => {
  const table = new RouteTable();
  const routes = new Map<string, Route>();
  for (let i = 0; i < 20_000; i++) routes.set(`plant.${i}.temp`, add(table, `plant.${i}.temp`));
  let found = 0;
  for (const [name, route] of routes) {
    const there = find(table, name);
    assert.ok(there === undefined || there === route, name);
    if (there === route) found++;
  }
  // A name that lost its places is looked up anew; few may do so.
  assert.ok(found > 19_800, `${found} of 20000`);
});

Deno.test("beyond its places a table forgets old names and never mixes them up", () => {
  const table = new RouteTable();
  const routes = new Map<string, Route>();
  const count = 2 * ROUTE_TABLE_PLACES_MAX;
  for (let i = 0; i < count; i++) routes.set(`n${i}`, add(table, `n${i}`));
  let found = 0;
  for (const [name, route] of routes) {
    const there = find(table, name);
    if (there === undefined) continue;
    assert.equal(there, route, name);
    found++;
  }
  assert.ok(found <= ROUTE_TABLE_PLACES_MAX);
  assert.ok(found > ROUTE_TABLE_PLACES_MAX * 0.8, String(found));
  assert.equal(find(table, `n${count - 1}`), routes.get(`n${count - 1}`), "the newest is there");
});

/** Two-letter pairs that the hash cannot tell apart, as long as wanted. */
function colliding(bits: number, length: number): string {
  let name = "";
  for (let i = 0; i < length; i++) name += (bits >> i & 1) === 1 ? "Ab" : "BC";
  return name;
}

Deno.test("names made to collide cost others nothing, and memory stays bounded", () => {
  const table = new RouteTable();
  const good = add(table, "good.name");
  const routes: Route[] = [];
  for (let i = 0; i < 4096; i++) routes.push(add(table, colliding(i, 12)));
  assert.equal(find(table, "good.name"), good);
  let found = 0;
  for (const [i, route] of routes.entries()) {
    const there = find(table, colliding(i, 12));
    assert.ok(there === undefined || there === route);
    if (there === route) found++;
  }
  assert.ok(found >= 1 && found <= 64, `${found} of names with one place`);
  assert.ok(table.places <= 64, `${table.places} places for names that share one`);
});

Deno.test("an entry whose route was let go is no entry, and gives up its place", () => {
  const table = new RouteTable();
  const old = add(table, "a");
  old.attached = false;
  assert.equal(find(table, "a"), undefined);
  const fresh = add(table, "a");
  assert.equal(find(table, "a"), fresh);
});

Deno.test("a table agrees with a map that may forget", () => {
  const name = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom("a", "b", "B", "C") });
  const step = fc.tuple(fc.constantFrom("add", "find", "detach"), name);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new RouteTable();
      const map = new Map<string, Route>();
      for (const [what, key] of steps) {
        if (what === "add") map.set(key, add(table, key));
        else if (what === "find") {
          const there = find(table, key);
          if (there !== undefined) assert.equal(there, map.get(key));
        } else {
          const route = map.get(key);
          if (route !== undefined) route.attached = false;
          map.delete(key);
        }
      }
    }),
    { seed },
  );
});

Deno.test("equals() compares a name with a stretch of bytes", () => {
  assert.equal(equals(ascii("abc"), ascii("xabcx"), 1, 4), true);
  assert.equal(equals(ascii("abc"), ascii("xabcx"), 1, 5), false);
  assert.equal(equals(ascii("abc"), ascii("xabdx"), 1, 4), false);
  assert.equal(equals(ascii(""), ascii("x"), 1, 1), true);
});
