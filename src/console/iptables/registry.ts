import type { MatchSpec } from "../../nodes/kernel/netfilter/matches/matches.ts";
import type { RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import type { ActionSpec } from "../../nodes/kernel/netfilter/targets/targets.ts";
import type { MatchKind, Style, TargetKind } from "./kind.ts";
import { addrtype } from "./matches/addrtype.ts";
import { conntrack, state } from "./matches/conntrack.ts";
import { icmp } from "./matches/icmp.ts";
import { limit } from "./matches/limit.ts";
import { multiport } from "./matches/multiport.ts";
import { physdev } from "./matches/physdev.ts";
import { comment, connmark, length, mac, mark, ttl } from "./matches/plain.ts";
import { statistic } from "./matches/statistic.ts";
import { tcp, udp } from "./matches/tcpudp.ts";
import { log } from "./targets/log.ts";
import { connmark as connmarkTarget, mark as markTarget } from "./targets/mark.ts";
import { dnat, masquerade, redirect, snat } from "./targets/nat.ts";
import { ct, notrack, reject, tcpmss, ttl as ttlTarget } from "./targets/plain.ts";

const MATCHES: { readonly [K in MatchSpec["kind"]]: MatchKind<K> } = {
  addrtype,
  comment,
  connmark,
  conntrack,
  icmp,
  length,
  limit,
  mac,
  mark,
  multiport,
  physdev,
  state,
  statistic,
  tcp,
  ttl,
  udp,
};

const TARGETS: { readonly [K in ActionSpec["kind"]]: TargetKind<K> } = {
  CONNMARK: connmarkTarget,
  CT: ct,
  DNAT: dnat,
  LOG: log,
  MARK: markTarget,
  MASQUERADE: masquerade,
  NOTRACK: notrack,
  REDIRECT: redirect,
  REJECT: reject,
  SNAT: snat,
  TCPMSS: tcpmss,
  TTL: ttlTarget,
};

/** Targets that Debian's iptables has and this one has not: named in a refusal, and no names for chains. */
const TARGETS_NOT_BUILT = (
  "AUDIT CHECKSUM CLASSIFY CLUSTERIP CONNSECMARK DSCP ECN HMARK IDLETIMER LED NETMAP NFLOG NFQUEUE QUEUE RATEEST " +
  "SECMARK SET SYNPROXY TCPOPTSTRIP TEE TOS TPROXY TRACE ULOG"
).split(" ");
const VERDICTS = ["ACCEPT", "DROP", "RETURN"];

/** A match by its name; undefined when it is not built. */
export const matchKind = (name: string): MatchKind | undefined =>
  Object.hasOwn(MATCHES, name) ? (MATCHES[name as MatchSpec["kind"]] as unknown as MatchKind) : undefined;
/** A target by its name; undefined for verdicts, chains, and what is not built. */
export const targetKind = (name: string): TargetKind | undefined =>
  Object.hasOwn(TARGETS, name) ? (TARGETS[name as ActionSpec["kind"]] as unknown as TargetKind) : undefined;
export const isVerdictName = (name: string): name is "ACCEPT" | "DROP" | "RETURN" => VERDICTS.includes(name);
export const isTargetNotBuilt = (name: string): boolean => TARGETS_NOT_BUILT.includes(name);

/** A match of a rule, for `-L`. */
export const listMatch = (spec: MatchSpec, style: Style, rule: RuleSpec): string =>
  (MATCHES[spec.kind] as unknown as MatchKind).list(spec, style, rule);
/** ` -m name options`. */
export const saveMatch = (spec: MatchSpec): string =>
  ` -m ${spec.kind}${(MATCHES[spec.kind] as unknown as MatchKind).save(spec)}`;
