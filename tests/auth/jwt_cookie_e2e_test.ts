/** `websocket.jwt_cookie`: a browser logs in with the JWT in its cookie, and with nothing else. */
import assert from "node:assert/strict";
import { encodeAccount, encodeUser } from "@nats-io/jwt";
import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import { WebSocket } from "ws";
import { startGateway } from "../kit/gateway.ts";
import { until } from "../kit/wait.ts";

Deno.test("a JWT in the configured cookie of the upgrade request is the login", async () => {
  const [operator, account, user, stranger] = [
    createOperator(),
    createAccount(),
    createUser(),
    createAccount(),
  ];
  const accountJwt = await encodeAccount("a", account, {}, { signer: operator });
  const bearer = { bearer_token: true };
  const good = await encodeUser("u", user, account, bearer);
  const foreign = await encodeUser("u", user, stranger, bearer);
  await using gateway = await startGateway({
    config: `[gateway.nats.listeners.ws.web]
bind = "127.0.0.1:0"
websocket.jwt_cookie = "session"
[[gateway.nats.internal_authn]]
type = "jwt"
trusted_operators = ["${operator.getPublicKey()}"]
[gateway.nats.internal_authn.resolver]
type = "memory"
resolver_preload = [{ pubkey = "${account.getPublicKey()}", jwt = "${accountJwt}" }]
`,
  });
  /** What the gateway says, up to the answer to the login. */
  const login = async (headers: Record<string, string>): Promise<string> => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port("nats:ws:web")}/`, { headers });
    let text = "";
    socket.on("message", (data) => text += String(data));
    socket.on("open", () => socket.send('CONNECT {"verbose":false}\r\nPING\r\n'));
    await until(() => /PONG|-ERR/.test(text), "an answer to the login");
    socket.terminate();
    return text.slice(text.indexOf("\n") + 1);
  };
  assert.equal(await login({ cookie: `other=1; session=${good}` }), "PONG\r\n");
  const refused = /^-ERR 'Authorization Violation'/;
  assert.match(await login({ cookie: `session=${foreign}` }), refused);
  assert.match(await login({ cookie: `jwt=${good}` }), refused);
  assert.match(await login({}), refused);
});
