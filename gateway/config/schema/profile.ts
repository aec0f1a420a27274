/** The one setting that other settings take their defaults from. */

/** `legacy` lets in whoever is not refused; `hardened` refuses whoever is not let in. */
export const SECURITY_PROFILES = ["legacy", "hardened"] as const;
/** One of the profiles. */
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];

/** A schema that is made when it is first asked for, and shared from then on. */
export function oncePerProfile<Schema>(
  make: (profile: SecurityProfile) => Schema,
): (profile: SecurityProfile) => Schema {
  const made = new Map<SecurityProfile, Schema>();
  return (profile) => {
    let schema = made.get(profile);
    if (schema === undefined) {
      schema = make(profile);
      made.set(profile, schema);
    }
    return schema;
  };
}
