import type { StatisticMatch } from "../../../nodes/kernel/netfilter/matches/statistic.ts";
import { problem } from "../exit.ts";
import { type MatchKind, not } from "../kind.ts";
import { type At, number } from "../option.ts";

/** Probabilities are kept in 31 bits. */
const ONE = 0x8000_0000;

/** `-m statistic`. */
export const statistic: MatchKind<"statistic"> = {
  name: "statistic",
  options: [
    { name: "mode", must: true, read: parseMode },
    { name: "probability", invert: true, read: parseProbability, needs: ["mode"], excludes: ["every", "packet"] },
    {
      name: "every",
      invert: true,
      read: number(1, 0xffff_ffff),
      needs: ["mode", "packet"],
      excludes: ["probability"],
    },
    { name: "packet", read: number(0, 0xffff_ffff), needs: ["mode", "every"], excludes: ["probability"] },
  ],
  build(given): StatisticMatch {
    if ((given.get<string>("mode") ?? "random") === "random") {
      if (!given.has("probability")) throw problem("--probability must be specified when using random mode");
      const probability = given.get<number>("probability") ?? 0;
      return { kind: "statistic", mode: "random", probability, ...given.not("probability") };
    }
    if (!given.has("every") && !given.has("packet"))
      throw problem("--every and --packet must be specified when using nth mode");
    const [every, packet] = [given.get<number>("every") ?? 0, given.get<number>("packet") ?? 0];
    if (packet >= every) throw problem("the --packet p must be 0 <= p <= n-1");
    return { kind: "statistic", mode: "nth", every, packet, ...given.not("every") };
  },
  list(spec) {
    if (spec.mode === "random") return ` statistic mode random ${not(spec)}probability ${spec.probability.toFixed(11)}`;
    return ` statistic mode nth ${not(spec)}every ${spec.every}${spec.packet === 0 ? "" : ` packet ${spec.packet}`}`;
  },
  save(spec) {
    if (spec.mode === "random") return ` --mode random ${not(spec)}--probability ${spec.probability.toFixed(11)}`;
    return ` --mode nth ${not(spec)}--every ${spec.every} --packet ${spec.packet}`;
  },
};

function parseMode(text: string): string {
  if (text !== "random" && text !== "nth") throw problem(`Bad mode "${text}"`);
  return text;
}

function parseProbability(text: string, at: At): number {
  const value = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value <= 1))
    throw problem(`${at.extension}: bad value for option "--${at.option}", or out of range (0-1).\n`);
  return Math.round(value * ONE) / ONE;
}
