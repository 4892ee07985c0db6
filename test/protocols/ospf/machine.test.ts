import fc from "fast-check";
import { expect, it } from "vitest";
import { MS, S } from "../../../src/core/time.ts";
import {
  type Candidate,
  elect,
  type InterfaceState,
  NEIGHBOR_STATES,
  type NeighborEvent,
  type NeighborState,
  neighborAfter,
  spfDelay,
} from "../../../src/protocols/ospf/machine.ts";

const EVENTS: readonly NeighborEvent[] = [
  ...([
    "HelloReceived",
    "Start",
    "2-WayReceived",
    "NegotiationDone",
    "ExchangeDone",
    "BadLSReq",
    "LoadingDone",
  ] as const),
  ...(["AdjOK?", "SeqNumberMismatch", "1-WayReceived", "KillNbr", "InactivityTimer", "LLDown"] as const),
];

it("a neighbour goes from Down to Full, and back where it must", () => {
  const g = { shouldBeAdjacent: true, requestsEmpty: false };
  const walk = (from: NeighborState, ...events: readonly NeighborEvent[]): NeighborState =>
    events.reduce((state, event) => neighborAfter(state, event, g), from);
  expect(walk("Down", "HelloReceived", "2-WayReceived", "NegotiationDone", "ExchangeDone")).toBe("Loading");
  expect(walk("Loading", "LoadingDone")).toBe("Full");
  expect(walk("Full", "SeqNumberMismatch")).toBe("ExStart");
  expect(walk("Full", "1-WayReceived")).toBe("Init");
  expect(walk("Full", "InactivityTimer")).toBe("Deleted");
  expect(neighborAfter("Init", "2-WayReceived", { ...g, shouldBeAdjacent: false })).toBe("2-Way");
  expect(neighborAfter("Full", "AdjOK?", { ...g, shouldBeAdjacent: false })).toBe("2-Way");
  expect(neighborAfter("Exchange", "ExchangeDone", { ...g, requestsEmpty: true })).toBe("Full");
});

it("no event brings a neighbour two steps up, or back from being gone", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...NEIGHBOR_STATES, "Deleted" as const),
      fc.constantFrom(...EVENTS),
      fc.record({ shouldBeAdjacent: fc.boolean(), requestsEmpty: fc.boolean() }),
      (state, event, g) => {
        const after = neighborAfter(state, event, g);
        if (state === "Deleted") expect(after).toBe("Deleted");
        else if (after !== "Deleted")
          expect(NEIGHBOR_STATES.indexOf(after) - NEIGHBOR_STATES.indexOf(state as "Down")).toBeLessThanOrEqual(2);
      },
    ),
  );
});

const router = (address: number, priority = 1, dr = 0, bdr = 0): Candidate => ({
  address,
  routerId: address,
  priority,
  dr,
  bdr,
});
const waiting = { dr: 0, bdr: 0, state: "Waiting" as InterfaceState };

it("the highest priority is elected, then the highest id; who is in office stays", () => {
  const all = [router(1), router(2), router(3)];
  expect(elect(3, all, waiting)).toEqual({ dr: 3, bdr: 2, state: "DR" });
  expect(elect(1, [router(1, 9), router(2), router(3)], waiting)).toMatchObject({ dr: 1, state: "DR" });
  const settled = [router(1, 1, 1, 2), router(2, 1, 1, 2), router(9, 9)];
  expect(elect(9, settled, waiting)).toEqual({ dr: 1, bdr: 2, state: "DROther" });
});

it("the backup takes over, and another one becomes backup", () => {
  const left = [router(2, 1, 1, 2), router(3, 1, 1, 2)];
  expect(elect(2, left, { dr: 1, bdr: 2, state: "Backup" })).toEqual({ dr: 2, bdr: 3, state: "DR" });
});

it("routers that see the same elect the same", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 6 }), (ids) => {
      const all = ids.map((id) => router(id));
      const dr = new Set(ids.map((id) => elect(id, all, waiting).dr));
      expect([...dr]).toEqual([Math.max(...ids)]);
    }),
  );
});

it("routes are computed at once, then after a hold time that grows, and is small again after quiet", () => {
  const t = { delayMs: 0, holdMs: 50, maxMs: 5000 };
  let pace = { ranAt: Number.NEGATIVE_INFINITY, multiplier: 1 };
  const waits: number[] = [];
  let now = 10 * S;
  for (let i = 0; i < 5; i++) {
    const d = spfDelay(t, pace, now);
    waits.push(d.delay / MS);
    now += d.delay;
    pace = { ...d.pace, ranAt: now };
  }
  expect(waits).toEqual([0, 50, 100, 150, 200]);
  const long = spfDelay(t, { ranAt: now, multiplier: 1000 }, now);
  expect(long.delay).toBe(5 * S);
  expect(spfDelay(t, { ranAt: now, multiplier: 9 }, now + 6 * S)).toMatchObject({ delay: 0, pace: { multiplier: 1 } });
});
