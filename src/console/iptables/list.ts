import type { Chain } from "../../nodes/kernel/netfilter/chain.ts";
import type { NameSpec, Rule, RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { isVerdict } from "../../nodes/kernel/netfilter/targets/targets.ts";
import { listAddress } from "./addresses.ts";
import { bang, type Style } from "./kind.ts";
import { protocolName } from "./protocols.ts";
import { listMatch, targetKind } from "./registry.ts";

/** How `-L` lists: the counters and devices of `-v`, all digits of `-x`, numbers before rules. */
export interface ListStyle extends Style {
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

/** The two lines before the rules of a chain (iptables/nft-shared.c, nft-ipv4.c:nft_ipv4_print_header). */
export function listHeader(chain: Chain, references: number, style: ListStyle): string {
  const counters = `${count(chain.packets, style, 0)}packets, ${count(chain.bytes, style, 0)}bytes`;
  const policy = `policy ${chain.policy}${style.verbose ? ` ${counters}` : ""}`;
  const about = chain.hook >= 0 ? policy : `${references} references`;
  const columns =
    (style.lineNumbers ? "num  " : "") +
    (style.verbose ? (style.exact ? "    pkts      bytes " : " pkts bytes ") : "") +
    "target     prot opt" +
    (style.verbose ? " in     out    " : "") +
    " source               destination         ";
  return `Chain ${chain.name} (${about})\n${columns}\n`;
}

/** A rule in its columns. */
export function listRule(rule: Rule, number: number, style: ListStyle): string {
  const { spec } = rule;
  const { source, destination, protocol, fragment } = spec;
  const proto = style.numeric ? String(protocol?.number ?? 0) : protocolName(protocol?.number ?? 0);
  return (
    (style.lineNumbers ? `${String(number).padEnd(4)} ` : "") +
    (style.verbose ? count(rule.packets, style, 5) + count(rule.bytes, style, 5) : "") +
    `${targetName(spec).padEnd(9)} ${(protocol?.invert === true ? "!" : " ") + proto.padEnd(4)} ` +
    `${fragment === undefined ? "--" : fragment.invert === true ? "!f" : "-f"} ` +
    (style.verbose ? ` ${device(spec.in, style).padEnd(6)} ${device(spec.out, style).padEnd(6)} ` : "") +
    `${source?.invert === true ? "!" : " "}${listAddress(source, style.numeric).padEnd(19)} ` +
    `${destination?.invert === true ? "!" : " "}${listAddress(destination, style.numeric).padEnd(19)} ` +
    `${listRest(spec, style)}\n`
  );
}

/** A rule in one line without columns, as `-v` tells of one that is added or taken away. */
export function tellRule(spec: RuleSpec): string {
  const { source, destination, protocol, fragment } = spec;
  const style: Style = { numeric: true };
  const mark = fragment === undefined ? "--" : fragment.invert === true ? "!f" : "-f";
  return (
    `${targetName(spec)} ${protocol?.invert === true ? "!" : " "}${protocolName(protocol?.number ?? 0)} opt ${mark} ` +
    `in ${device(spec.in, style)} out ${device(spec.out, style)} ` +
    `${source?.invert === true ? "!" : " "}${listAddress(source, true)} ` +
    `${destination?.invert === true ? "!" : " "}-> ${listAddress(destination, true)} ` +
    ` ${listRest(spec, style)}\n`
  );
}

/** What stands behind the columns. */
function listRest(spec: RuleSpec, style: Style): string {
  const { target } = spec;
  const goto = target?.kind === "goto" ? "[goto] " : "";
  const matches = (spec.matches ?? []).map((match) => listMatch(match, style, spec)).join("");
  if (target === undefined || isVerdict(target)) return goto + matches;
  return goto + matches + (targetKind(target.kind)?.list(target, style) ?? "");
}

function targetName({ target }: RuleSpec): string {
  if (target === undefined) return "";
  if (target.kind === "jump" || target.kind === "goto") return target.chain;
  return targetKind(target.kind)?.listName ?? target.kind;
}

const device = (spec: NameSpec | undefined, style: Style): string =>
  spec === undefined ? (style.numeric ? "*" : "any") : bang(spec) + spec.name;

const SUFFIXES = ["K", "M", "G", "T"] as const;

/** A counter with a space behind it: five digits, or fewer with a suffix (libxtables/xtables.c:xtables_print_num). */
function count(n: number, style: ListStyle, width: number): string {
  if (style.exact) return `${String(n).padStart(width === 0 ? 0 : 8)} `;
  if (n <= 99_999) return `${String(n).padStart(width)} `;
  let value = n;
  for (const suffix of SUFFIXES) {
    value = Math.floor((value + 500) / 1000);
    if (value <= 9999 || suffix === "T") return `${String(value).padStart(width === 0 ? 0 : 4)}${suffix} `;
  }
  return "";
}
