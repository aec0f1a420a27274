/**
 * What `natsgate check` says about how backends are asked: whom TLS would trust, and questions that
 * are the same for every client.
 */
import type { AuthenticatorConfig, SourceConfig } from "../config/types.ts";
import type { ConfigIssue } from "../errors.ts";
import { type ClientTls, tlsOptions } from "./client_tls.ts";
import { holdsPlaceholder } from "./template.ts";

/** An authenticator or a source. */
type Asked = AuthenticatorConfig | SourceConfig;

/** Problems of authenticators and sources, each with its path. Reads certificate files. */
export function backendIssues(all: readonly (readonly [string, Asked])[]): ConfigIssue[] {
  return all.filter(([, one]) => one.enable).flatMap(([path, one]) => [
    ...tlsIssues(path, one),
    ...sameForAll(path, one),
  ]);
}

function* tlsIssues(path: string, one: Asked): Generator<ConfigIssue> {
  if (!("ssl" in one)) return;
  const url = "url" in one ? one.url : "endpoint" in one ? one.endpoint : "";
  const ssl: ClientTls = one.ssl;
  if (ssl.enable !== true && !/^https:/i.test(url)) return;
  try {
    tlsOptions({ ...ssl, enable: true }, "localhost");
  } catch {
    yield {
      severity: "error",
      path: `${path}.ssl`,
      message: "a file of cacertfile, certfile and keyfile cannot be read",
    };
  }
  if (ssl.verify === "verify_peer") return;
  yield {
    severity: "warning",
    path: `${path}.ssl.verify`,
    message:
      'is "verify_none": whoever gets between the gateway and the server can answer for it; ' +
      'set "verify_peer" and cacertfile',
  };
}

/** SQL and redis are looked at with the other rules of the configuration. */
function* sameForAll(path: string, one: Asked): Generator<ConfigIssue> {
  const warn = (field: string, message: string): ConfigIssue => ({
    severity: "warning",
    path: `${path}.${field}`,
    message,
  });
  const kind = "backend" in one ? one.backend : "type" in one ? one.type : "";
  if (kind === "ldap" && "base_dn" in one) {
    if (!holdsPlaceholder(one.base_dn) && !holdsPlaceholder(one.filter)) {
      yield warn("filter", "and base_dn hold no placeholder: every client gets the same entry");
    }
  } else if (kind === "mongodb" && "collection" in one) {
    const isEmpty = Object.keys(one.filter).length === 0;
    if (!isEmpty && !holdsPlaceholder(JSON.stringify(one.filter))) {
      yield warn("filter", "holds no placeholder: every client gets the same documents");
    }
  } else if ("backend" in one && kind === "http" && "url" in one) {
    const texts = [one.url, ...Object.values(one.headers), ...Object.values(one.body)];
    const who = ["username", "clientid", "cert_common_name", "cert_subject", "cert_pem"];
    if (!texts.some((text) => holdsPlaceholder(text, ...who))) {
      yield warn("body", "never says who the client is: the right password will do for any name");
    }
  }
}
