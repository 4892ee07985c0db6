import { dropReason } from "../../../../core/drop.ts";
import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { dst, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP } from "../../../../protocols/ipv4/wire.ts";
import { FLOW_SHIFT, T_SRC, W_MASQUERADE } from "../conntrack/flow.ts";
import { MANIP_DST, MANIP_SRC, type NatRange } from "../nat/range.ts";
import type { Action, RuleSite, RuleSpec } from "../rule.ts";
import { type HookState, LOCAL_IN, LOCAL_OUT, NF_ACCEPT, POST_ROUTING, PRE_ROUTING } from "../state.ts";
import type { TargetContext } from "./targets.ts";

const UNTRANSLATABLE = dropReason("nat: cannot be translated");
const LOOPBACK = 0x7f000001;

/** `-j SNAT --to-source` (net/netfilter/xt_nat.c). */
export interface SnatTarget {
  readonly kind: "SNAT";
  readonly range: NatRange;
}
/** `-j DNAT --to-destination`. */
export interface DnatTarget {
  readonly kind: "DNAT";
  readonly range: NatRange;
}
/** `-j MASQUERADE`: the address of the device by which it leaves (net/netfilter/nf_nat_masquerade.c). */
export interface MasqueradeTarget {
  readonly kind: "MASQUERADE";
  readonly range?: Omit<NatRange, "minAddress" | "maxAddress">;
}
/** `-j REDIRECT`: to this node itself (net/netfilter/nf_nat_redirect.c). */
export interface RedirectTarget {
  readonly kind: "REDIRECT";
  readonly range?: Omit<NatRange, "minAddress" | "maxAddress">;
}

export const makeSnat = (spec: SnatTarget, rule: RuleSpec, context: TargetContext): Outcome<Action> =>
  makeFixed(spec.range, rule, context, MANIP_SRC);
export const makeDnat = (spec: DnatTarget, rule: RuleSpec, context: TargetContext): Outcome<Action> =>
  makeFixed(spec.range, rule, context, MANIP_DST);

export function makeMasquerade(spec: MasqueradeTarget, rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const { range = {} } = spec;
  if (!isSound(range, rule)) return refused("EINVAL", NEED_PORTS);
  const nat = context.nat();
  const { table } = nat.ct;
  return granted({
    tracks: true,
    translates: true,
    run(s) {
      const { p, out, d } = s;
      const o = p.nfct << FLOW_SHIFT;
      if (out === null || table.words[o + T_SRC] === 0) return NF_ACCEPT;
      const nextHop = d === null ? dst(p.buf, p.net) : d.nextHop >>> 0;
      const address = s.kernel.addresses.selectSource(out.ifindex, nextHop, 0);
      if (address === 0) return s.refuse(UNTRANSLATABLE, s.where);
      table.words[o + W_MASQUERADE] = out.ifindex;
      nat.rule = s.where;
      const whole = { ...range, minAddress: address, maxAddress: address };
      if (nat.setUpSource(p.nfct, whole, out.ifindex)) return NF_ACCEPT;
      nat.noRoom(s);
      return s.refuse(UNTRANSLATABLE, s.where);
    },
  });
}

export function makeRedirect(spec: RedirectTarget, rule: RuleSpec, context: TargetContext): Outcome<Action> {
  const { range = {} } = spec;
  if (!isSound(range, rule)) return refused("EINVAL", NEED_PORTS);
  const nat = context.nat();
  return granted({
    tracks: true,
    translates: true,
    run(s) {
      const address = redirectAddress(s);
      if (address === 0) return s.refuse(UNTRANSLATABLE, s.where);
      nat.rule = s.where;
      nat.setUp(s.p.nfct, { ...range, minAddress: address, maxAddress: address }, MANIP_DST);
      return NF_ACCEPT;
    },
  });
}

export const checkSource = (_spec: SnatTarget, _rule: RuleSpec, site: RuleSite): boolean =>
  isAt(site, (1 << POST_ROUTING) | (1 << LOCAL_IN));
export const checkMasquerade = (_spec: MasqueradeTarget, _rule: RuleSpec, site: RuleSite): boolean =>
  isAt(site, 1 << POST_ROUTING);
export const checkDestination = (_spec: DnatTarget | RedirectTarget, _rule: RuleSpec, site: RuleSite): boolean =>
  isAt(site, (1 << PRE_ROUTING) | (1 << LOCAL_OUT));

const isAt = (site: RuleSite, hooks: number): boolean => site.table === "nat" && (site.hooks & ~hooks) === 0;

const NEED_PORTS = "Need TCP, UDP, SCTP or DCCP with port specification";

function makeFixed(range: NatRange, rule: RuleSpec, context: TargetContext, manip: number): Outcome<Action> {
  if (range.minAddress === undefined && range.minPort === undefined) return refused("EINVAL");
  if (!isSound(range, rule)) return refused("EINVAL", NEED_PORTS);
  const nat = context.nat();
  return granted({
    tracks: true,
    translates: true,
    run(s) {
      nat.rule = s.where;
      if (manip === MANIP_DST) nat.setUp(s.p.nfct, range, manip);
      else if (!nat.setUpSource(s.p.nfct, range, s.out?.ifindex ?? 0)) {
        nat.noRoom(s);
        return s.refuse(UNTRANSLATABLE, s.where);
      }
      return NF_ACCEPT;
    },
  });
}

/** Ports are for protocols that have some; the lower end of a range is not above the higher one. */
function isSound(range: NatRange, rule: RuleSpec): boolean {
  const { minAddress, maxAddress = minAddress, minPort, maxPort = minPort } = range;
  if (minAddress !== undefined && maxAddress !== undefined && maxAddress < minAddress) return false;
  if (minPort === undefined || maxPort === undefined) return true;
  const proto = rule.protocol?.invert === true ? 0 : rule.protocol?.number;
  return (
    (proto === IPPROTO_TCP || proto === IPPROTO_UDP || proto === IPPROTO_ICMP) &&
    minPort <= maxPort &&
    maxPort <= 65_535
  );
}

/** net/netfilter/nf_nat_redirect.c:nf_nat_redirect_ipv4: the receiving device's first address, or the loopback's. */
function redirectAddress(s: HookState): number {
  if (s.hook === LOCAL_OUT) return LOOPBACK;
  if (s.in === null) return 0;
  return s.kernel.addresses.list(s.in.ifindex)[0]?.address ?? 0;
}
