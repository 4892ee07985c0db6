import { granted, type Outcome } from "../../../../core/errno.ts";
import { FLOW_SHIFT, W_MARK } from "../conntrack/flow.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import type { MatchContext } from "./matches.ts";

/** `-m mark --mark value/mask` (net/netfilter/xt_mark.c). */
export interface MarkMatch {
  readonly kind: "mark";
  readonly mark: number;
  readonly mask: number;
  readonly invert?: boolean;
}
/** `-m connmark`: the same of the packet's flow (net/netfilter/xt_connmark.c). */
export interface ConnmarkMatch {
  readonly kind: "connmark";
  readonly mark: number;
  readonly mask: number;
  readonly invert?: boolean;
}

export function makeMark(spec: MarkMatch): Outcome<Matcher> {
  const mark = spec.mark | 0;
  const mask = spec.mask | 0;
  const invert = spec.invert === true;
  return granted({ steady: true, test: (s) => ((s.p.mark & mask) === mark) !== invert });
}

export function makeConnmark(spec: ConnmarkMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  const mark = spec.mark | 0;
  const mask = spec.mask | 0;
  const invert = spec.invert === true;
  const { table } = context.conntrack();
  return granted({
    tracks: true,
    steady: true,
    test: ({ p }) =>
      p.nfct !== 0 && (((table.words[(p.nfct << FLOW_SHIFT) + W_MARK] as number) & mask) === mark) !== invert,
  });
}
