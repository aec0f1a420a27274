import assert from "node:assert/strict";
import { Router } from "../../gateway/core/router.ts";
import { Route } from "../../gateway/core/route.ts";
import { message, Notebook, roomyRetained, subscription, topic } from "./kit.ts";

Deno.test("a route that no router made finds its subscribers all the same", () => {
  const router = new Router(roomyRetained());
  const route = new Route(topic("a/b"));
  route.attached = false;
  const book = new Notebook(1);
  router.subscribe(subscription("a/+", book));
  assert.equal(router.publish(message(route, "x")), 1);
  assert.equal(router.cachedTargets, 0);
});

Deno.test("a target keeps what a subscriber wrote on it until subscriptions change", () => {
  const router = new Router(roomyRetained());
  const route = router.route(topic("a"));
  router.subscribe(subscription("a"));
  router.refresh(route);
  const target = route.direct[0]!;
  target.wire = new Uint8Array([1]);
  router.publish(message(route, "x"));
  assert.equal(route.direct[0], target);
  router.subscribe(subscription("b/+"));
  router.refresh(route);
  assert.equal(route.direct.length, 1);
});
