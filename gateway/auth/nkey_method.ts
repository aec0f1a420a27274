/**
 * The method `nkey`: a listed user key signs the nonce of INFO.
 */
import type { Decided, InternalMethod } from "./chain.ts";
import { decodeSignature, verifyNkey } from "./nkey.ts";
import { parsePublicNkey } from "../nkey_text.ts";
import type { Credentials } from "./types.ts";

/** `[[gateway.nats.internal_authn]]` of type `nkey`. */
export interface NkeyOptions {
  readonly nkeys: readonly string[];
}

/** Makes the method. Keys that are no user keys are in nobody's hand. */
export function nkeyMethod(options: NkeyOptions): InternalMethod {
  const listed = new Set(options.nkeys.map((key) => key.toUpperCase()));
  return {
    name: "nkey",
    needsNonce: true,
    authenticate(credentials) {
      const { nkey, sig, nonce } = credentials.nats ?? {};
      if (nkey === undefined) return { kind: "absent", reason: "nkey_required" };
      if (sig === undefined) return deny("nkey_sig_required");
      if (nonce === undefined) return deny("nkey_nonce_unavailable");
      return judge(listed, nkey, sig, nonce);
    },
  };
}

function judge(
  listed: ReadonlySet<string>,
  nkey: string,
  sig: string,
  nonce: NonNullable<NonNullable<Credentials["nats"]>["nonce"]>,
): Decided {
  if (!listed.has(nkey.toUpperCase())) return deny("invalid_nkey");
  const key = parsePublicNkey(nkey, ["user"]);
  if (typeof key === "string") return deny(key);
  const signature = decodeSignature(sig);
  if (signature === undefined) return deny("invalid_nkey_sig_format");
  if (!verifyNkey(key, new TextEncoder().encode(nonce), signature)) return deny("invalid_nkey_sig");
  return {
    kind: "allow",
    principal: { username: key.text, method: "nkey", superuser: false },
  };
}

function deny(reason: string): Decided {
  return { kind: "deny", reason };
}
