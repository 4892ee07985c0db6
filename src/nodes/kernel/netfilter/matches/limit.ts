import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import { type Nanos, S } from "../../../../core/time.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import type { MatchContext } from "./matches.ts";

/** `-m limit --limit rate/unit --limit-burst burst` (net/netfilter/xt_limit.c). */
export interface LimitMatch {
  readonly kind: "limit";
  readonly rate: number;
  readonly unit: "second" | "minute" | "hour" | "day";
  readonly burst: number;
}

const UNITS: Readonly<Record<LimitMatch["unit"], number>> = { second: 1, minute: 60, hour: 3600, day: 86_400 };
/** XT_LIMIT_SCALE: an average is kept in ten-thousandths of a second. */
const SCALE = 10_000;
const TICK: Nanos = S / SCALE;

/** A bucket of tokens, full at first: one comes every `1/rate`, a packet that matches takes one. */
export function makeLimit(spec: LimitMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  const average = Math.floor((SCALE * UNITS[spec.unit]) / spec.rate);
  if (!(spec.rate > 0) || average < 1 || !(spec.burst >= 1 && spec.burst <= 10_000)) return refused("ERANGE");
  const cost: Nanos = average * TICK;
  const cap: Nanos = cost * spec.burst;
  const { sim } = context.kernel;
  let credit = cap;
  let at = sim.now;
  return granted({
    test() {
      credit = Math.min(cap, credit + sim.now - at);
      at = sim.now;
      if (credit < cost) return false;
      credit -= cost;
      return true;
    },
  });
}
