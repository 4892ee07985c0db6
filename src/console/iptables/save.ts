import { formatIp } from "../../core/addr.ts";
import type { Chain } from "../../nodes/kernel/netfilter/chain.ts";
import type { AddressSpec, NameSpec, Rule, RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { isVerdict } from "../../nodes/kernel/netfilter/targets/targets.ts";
import { not } from "./kind.ts";
import { maskSuffix } from "./numbers.ts";
import { protocolName } from "./protocols.ts";
import { saveMatch, targetKind } from "./registry.ts";

/** A rule as `-S` and `iptables-save` write it: `-A chain …`, with `[packets:bytes] ` before it or ` -c packets bytes` behind. */
export function saveRule(chain: string, rule: Rule, counters: "none" | "before" | "behind"): string {
  const { packets, bytes } = rule;
  const before = counters === "before" ? `[${packets}:${bytes}] ` : "";
  const behind = counters === "behind" ? ` -c ${packets} ${bytes}` : "";
  return `${before}-A ${chain}${saveHead(rule.spec)}${saveMatches(rule.spec)}${behind}${saveTarget(rule.spec)}`;
}

function saveHead(spec: RuleSpec): string {
  const { protocol, fragment } = spec;
  return (
    saveAddress("s", spec.source) +
    saveAddress("d", spec.destination) +
    saveName("i", spec.in) +
    saveName("o", spec.out) +
    (protocol === undefined ? "" : ` ${not(protocol)}-p ${protocolName(protocol.number)}`) +
    (fragment === undefined ? "" : ` ${not(fragment)}-f`)
  );
}

const saveMatches = (spec: RuleSpec): string => (spec.matches ?? []).map(saveMatch).join("");

function saveTarget({ target }: RuleSpec): string {
  if (target === undefined) return "";
  if (target.kind === "jump") return ` -j ${target.chain}`;
  if (target.kind === "goto") return ` -g ${target.chain}`;
  return ` -j ${target.kind}${isVerdict(target) ? "" : (targetKind(target.kind)?.save(target) ?? "")}`;
}

const saveAddress = (letter: string, spec: AddressSpec | undefined): string =>
  spec === undefined
    ? ""
    : ` ${not(spec)}-${letter} ${formatIp(spec.address)}${maskSuffix(spec.mask) === "" ? "/32" : maskSuffix(spec.mask)}`;

const saveName = (letter: string, spec: NameSpec | undefined): string =>
  spec === undefined ? "" : ` ${not(spec)}-${letter} ${spec.name}`;

/** Chains in the order in which they are shown: built-in ones, then the others by name. */
export function inOrder(chains: readonly Chain[]): readonly Chain[] {
  const made = chains.filter((chain) => chain.hook < 0);
  made.sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...chains.filter((chain) => chain.hook >= 0), ...made];
}
