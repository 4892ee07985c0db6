import { type Exit, problem } from "./exit.ts";
import { isTargetNotBuilt, isVerdictName, targetKind } from "./registry.ts";

/** XT_EXTENSION_MAXNAMELEN without the closing zero. */
export const CHAIN_NAME_MAX = 28;

export const tooLong = (name: string): Exit =>
  problem(`chain name \`${name}' too long (must be under ${CHAIN_NAME_MAX + 1} chars)`);

/** Names for chains that somebody makes (iptables/xshared.c:assert_valid_chain_name). */
export function checkChainName(name: string): void {
  if (/^[-!]/.test(name)) throw problem(`chain name not allowed to start with \`${name[0]}'`);
  if (name.length > CHAIN_NAME_MAX) throw tooLong(name);
  if (isVerdictName(name) || targetKind(name) !== undefined || isTargetNotBuilt(name))
    throw problem("chain name may not clash with target name");
  if (/\s/.test(name)) throw problem(`Invalid chain name \`${name}'`);
}

/** Names behind `-j` and `-g` (xshared.c:xt_parse_target). */
export function checkTargetName(name: string): string {
  if (name === "") throw problem("Invalid target name (too short)");
  if (name.length > CHAIN_NAME_MAX) throw problem(`Invalid target name \`${name}' (${CHAIN_NAME_MAX} chars max)`);
  if (/\s/.test(name)) throw problem(`Invalid target name \`${name}'`);
  return name;
}
