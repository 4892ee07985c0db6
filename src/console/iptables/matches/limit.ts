import type { LimitMatch } from "../../../nodes/kernel/netfilter/matches/limit.ts";
import { problem } from "../exit.ts";
import type { MatchKind } from "../kind.ts";
import { number } from "../option.ts";

type Rate = Pick<LimitMatch, "rate" | "unit">;

const UNITS: readonly (readonly [name: LimitMatch["unit"], short: string, seconds: number])[] = [
  ["day", "day", 86_400],
  ["hour", "hour", 3600],
  ["minute", "min", 60],
  ["second", "sec", 1],
];
/** XT_LIMIT_SCALE. */
const SCALE = 10_000;
const BURST = 5;

/** `-m limit`. */
export const limit: MatchKind<"limit"> = {
  name: "limit",
  options: [
    { name: "limit", read: parseRate },
    { name: "limit-burst", read: number(0, 10_000) },
  ],
  build: (given) => ({
    kind: "limit",
    ...(given.get<Rate>("limit") ?? { rate: 3, unit: "hour" }),
    burst: given.get<number>("limit-burst") || BURST,
  }),
  list: (spec) => ` limit: avg ${rateText(spec)} burst ${spec.burst}`,
  save: (spec) => ` --limit ${rateText(spec)}${spec.burst === BURST ? "" : ` --limit-burst ${spec.burst}`}`,
};

const rateText = ({ rate, unit }: Rate): string => `${rate}/${UNITS.find(([name]) => name === unit)?.[1]}`;

/** `number[/unit]`, as the unit that says it best (extensions/libxt_limit.c:parse_rate, print_rate). */
function parseRate(text: string): Rate {
  const slash = text.indexOf("/");
  const name = text.slice(slash + 1).toLowerCase();
  const unit = slash < 0 ? 1 : name === "" ? 0 : (UNITS.find(([full]) => full.startsWith(name))?.[2] ?? 0);
  const rate = Number.parseInt(text, 10) || 0;
  if (unit === 0 || rate === 0) throw problem(`bad rate "${text}"'`);
  const period = rate < 0 ? 0 : Math.floor((SCALE * unit) / rate);
  if (period === 0) throw problem(`Rate too fast "${text}"`);
  let best = UNITS[0] as (typeof UNITS)[number];
  for (const each of UNITS.slice(1)) {
    const whole = each[2] * SCALE;
    if (period > whole || Math.floor(whole / period) < whole % period) break;
    best = each;
  }
  return { rate: Math.floor((best[2] * SCALE) / period), unit: best[0] };
}
