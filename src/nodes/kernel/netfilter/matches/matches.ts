import { type Outcome, refused } from "../../../../core/errno.ts";
import type { Kernel } from "../../kernel.ts";
import type { Conntrack } from "../conntrack/conntrack.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import { type AddrtypeMatch, addrtypeHooks, makeAddrtype } from "./addrtype.ts";
import { type ConntrackMatch, makeConntrack, makeState, type StateMatch } from "./conntrack.ts";
import { type IcmpMatch, makeIcmp } from "./icmp.ts";
import { type LengthMatch, makeLength } from "./length.ts";
import { type LimitMatch, makeLimit } from "./limit.ts";
import { type MacMatch, macHooks, makeMac } from "./mac.ts";
import { type ConnmarkMatch, type MarkMatch, makeConnmark, makeMark } from "./mark.ts";
import { type MultiportMatch, makeMultiport } from "./multiport.ts";
import { makePhysdev, type PhysdevMatch, physdevHooks } from "./physdev.ts";
import { makeStatistic, type StatisticMatch } from "./statistic.ts";
import { makeTcp, makeUdp, type TcpMatch, type UdpMatch } from "./tcpudp.ts";
import { makeTtl, type TtlMatch } from "./ttl.ts";

/** `-m comment`: words for people; every packet matches. */
export interface CommentMatch {
  readonly kind: "comment";
  /** At most 255 octets. */
  readonly text: string;
}

/** A match as it was given, under the name of its iptables extension. */
export type MatchSpec =
  | AddrtypeMatch
  | CommentMatch
  | ConnmarkMatch
  | ConntrackMatch
  | IcmpMatch
  | LengthMatch
  | LimitMatch
  | MacMatch
  | MarkMatch
  | MultiportMatch
  | PhysdevMatch
  | StateMatch
  | StatisticMatch
  | TcpMatch
  | TtlMatch
  | UdpMatch;

/** What matches may ask of their node. */
export interface MatchContext {
  readonly kernel: Kernel;
  /** Connection tracking, whether it runs already or not. */
  readonly conntrack: () => Conntrack;
}

/** Whether a match of that name is built. */
export const isMatch = (name: string): name is MatchSpec["kind"] => Object.hasOwn(MAKERS, name);

/** Makes a match ready. Refused: a name that is not built, or options that make no sense together. */
export function makeMatch(spec: MatchSpec, rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  if (!isMatch(spec.kind)) {
    const { kind } = spec as { kind: string };
    return refused("ENOENT", `Couldn't load match \`${kind}':No such file or directory`);
  }
  const make = MAKERS[spec.kind] as (s: MatchSpec, r: RuleSpec, c: MatchContext) => Outcome<Matcher>;
  return make(spec, rule, context);
}

/** The hooks at which a match may be asked, as bits; -1: all. */
export function hooksOf(spec: MatchSpec): number {
  switch (spec.kind) {
    case "mac":
      return macHooks;
    case "addrtype":
      return addrtypeHooks(spec);
    case "physdev":
      return physdevHooks(spec);
    default:
      return -1;
  }
}

type Maker<K extends MatchSpec["kind"]> = (
  spec: Extract<MatchSpec, { kind: K }>,
  rule: RuleSpec,
  context: MatchContext,
) => Outcome<Matcher>;

const MAKERS: { readonly [K in MatchSpec["kind"]]: Maker<K> } = {
  addrtype: makeAddrtype,
  comment: (spec) =>
    spec.text.length > 255 ? refused("EINVAL") : { ok: true, value: { test: () => true, steady: true } },
  connmark: makeConnmark,
  conntrack: makeConntrack,
  icmp: makeIcmp,
  length: makeLength,
  limit: makeLimit,
  mac: makeMac,
  mark: makeMark,
  multiport: makeMultiport,
  physdev: makePhysdev,
  state: makeState,
  statistic: makeStatistic,
  tcp: makeTcp,
  ttl: makeTtl,
  udp: makeUdp,
};
