/**
 * Cipher suites of TLS by their names: those that the runtime's TLS has (rustls), all of them
 * with forward secrecy and authenticated encryption.
 */

/** OpenSSL's name, which the runtime reports too, and the IANA's. */
const SUITES: readonly (readonly [openssl: string, iana: string])[] = [
  // TLS 1.3 (RFC 8446, B.4): both call them the same.
  ["TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"],
  ["TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"],
  ["TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"],
  ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
  ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
  ["ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"],
  ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
  ["ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
  ["ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"],
];

/** OpenSSL names of all suites. */
export const CIPHERS: readonly string[] = SUITES.map(([openssl]) => openssl);

/** The OpenSSL name of a suite by either name, in any case; undefined when there is none. */
export function cipherNamed(name: string): string | undefined {
  const wanted = name.toUpperCase();
  return SUITES.find((names) => names.includes(wanted))?.[0];
}

/** Which version of TLS a suite belongs to, by its OpenSSL name. */
export function cipherVersion(openssl: string): "tlsv1.3" | "tlsv1.2" {
  return openssl.startsWith("TLS_") ? "tlsv1.3" : "tlsv1.2";
}
