import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/core/rng.ts";
import { Simulation } from "../../src/core/sim.ts";

const draw = (stream: RandomStream, n = 20): number[] => Array.from({ length: n }, () => stream.u32());

describe("a random stream", () => {
  it("gives the same numbers for the same seed, others for another", () => {
    expect(draw(new RandomStream("1/loss"))).toEqual(draw(new RandomStream("1/loss")));
    expect(draw(new RandomStream("1/loss"))).not.toEqual(draw(new RandomStream("2/loss")));
  });
  it("gives these numbers on every machine", () => {
    const stream = new RandomStream("1/cable r1-eth0 r2-eth0");
    expect([stream.u32(), stream.u16(), stream.int(6), stream.between(10, 20)]).toMatchInlineSnapshot(`
      [
        3280030202,
        5205,
        3,
        10,
      ]
    `);
  });
  it("stays within its bounds, and reaches both ends", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(5), fc.nat(5), (seed, low, width) => {
        const stream = new RandomStream(String(seed));
        const seen = new Set(Array.from({ length: 400 }, () => stream.between(low, low + width)));
        expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: width + 1 }, (_, i) => low + i));
      }),
      { numRuns: 20 },
    );
  });
  it("draws floats in [0, 1) around one half", () => {
    const stream = new RandomStream("floats");
    const all = Array.from({ length: 10_000 }, () => stream.float());
    expect(Math.min(...all)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...all)).toBeLessThan(1);
    expect(all.reduce((a, b) => a + b) / all.length).toBeCloseTo(0.5, 1);
  });
  it("knows never and always, and draws nothing for never", () => {
    const stream = new RandomStream("chance");
    const twin = new RandomStream("chance");
    expect(Array.from({ length: 100 }, () => stream.chance(0))).not.toContain(true);
    expect(stream.u32()).toBe(twin.u32());
    expect(Array.from({ length: 100 }, () => stream.chance(1))).not.toContain(false);
  });
});

describe("the streams of a simulation", () => {
  it("are one per name: another name shifts nobody's draws", () => {
    const alone = new Simulation(7);
    const crowded = new Simulation(7);
    crowded.rng("other").u32();
    expect(draw(crowded.rng("mine"))).toEqual(draw(alone.rng("mine")));
    expect(crowded.rng("mine")).toBe(crowded.rng("mine"));
  });
  it("begin anew each time when drawn from once", () => {
    const sim = new Simulation(7);
    const first = sim.rngOnce("mac h1-eth0").u32();
    expect(sim.rngOnce("mac h1-eth0").u32()).toBe(first);
    expect(new Simulation(8).rngOnce("mac h1-eth0").u32()).not.toBe(first);
  });
});
