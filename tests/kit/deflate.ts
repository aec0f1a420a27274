/**
 * What tests of compression share.
 */
import type { DeflateOptions } from "../../gateway/transport/websocket_deflate.ts";

/** `deflate_opts` with their defaults. */
export const DEFLATE_OPTIONS: DeflateOptions = {
  level: "default",
  mem_level: 8,
  strategy: "default",
  server_context_takeover: "takeover",
  client_context_takeover: "takeover",
  server_max_window_bits: 15,
  client_max_window_bits: 15,
};
