import type { NameSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { problem } from "./exit.ts";

const NAME_MAX = 15;

/** A device's name, or the beginning of names before a `+` (libxtables/xtables.c:xtables_parse_interface). */
export function parseInterface(text: string): string {
  if (text.length > NAME_MAX) throw problem(`interface name \`${text}' must be shorter than IFNAMSIZ (${NAME_MAX})`);
  return text;
}

/** What the real program warns of: names that no device can have. */
export const isWeird = (name: string): boolean => /[/ ]/.test(name);

/** A `+` alone is any device: nothing is asked then. */
export const isAny = ({ name, invert }: NameSpec): boolean => name === "+" && invert !== true;
