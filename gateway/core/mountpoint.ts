/**
 * Mountpoints: a prefix that is put in front of every name of a client, and taken off again on
 * the way out, so that tenants or gateways have a part of the tree of their own.
 */

/** What a mountpoint template may name. Absent values leave their placeholder as it stands. */
export interface MountpointValues {
  readonly username?: string | undefined;
  readonly clientid?: string | undefined;
  /** Account of a NATS JWT, or the one an authenticator names. */
  readonly account?: string | undefined;
  /** Address of the peer. */
  readonly peerhost?: string | undefined;
  readonly zone?: string | undefined;
  readonly endpoint_name?: string | undefined;
  /** For `${client_attrs.x}`. */
  readonly client_attrs?: Readonly<Record<string, string>> | undefined;
}

/**
 * Fills in a template such as `tenants/${username}/`, in one pass: a value that itself looks like
 * a placeholder stays text. Unknown placeholders and those without a value stay as they are.
 * Undefined when a value holds `+`, `#` or NUL: in front of a filter it would reach into the
 * names of others, so such a client must be refused.
 */
export function renderMountpoint(template: string, values: MountpointValues): string | undefined {
  const prefix = template.replace(
    PLACEHOLDER,
    (text, name: string) => lookUp(values, name) ?? text,
  );
  return /[+#\0]/.test(prefix) ? undefined : prefix;
}

/** The name inside the tree. `name` is a topic or filter (without share prefix). */
export function mount(mountpoint: string, name: string): string {
  return mountpoint + name;
}

/** The name as the client knows it; undefined when it is outside of the mountpoint. */
export function unmount(mountpoint: string, name: string): string | undefined {
  return name.startsWith(mountpoint) ? name.slice(mountpoint.length) : undefined;
}

const PLACEHOLDER = /\$\{([\w.-]+)\}/g;
const ATTRIBUTE_PREFIX = "client_attrs.";

function lookUp(values: MountpointValues, name: string): string | undefined {
  if (name.startsWith(ATTRIBUTE_PREFIX)) {
    const attributes = values.client_attrs;
    const key = name.slice(ATTRIBUTE_PREFIX.length);
    return attributes !== undefined && Object.hasOwn(attributes, key) ? attributes[key] : undefined;
  }
  switch (name) {
    case "username":
    case "clientid":
    case "account":
    case "peerhost":
    case "zone":
    case "endpoint_name":
      return values[name];
    default:
      return undefined;
  }
}
