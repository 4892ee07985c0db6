import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Matcher, RuleSpec } from "../rule.ts";
import type { MatchContext } from "./matches.ts";

/** `-m statistic` (net/netfilter/xt_statistic.c): some packets by chance, or every nth. */
export type StatisticMatch =
  | { readonly kind: "statistic"; readonly mode: "random"; readonly probability: number; readonly invert?: boolean }
  | {
      readonly kind: "statistic";
      readonly mode: "nth";
      readonly every: number;
      /** Which of them, from 0 on. */
      readonly packet: number;
      readonly invert?: boolean;
    };

export function makeStatistic(spec: StatisticMatch, _rule: RuleSpec, context: MatchContext): Outcome<Matcher> {
  const invert = spec.invert === true;
  if (spec.mode === "random") {
    const { probability } = spec;
    if (!(probability >= 0 && probability <= 1)) return refused("EINVAL");
    const { sim, name } = context.kernel;
    const rng = sim.rng(`statistic ${name}`);
    return granted({ test: () => rng.float() < probability !== invert });
  }
  const { every, packet } = spec;
  if (!(every >= 1 && packet >= 0 && packet < every)) return refused("EINVAL");
  let count = every - 1 - packet;
  return granted({
    test() {
      count = count === every - 1 ? 0 : count + 1;
      return (count === 0) !== invert;
    },
  });
}
