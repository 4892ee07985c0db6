import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Fib } from "../../../../src/nodes/kernel/fib/fib.ts";
import type { FibHost } from "../../../../src/nodes/kernel/fib/host.ts";
import type { NextHop, Route } from "../../../../src/nodes/kernel/fib/route.ts";
import { cases } from "../../../harness/shared.ts";

interface State {
  readonly down: Set<number>;
  readonly dark: Set<number>;
  ignores: boolean;
}
function make(): { readonly fib: Fib; readonly state: State } {
  const state: State = { down: new Set(), dark: new Set(), ignores: false };
  const host: FibHost = {
    device: (i) => (i < 10 ? { name: `e${i}`, up: !state.down.has(i), carrier: !state.dark.has(i) } : undefined),
    ignoresLinkdown: () => state.ignores,
    selectSource: (i) => 0x0a000000 + i,
  };
  return { fib: new Fib(host), state };
}
/** A route over devices 2, 3, … with these weights. */
function route(fib: Fib, weights: readonly number[]): Route {
  const made = fib.addRoute({
    dst: 0x0a000000,
    length: 8,
    nexthops: weights.map((weight, i) => ({ ifindex: i + 2, weight })),
  });
  if (!made.ok) throw new Error(made.errno);
  return made.value;
}
/** The hashes that each next hop takes, out of 2^31, found by halving. */
function shares(fib: Fib, r: Route): number[] {
  const taken = new Map<NextHop, number>();
  let from = 0;
  while (from < 2 ** 31) {
    const hop = fib.selectPath(r, from);
    let low = from;
    let high = 2 ** 31;
    while (high - low > 1) {
      const middle = low + Math.floor((high - low) / 2);
      if (fib.selectPath(r, middle) === hop) low = middle;
      else high = middle;
    }
    taken.set(hop, (taken.get(hop) ?? 0) + high - from);
    from = high;
  }
  return r.nexthops.map((hop) => taken.get(hop) ?? 0);
}
const weights = fc.array(fc.integer({ min: 1, max: 256 }), { minLength: 2, maxLength: 6 });

describe("several next hops", () => {
  it("share the hashes by their weights, to one in 2^31", () => {
    fc.assert(
      fc.property(weights, (w) => {
        const { fib } = make();
        const total = w.reduce((a, b) => a + b);
        const got = shares(fib, route(fib, w));
        for (const [i, share] of got.entries())
          expect(Math.abs(share - ((w[i] as number) / total) * 2 ** 31)).toBeLessThanOrEqual(1);
      }),
      { numRuns: cases(200, 20_000) },
    );
  });

  it("leave out those whose device is down, and those without carrier when the setting says so", () => {
    const { fib, state } = make();
    const r = route(fib, [1, 2, 1]);
    const quarters = (): number[] => shares(fib, r).map((s) => s / 2 ** 29);
    expect(quarters()).toEqual([1, 2, 1]);
    state.down.add(2);
    fib.deviceDown(2);
    expect(quarters().map(Math.round)).toEqual([0, 3, 1]);
    state.down.delete(2);
    fib.deviceUp(2);
    state.dark.add(3);
    fib.carrierChanged(3);
    expect(r.nexthops.map((h) => h.linkdown)).toEqual([false, true, false]);
    expect(quarters()).toEqual([1, 2, 1]);
    state.ignores = true;
    fib.settingsChanged();
    expect(quarters()).toEqual([1, 2, 1]); // as Linux: nothing moves until the next event
    fib.carrierChanged(3);
    expect(quarters()).toEqual([2, 0, 2]);
    state.dark.delete(3);
    fib.carrierChanged(3);
    expect(quarters()).toEqual([1, 2, 1]);
  });

  it("yield to the one whose own address the packet has, if it lives", () => {
    const { fib, state } = make();
    const r = route(fib, [1, 1, 1]);
    for (const hash of [0, 2 ** 30, 2 ** 31 - 1]) {
      expect(fib.selectPath(r, hash, 0x0a000003).ifindex).toBe(3);
      expect(fib.selectPath(r, hash, 0x0a000063)).toBe(fib.selectPath(r, hash));
    }
    state.down.add(3);
    fib.deviceDown(3);
    for (const hash of [0, 2 ** 30, 2 ** 31 - 1])
      expect(fib.selectPath(r, hash, 0x0a000003)).toBe(fib.selectPath(r, hash));
  });

  it("go with the last device that lives, and as a whole with one that is removed", () => {
    const { fib, state } = make();
    const r = route(fib, [1, 1]);
    expect(fib.multipath).toBe(true);
    state.down.add(2);
    fib.deviceDown(2);
    expect(r.nexthops.map((h) => h.dead)).toEqual([true, false]);
    expect(fib.routes()).toEqual([r]);
    state.down.add(3);
    fib.deviceDown(3);
    expect(fib.routes()).toEqual([]);
    expect(fib.multipath).toBe(false);
    state.down.clear();
    route(fib, [1, 1]);
    fib.deviceRemoved(3);
    expect(fib.routes()).toEqual([]);
  });

  it("are one way each for routes alike", () => {
    const { fib, state } = make();
    const first = route(fib, [1, 1]);
    const second = fib.addRoute({ dst: 0x0b000000, length: 8, nexthops: [{ ifindex: 2 }, { ifindex: 3 }] });
    expect(second.ok && second.value.info).toBe(first.info);
    state.down.add(2);
    fib.deviceDown(2);
    expect(second.ok && second.value.nexthops[0]?.dead).toBe(true);
  });
});
