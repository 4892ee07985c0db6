import type { EbRuleSpec, MacSpec } from "../../nodes/kernel/netfilter/ebtables/rule.ts";
import type { NameSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { not } from "../iptables/kind.ts";
import { etherTypeName } from "./ethertypes.ts";
import { macText } from "./macs.ts";
import { matchText } from "./matches.ts";
import { targetText } from "./targets.ts";

/** A rule as `-L` shows it (iptables/nft-bridge.c:nft_bridge_save_rule). */
export function ruleText(spec: EbRuleSpec): string {
  const mac = (letter: string, part: MacSpec | undefined): string =>
    part === undefined ? "" : `-${letter} ${not(part)}${macText(part)} `;
  const name = (option: string, part: NameSpec | undefined): string =>
    part === undefined ? "" : `${option} ${not(part)}${part.name} `;
  const { protocol } = spec;
  return (
    (protocol === undefined ? "" : `-p ${not(protocol)}${typeText(protocol.type)} `) +
    mac("s", spec.source) +
    mac("d", spec.destination) +
    name("-i", spec.in) +
    name("--logical-in", spec.logicalIn) +
    name("-o", spec.out) +
    name("--logical-out", spec.logicalOut) +
    (spec.matches ?? []).map(matchText).join("") +
    `-j ${targetText(spec.target)}`
  );
}

const typeText = (type: number | "LENGTH"): string =>
  type === "LENGTH" ? "Length" : (etherTypeName(type) ?? `0x${type.toString(16)}`);
