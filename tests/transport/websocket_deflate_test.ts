import assert from "node:assert/strict";
import {
  type DeflateOptions,
  negotiateDeflate,
} from "../../gateway/transport/websocket_deflate.ts";
import { DEFLATE_OPTIONS } from "../kit/deflate.ts";

function answer(offer: string | undefined, options: Partial<DeflateOptions> = {}) {
  return negotiateDeflate(offer, { ...DEFLATE_OPTIONS, ...options })?.response;
}

Deno.test("websocket_deflate: an offer is taken as it is where nothing limits it", () => {
  assert.equal(answer("permessage-deflate"), "permessage-deflate");
  assert.equal(answer("Permessage-Deflate; client_max_window_bits"), "permessage-deflate");
  assert.equal(answer(undefined), undefined);
  assert.equal(answer("x-webkit-deflate-frame"), undefined);
});

Deno.test("websocket_deflate: either end can do without context", () => {
  const server = "permessage-deflate; server_no_context_takeover";
  const client = "permessage-deflate; client_no_context_takeover";
  assert.equal(answer(server), server);
  assert.equal(answer(client), client);
  assert.equal(answer("permessage-deflate", { server_context_takeover: "no_takeover" }), server);
  assert.equal(answer("permessage-deflate", { client_context_takeover: "no_takeover" }), client);
  const agreed = negotiateDeflate(server, DEFLATE_OPTIONS)!;
  assert.deepEqual([agreed.serverTakeover, agreed.clientTakeover], [false, true]);
});

Deno.test("websocket_deflate: the smaller window counts", () => {
  const limited = (bits: number) => ({
    server_max_window_bits: bits,
    client_max_window_bits: bits,
  });
  const asks = "permessage-deflate; server_max_window_bits=10";
  assert.equal(answer(asks), asks);
  assert.equal(answer(asks, limited(9)), "permessage-deflate; server_max_window_bits=9");
  assert.equal(answer(asks, limited(12)), asks);
  assert.equal(answer('permessage-deflate; server_max_window_bits="11"'), asks.replace("10", "11"));
  // A client is only limited when it says that it can be.
  assert.equal(
    answer("permessage-deflate", limited(12)),
    "permessage-deflate; server_max_window_bits=12",
  );
  assert.equal(
    negotiateDeflate("permessage-deflate", { ...DEFLATE_OPTIONS, ...limited(12) })?.clientBits,
    15,
  );
  assert.equal(
    answer("permessage-deflate; client_max_window_bits", limited(12)),
    "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
  );
  assert.equal(
    answer("permessage-deflate; client_max_window_bits=8"),
    "permessage-deflate; client_max_window_bits=8",
  );
});

Deno.test("websocket_deflate: an offer that cannot be kept is passed over", () => {
  assert.equal(answer("permessage-deflate; server_max_window_bits=8"), undefined);
  assert.equal(answer("permessage-deflate; server_max_window_bits=16"), undefined);
  assert.equal(answer("permessage-deflate; server_max_window_bits"), undefined);
  assert.equal(answer("permessage-deflate; server_no_context_takeover=1"), undefined);
  assert.equal(answer("permessage-deflate; mystery"), undefined);
  assert.equal(answer("permessage-deflate; mystery, permessage-deflate"), "permessage-deflate");
  assert.equal(
    answer("permessage-deflate; client_max_window_bits=9; client_max_window_bits"),
    undefined,
  );
});
