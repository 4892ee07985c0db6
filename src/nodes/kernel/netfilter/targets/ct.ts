import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { CT_UNTRACKED } from "../conntrack/flow.ts";
import { helperNamed } from "../conntrack/helpers.ts";
import { type Action, CONTINUE, type RuleSite, type RuleSpec } from "../rule.ts";
import type { HookState } from "../state.ts";
import type { TargetContext } from "./targets.ts";

/** `-j NOTRACK`. */
export interface NotrackTarget {
  readonly kind: "NOTRACK";
}

/** `-j CT` (net/netfilter/xt_CT.c). `--zone`, `--timeout`, `--ctevents` and `--expevents` are not built. */
export interface CtTarget {
  readonly kind: "CT";
  readonly notrack?: boolean;
  /** The helper of the flow that the packet begins. */
  readonly helper?: string;
}

export function makeNotrack(_spec: NotrackTarget, _rule: RuleSpec, context: TargetContext): Outcome<Action> {
  context.conntrack();
  return granted({ tracks: true, run: untrack });
}

export function makeCt(spec: CtTarget, rule: RuleSpec, context: TargetContext): Outcome<Action> {
  context.conntrack();
  const { notrack, helper: name } = spec;
  if (notrack === true) return granted({ tracks: true, run: untrack });
  if (name === undefined) return granted({ tracks: true, run: () => CONTINUE });
  const helper = helperNamed(name);
  if (helper === undefined) return refused("ENOENT");
  if (rule.protocol?.number !== helper.protocol || rule.protocol.invert === true) return refused("ENOENT");
  return granted({
    tracks: true,
    run(s) {
      if (s.p.nfct === 0) s.helper = helper;
      return CONTINUE;
    },
  });
}

export const checkCt = (_spec: CtTarget | NotrackTarget, _rule: RuleSpec, site: RuleSite): boolean =>
  site.table === "raw";

/** net/netfilter/xt_CT.c:notrack_tg: a packet that has a flow already keeps it. */
function untrack(s: HookState): number {
  if (s.p.nfct === 0) s.p.nfctInfo = CT_UNTRACKED;
  return CONTINUE;
}
