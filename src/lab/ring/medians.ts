import type { Net } from "../net.ts";
import { frrRepairTimes, REPAIRS, repairAlone } from "./repair.ts";
import { frrStartTimes, MODES, startAlone } from "./start-up.ts";

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[(sorted.length - 1) >> 1] as number, sorted[sorted.length >> 1] as number];
  return (low + high) / 2;
}

/** Shows medians over as many rings, each in a network of its own under the seeds 1, 2, 3 …, beside those of FRR. */
export function showMedians(net: Net, seeds: number): void {
  const each = Array.from({ length: seeds }, (_, i) => i + 1);
  net.table({
    title: `start, medians of ${seeds} rings in seconds`,
    columns: ["interfaces", "hello", "all Full", "FRR", "all routes", "FRR"],
    rows: MODES.map((mode) => {
      const times = each.map((seed) => startAlone(mode, seed));
      const { fullS, routesS } = frrStartTimes(mode);
      const full = median(times.map((t) => t.fullS));
      const routes = median(times.map((t) => t.routesS));
      const figures = [full, fullS, routes, routesS].map((v) => v.toFixed(2));
      return [mode.network, `${mode.helloS} s`, ...figures];
    }),
  });
  net.table({
    title: `the cable r1–r2 fails and is mended, hello 1 s, medians of ${seeds} rings in seconds`,
    columns: ["interfaces", "failure", "outage", "FRR", "direct way back", "FRR"],
    rows: REPAIRS.map(([network, failure]) => {
      const times = each.map((seed) => repairAlone(network, failure, seed));
      const { outageS, backS } = frrRepairTimes(network, failure);
      const outage = median(times.map((t) => t.outageS));
      const back = median(times.map((t) => t.backS));
      return [network, failure, outage.toFixed(3), outageS.toFixed(3), back.toFixed(2), backS.toFixed(2)];
    }),
  });
}
