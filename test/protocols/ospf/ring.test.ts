import { describe, expect, it } from "vitest";
import { MS, type Nanos, S } from "../../../src/core/time.ts";
import { neighborStates } from "./net.ts";
import { FAST, POINT_TO_POINT, type Ring, ring } from "./ring.ts";

const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1] as number;

/** Seconds until something holds, looked at every 10 ms. */
function until(r: Ring, within: Nanos, holds: () => boolean): number {
  const end = r.lab.sim.now + within;
  while (r.lab.sim.now < end) {
    r.lab.run(10 * MS);
    if (holds()) return r.lab.sim.now / S;
  }
  throw new Error(`not within ${within / S} s`);
}

const allFull = ({ routers }: Ring): boolean => {
  const states = routers.flatMap((r) => Object.values(neighborStates(r)));
  return states.length === 8 && states.every((s) => s === "Full");
};

/** Every router has every route in its kernel, with both ways to the router across. */
const complete = ({ routers }: Ring): boolean =>
  routers.every((router, i) => {
    const { dests } = router.ospfd.routing;
    const across = dests.find(0x0aff0000 + ((i + 2) % 4) + 1, 32);
    return dests.size === 8 && across?.path?.hops.hops.length === 2;
  });

/** FRR's processes in the order in which a shell starts them: some milliseconds apart, and each takes some more to begin. */
const shell = (i: number, lab: Ring["lab"]): number => 40 + 4 * i + lab.sim.rng("shell").int(8);

// anchors/linux/RESULTS.md §4, medians of FRR 8.4.4
describe.each([
  ["broadcast, hello 1 s", FAST, 9.45, 14.26],
  ["point-to-point, hello 1 s", FAST + POINT_TO_POINT, 6.45, 11.24],
  ["point-to-point, hello 10 s", POINT_TO_POINT, 15.38, 20.19],
  ["broadcast, hello 10 s", "", 47.87, 50.27],
])("a ring of four starts as FRR's does: %s", (_name, settings, full, routes) => {
  it("within a tenth of its medians", () => {
    const times = Array.from({ length: 10 }, (_, seed) => {
      const r = ring(seed + 1, settings, shell);
      return { full: until(r, 90 * S, () => allFull(r)), routes: until(r, 90 * S, () => complete(r)) };
    });
    const [f, c] = [median(times.map((t) => t.full)), median(times.map((t) => t.routes))];
    expect(Math.abs(f / full - 1), `full after ${f}, FRR ${full}: ${times.map((t) => t.full)}`).toBeLessThan(0.1);
    expect(Math.abs(c / routes - 1), `routes after ${c}, FRR ${routes}: ${times.map((t) => t.routes)}`).toBeLessThan(
      0.1,
    );
  });
});
