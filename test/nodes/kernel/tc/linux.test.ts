import { describe, expect, it } from "vitest";
import { type Case, type Measured, play, recorded } from "./replay.ts";

/** Every case that was recorded on a real kernel, played here: what each class got, how long its packets waited, what it printed. */

const TOLERANCE = 0.03;
/** Delays below this are a machine's, not a queue's: ms. */
const DELAY_MIN = 5;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Flows by the class that they share. */
function groups({ flows }: Case): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const f of flows) {
    const key = f.class ?? "none";
    found.set(key, [...(found.get(key) ?? []), String(f.port)]);
  }
  return found;
}

/** Bits per second of some flows together in a window, over all runs. */
const rateOf = (runs: readonly Measured[], window: number, ports: readonly string[]): number =>
  mean(runs.map((m) => ports.reduce((n, port) => n + (m.windows[window]?.[port]?.bps ?? 0), 0)));
/** The mean of their median delays, in ms. */
const delayOf = (runs: readonly Measured[], window: number, ports: readonly string[]): number =>
  mean(runs.flatMap((m) => ports.map((port) => m.windows[window]?.[port]?.delay_ms ?? 0)));

const played = new Map<string, readonly Measured[]>();
function ours(c: Case): readonly Measured[] {
  const known = played.get(c.name);
  if (known !== undefined) return known;
  const runs = Array.from({ length: c.runs ?? 1 }, (_, i) => play(c, i));
  played.set(c.name, runs);
  return runs;
}

/** Where chance decides which sender's packets find room in a queue that several share, delays differ from run to run. */
const CHANCE = 0.07;

interface Nearness {
  readonly within: boolean;
  readonly value: number;
  readonly linux: number;
}
const near = (value: number, linux: number, tolerance = TOLERANCE): Nearness => ({
  within: Math.abs(value - linux) <= tolerance * Math.abs(linux),
  value,
  linux,
});
const ok = { within: true };

describe.each(recorded.map((c) => [c.name, c] as const))("%s", (_, c) => {
  const windows = c.measured[0]?.windows ?? [];
  it("gives every class what Linux gives it, within 3 %", () => {
    for (const [i] of windows.entries())
      for (const [cls, ports] of groups(c)) {
        const linux = rateOf(c.measured, i, ports);
        expect({ cls, ...near(rateOf(ours(c), i, ports), linux) }).toMatchObject(ok);
      }
  });
  it("keeps packets waiting as long, within 3 % (7 % where chance decides)", () => {
    for (const [i] of windows.entries())
      for (const [cls, ports] of groups(c)) {
        const linux = delayOf(c.measured, i, ports);
        const delay = delayOf(ours(c), i, ports);
        if (linux < DELAY_MIN) expect({ cls, delay, linux, short: delay < DELAY_MIN }).toMatchObject({ short: true });
        else expect({ cls, ...near(delay, linux, c.runs === undefined ? TOLERANCE : CHANCE) }).toMatchObject(ok);
      }
  });
  it("lends and borrows as many of each class's packets, within 3 % of all", () => {
    for (const [i, look] of (c.measured[0]?.counters ?? []).slice(1).entries())
      for (const cls of Object.keys(look.class))
        for (const key of ["lended", "borrowed"] as const) {
          const linux = c.measured.map((m) => shareOf(m, i, cls, key));
          const value = mean(ours(c).map((m) => shareOf(m, i, cls, key)));
          const [least, most] = [Math.min(...linux) - TOLERANCE, Math.max(...linux) + TOLERANCE];
          expect({ cls, key, value, least, most, within: value >= least && value <= most }).toMatchObject(ok);
        }
  });
  it("prints bursts, quanta and limits as Linux does", () => {
    for (const what of ["class", "qdisc"] as const)
      expect(plain(ours(c)[0]?.printed[what])).toBe(plain(c.measured[0]?.printed[what]));
  });
});

/** The part of a class's packets between two looks that it lent for, or borrowed for; 0 when there were few. */
function shareOf(m: Measured, look: number, cls: string, key: "lended" | "borrowed"): number {
  const [a, b] = [m.counters[look]?.class[cls], m.counters[look + 1]?.class[cls]];
  const packets = (b?.packets ?? 0) - (a?.packets ?? 0);
  return packets < PACKETS_MIN ? 0 : ((b?.[key] ?? 0) - (a?.[key] ?? 0)) / packets;
}
const PACKETS_MIN = 250;

/** Without the number of a card's queues, of which this kernel has one. */
const plain = (text = ""): string => text.replace(/refcnt \d+ /g, "");
