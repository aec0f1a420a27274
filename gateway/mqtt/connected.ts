/**
 * What is known of a connection once its CONNECT is accepted.
 */
import type { Authorizer, Principal } from "../auth/types.ts";
import type { Publishing } from "./publish.ts";

/** What an accepted CONNECT made of the connection. */
export interface Connected extends Publishing {
  readonly principal: Principal;
  readonly authorizer: Authorizer;
  readonly cleanStart: boolean;
  /** Seconds; 0: none. */
  readonly keepAlive: number;
  /** Most subscriptions of the session. */
  readonly subscriptions_max: number;
}
