import { expect, it } from "vitest";
import { median } from "../../../src/lab/ring/medians.ts";
import { frrRepairTimes, REPAIRS, repairAlone } from "../../../src/lab/ring/repair.ts";

const SEEDS = Array.from({ length: 10 }, (_, i) => i + 1);
const off = (here: number, there: number): number => Math.abs(here / there - 1);

// anchors/linux/RESULTS.md §4, medians of FRR 8.4.4
it.each(REPAIRS)("outage and way back within a tenth of FRR's medians: %s, %s", (network, failure) => {
  const times = SEEDS.map((seed) => repairAlone(network, failure, seed));
  const frr = frrRepairTimes(network, failure);
  const all = JSON.stringify(times);
  expect(off(median(times.map((t) => t.outageS)), frr.outageS), all).toBeLessThan(0.1);
  expect(off(median(times.map((t) => t.backS)), frr.backS), all).toBeLessThan(0.1);
});

// FRR's own figures: 9.1 to 14.0, 5.2 to 10.6, 1.1 to 7.9 and 1.04 to 2.05 s, by where the repair falls between two retransmissions
it("a way comes back at once, or with a retransmission", () => {
  const carrier = SEEDS.map((seed) => repairAlone("point-to-point", "carrier", seed).backS);
  expect(carrier.filter((s) => s < 1.2).length).toBeGreaterThan(0);
  expect(carrier.filter((s) => s > 4.9).length).toBeGreaterThan(0);
  expect(carrier.every((s) => s > 1 && (s < 1.2 || (s > 4.9 && s < 11.2)))).toBe(true);
});
