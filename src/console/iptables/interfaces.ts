import type { NameSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { problem } from "./exit.ts";

const NAME_MAX = 15;

/** A device's name, or the beginning of names before a `+` (libxtables/xtables.c:xtables_parse_interface). */
export function parseInterface(name: string, warn: (text: string) => void): string {
  if (name.length > NAME_MAX) throw problem(`interface name \`${name}' must be shorter than IFNAMSIZ (${NAME_MAX})`);
  if (/[/ ]/.test(name))
    warn(`Warning: weird character in interface \`${name}' ('/' and ' ' are not allowed by the kernel).\n`);
  return name;
}

/** A `+` alone is any device: nothing is asked then. */
export const isAny = ({ name, invert }: NameSpec): boolean => name === "+" && invert !== true;
