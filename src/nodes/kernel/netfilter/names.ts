import type { NameSpec } from "./rule.ts";

/** Asks whether a device's name is one that was meant (net/netfilter/x_tables: ifname_compare). No device has the empty name. */
export function nameMatcher(spec: NameSpec): (name: string) => boolean {
  const invert = spec.invert === true;
  if (spec.name.endsWith("+")) {
    const begin = spec.name.slice(0, -1);
    return (name) => name.startsWith(begin) !== invert;
  }
  return (name) => (name === spec.name) !== invert;
}
