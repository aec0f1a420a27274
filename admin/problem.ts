/**
 * Refusals: every answer from 400 up has the body `{code, message}`.
 */
import type { ConfigIssue } from "../gateway/errors.ts";

/** Words that programs look at; see the reference of the API. */
export type ProblemCode =
  | "ALREADY_EXISTS"
  | "API_KEY_NOT_ALLOW"
  | "AUTHORIZATION_HEADER_ERROR"
  | "BAD_API_KEY_OR_SECRET"
  | "BAD_REQUEST"
  | "BAD_TOKEN"
  | "BAD_USERNAME_OR_PWD"
  | "CLIENTID_NOT_FOUND"
  | "CONFLICT"
  | "ERROR_PWD_NOT_MATCH"
  | "EXCEED_LIMIT"
  | "FORBIDDEN"
  | "INTERNAL_ERROR"
  | "INVALID_PARAMETER"
  | "LOGIN_LOCKED"
  | "METHOD_NOT_ALLOWED"
  | "NODE_DOWN"
  | "NOT_FOUND"
  | "RESOURCE_NOT_FOUND"
  | "SERVICE_UNAVAILABLE"
  | "TOKEN_TIME_OUT"
  | "TOPIC_NOT_FOUND"
  | "UNAUTHORIZED_ROLE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "UPDATE_FAILED"
  | "USER_NOT_FOUND"
  | "WRONG_TOKEN_OR_USERNAME";

/** A refusal, thrown by handlers and written by the app. */
export class Problem extends Error {
  override readonly name = "Problem";
  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    message: string,
    /** Every problem of a configuration, when that is what is wrong. */
    readonly issues?: readonly ConfigIssue[],
  ) {
    super(message);
  }
}

/** The answer that says no. */
export function problemResponse(problem: Problem): Response {
  const { status, code, message, issues } = problem;
  const headers = new Headers();
  if (status === 401) headers.set("www-authenticate", 'Basic realm="natsgate"');
  if (status === 503) headers.set("retry-after", "15");
  const body = { code, message, ...(issues !== undefined && { issues }) };
  return Response.json(body, { status, headers });
}
