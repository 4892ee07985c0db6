import {
  TC_OK,
  TC_PIPE,
  TC_RECLASSIFY,
  TC_SHOT,
  TC_STOLEN,
  TC_TRAP,
  TC_UNSPEC,
  type Verdict,
} from "../../nodes/kernel/tc/filters/filter.ts";
import { abbreviates } from "../ip/args.ts";
import { notBuilt } from "./context.ts";

/** Verdicts by name, in the order in which abbreviations are tried (tc/tc_util.c:action_a2n). */
const VERDICTS: readonly (readonly [string, Verdict | undefined])[] = [
  ["continue", TC_UNSPEC],
  ["drop", TC_SHOT],
  ["shot", TC_SHOT],
  ["pass", TC_OK],
  ["ok", TC_OK],
  ["reclassify", TC_RECLASSIFY],
  ["pipe", TC_PIPE],
  ["goto", undefined],
  ["jump", undefined],
  ["trap", TC_TRAP],
];

/** The verdict that a word names or abbreviates; those that lead elsewhere are not built. */
export function verdictOf(word: string): Verdict | undefined {
  const found = VERDICTS.find(([name]) => abbreviates(word, name));
  if (found === undefined) return undefined;
  if (found[1] === undefined) throw notBuilt(`action ${found[0]}`);
  return found[1];
}

const verdictName = (verdict: Verdict): string =>
  verdict === TC_STOLEN
    ? "stolen"
    : (VERDICTS.find(([, v]) => v === verdict && v !== undefined)?.[0] ?? String(verdict));
/** `shot` and `ok` are shown as `drop` and `pass`. */
export const formatVerdict = verdictName;
