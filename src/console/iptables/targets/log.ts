import type { LogTarget } from "../../../nodes/kernel/netfilter/targets/log.ts";
import { problem } from "../exit.ts";
import type { TargetKind } from "../kind.ts";
import { whole } from "../numbers.ts";
import { text } from "../option.ts";
import { quoted } from "../quote.ts";

const LEVELS: ReadonlyMap<string, number> = new Map([
  ["emerg", 0],
  ["panic", 0],
  ["alert", 1],
  ["crit", 2],
  ["error", 3],
  ["warning", 4],
  ["notice", 5],
  ["info", 6],
  ["debug", 7],
]);
const LIST_NAMES = ["emerg", "alert", "crit", "err", "warn", "notice", "info", "debug"] as const;
const WARNING = 4;
const PREFIX_MAX = 29;

/** Options without values: what they set, and the bit that `-nL` shows. */
const FLAGS = [
  ["tcp-sequence", "tcpSequence", 1],
  ["tcp-options", "tcpOptions", 2],
  ["ip-options", "ipOptions", 4],
  ["macdecode", "macDecode", 32],
] as const satisfies readonly (readonly [string, keyof LogTarget, number])[];

/** `-j LOG`. */
export const log: TargetKind<"LOG"> = {
  name: "LOG",
  options: [
    { name: "log-level", read: parseLevel },
    { name: "log-prefix", read: text(PREFIX_MAX, 1) },
    ...FLAGS.map(([name]) => ({ name: `log-${name}` })),
  ],
  build(given) {
    const prefix = given.get<string>("log-prefix");
    return {
      kind: "LOG",
      level: given.get<number>("log-level") ?? WARNING,
      ...(prefix !== undefined && { prefix }),
      ...Object.fromEntries(FLAGS.filter(([name]) => given.has(`log-${name}`)).map(([, key]) => [key, true])),
    };
  },
  list(spec, { numeric }) {
    const { level = WARNING, prefix } = spec;
    const set = FLAGS.filter(([, key]) => spec[key] === true);
    const what = numeric
      ? ` flags ${set.reduce((bits, [, , bit]) => bits | bit, 0)} level ${level}`
      : ` level ${LIST_NAMES[level]}${set.map(([name]) => ` ${name}`).join("")}`;
    return ` LOG${what}${prefix === undefined ? "" : ` prefix "${prefix}"`}`;
  },
  save(spec) {
    const { level = WARNING, prefix } = spec;
    return (
      (prefix === undefined ? "" : ` --log-prefix ${quoted(prefix)}`) +
      (level === WARNING ? "" : ` --log-level ${level}`) +
      FLAGS.map(([name, key]) => (spec[key] === true ? ` --log-${name}` : "")).join("")
    );
  },
};

function parseLevel(given: string): number {
  const level = whole(given, 7) ?? LEVELS.get(given);
  if (level === undefined) throw problem(`log level "${given}" unknown\n`);
  return level;
}
