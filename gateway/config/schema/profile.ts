/** The one setting that other settings take their defaults from. */

/** `legacy` lets in whoever is not refused; `hardened` refuses whoever is not let in. */
export const SECURITY_PROFILES = ["legacy", "hardened"] as const;
/** One of the profiles. */
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];
