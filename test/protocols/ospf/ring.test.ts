import { describe, expect, it } from "vitest";
import { median } from "../../../src/lab/ring/medians.ts";
import { frrStartTimes, MODES, startAlone } from "../../../src/lab/ring/start-up.ts";

/** Medians of ten rings are within a tenth of those of FRR 8.4.4 (anchors/linux/RESULTS.md §4). */
const SEEDS = Array.from({ length: 10 }, (_, i) => i + 1);
const off = (here: number, there: number): number => Math.abs(here / there - 1);

// FRR waits for the dead interval, says again after five seconds the description that came too early, and after five more what came too soon
describe.each(MODES)("a ring of four starts as FRR's does: $network, hello $helloS s", (mode) => {
  it("within a tenth of its medians", () => {
    const times = SEEDS.map((seed) => startAlone(mode, seed));
    const frr = frrStartTimes(mode);
    const all = JSON.stringify(times);
    expect(off(median(times.map((t) => t.fullS)), frr.fullS), all).toBeLessThan(0.1);
    expect(off(median(times.map((t) => t.routesS)), frr.routesS), all).toBeLessThan(0.1);
  });
});
