/** Text as iptables-restore reads it back (libxtables/xtables.c:xtables_save_string). */
export function quoted(text: string): string {
  return /^[-\w]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, "\\$&")}"`;
}
