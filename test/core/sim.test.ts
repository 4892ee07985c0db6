import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Interrupted, Simulation, SimulationBug, TimeStandsStill } from "../../src/core/sim.ts";
import { NEVER, S } from "../../src/core/time.ts";

const later = (sim: Simulation, at: number, what: () => void, label = "h1"): number =>
  sim.at(at, { label, fire: what });

describe("advance", () => {
  it("fires in the order of time, then of asking, and stands at its end", () => {
    const sim = new Simulation();
    const fired: string[] = [];
    for (const [at, name] of [
      [30, "c"],
      [10, "a"],
      [20, "b"],
      [10, "a2"],
      [41, "late"],
    ] as const)
      later(sim, at, () => fired.push(`${name} ${sim.now}`));
    sim.advance(40);
    expect(fired).toEqual(["a 10", "a2 10", "b 20", "c 30"]);
    expect([sim.now, sim.events, sim.pending, sim.nextAt()]).toEqual([40, 4, 1, 41]);
  });

  it("fires what is due at its very end, and what that asks for at the same instant", () => {
    const sim = new Simulation();
    const fired: string[] = [];
    later(sim, 40, () => {
      fired.push("last");
      later(sim, 40, () => fired.push("very last"));
      later(sim, 41, () => fired.push("too late"));
    });
    sim.advance(40);
    expect(fired).toEqual(["last", "very last"]);
  });

  it("is the same in one stride or in many", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { maxLength: 30 }),
        fc.array(fc.nat(100), { maxLength: 10 }),
        (events, stops) => {
          const play = (pauses: readonly number[]): string => {
            const sim = new Simulation(3);
            const heard: string[] = [];
            for (const [i, at] of events.entries()) {
              later(sim, at, () => {
                heard.push(`${sim.now} ${i} ${sim.rng("draws").int(10)}`);
                if (i % 3 === 0) later(sim, sim.now + i, () => heard.push(`${sim.now} again ${i}`));
              });
            }
            for (const at of pauses) sim.advance(at);
            sim.advance(200);
            return `${heard.join()} ${sim.events} ${sim.now}`;
          };
          expect(play(stops.toSorted((a, b) => a - b))).toBe(play([]));
        },
      ),
    );
  });

  it("with no end stops at the last event", () => {
    const sim = new Simulation();
    later(sim, 7, () => {});
    sim.advance(NEVER);
    expect(sim.now).toBe(7);
    sim.advance(NEVER);
    expect(sim.now).toBe(7);
  });

  it("never turns time back", () => {
    const sim = new Simulation();
    sim.advance(50);
    sim.advance(20);
    expect(sim.now).toBe(50);
    expect(() => later(sim, 49, () => {}, "r1")).toThrow("an event of r1 for 49, which is before 50");
    expect(() => later(sim, Number.NaN, () => {})).toThrow("NaN");
  });

  it("refuses to go beyond what a number of nanoseconds can count", () => {
    const sim = new Simulation();
    expect(() => sim.advance(105 * 24 * 3600 * S)).toThrow("time ends at 104 days");
    expect(() => sim.advance(Number.NaN)).toThrow("time ends");
    sim.advance(104 * 24 * 3600 * S);
    expect(sim.now).toBe(104 * 24 * 3600 * S);
  });

  it("is not entered again while time moves, and works afterwards", () => {
    const sim = new Simulation();
    later(sim, 1, () => sim.advance(10));
    expect(() => sim.advance(5)).toThrow("advance was called while time moves");
    sim.advance(6);
    expect(sim.now).toBe(6);
  });

  it("ends a loop without delay by naming it", () => {
    const sim = new Simulation();
    const loop = { label: "s1", fire: () => void sim.at(sim.now, loop) };
    sim.at(3 * S, loop);
    expect(() => sim.advance(10 * S)).toThrow(TimeStandsStill);
    expect(sim.now).toBe(3 * S);
  });
});

describe("halt", () => {
  it("stops after the event that fires, and time stands there", () => {
    const sim = new Simulation();
    const fired: number[] = [];
    for (const at of [10, 20, 20, 30])
      later(sim, at, () => {
        fired.push(at);
        if (fired.length === 2) sim.halt();
      });
    sim.advance(100);
    expect([sim.now, fired, sim.pending]).toEqual([20, [10, 20], 2]);
    sim.advance(100);
    expect([sim.now, fired]).toEqual([100, [10, 20, 20, 30]]);
  });
  it("means nothing between two advances", () => {
    const sim = new Simulation();
    let fired = 0;
    later(sim, 1, () => fired++);
    sim.halt();
    sim.advance(5);
    expect([sim.now, fired]).toEqual([5, 1]);
  });
});

describe("the heartbeat", () => {
  const busy = (sim: Simulation): void => {
    const clock = { label: "clock", fire: () => void sim.at(sim.now + 1, clock) };
    sim.at(1, clock);
  };
  it("comes every 16,384 events", () => {
    const sim = new Simulation();
    busy(sim);
    const beats: number[] = [];
    sim.heartbeat = () => beats.push(sim.events) > 0;
    sim.advance(50_000);
    expect(beats).toEqual([16_384, 32_768, 49_152]);
  });
  it("interrupts the run, which can go on", () => {
    const sim = new Simulation();
    busy(sim);
    let beats = 0;
    sim.heartbeat = () => ++beats !== 2;
    expect(() => sim.advance(50_000)).toThrow(Interrupted);
    expect(sim.now).toBe(32_768);
    sim.advance(50_000);
    expect(sim.now).toBe(50_000);
  });
});

describe("a bug in an event", () => {
  const bug = (throws: () => void): SimulationBug => {
    const sim = new Simulation(42);
    later(sim, 5, () => {}, "h1");
    later(sim, 9, throws, "r1-eth0 to r2-eth0");
    try {
      sim.advance(100);
    } catch (e) {
      expect(sim.now).toBe(9);
      return e as SimulationBug;
    }
    throw new Error("nothing was thrown");
  };
  it("is told with seed, event, instant and whose it was", () => {
    const cause = new TypeError("x is not a function");
    const e = bug(() => {
      throw cause;
    });
    expect(e).toBeInstanceOf(SimulationBug);
    expect(e.message).toBe("x is not a function");
    expect(e.where).toEqual({ seed: 42, event: 2, at: 9, label: "r1-eth0 to r2-eth0" });
    expect(e.cause).toBe(cause);
  });
  it("is told also when it is no Error", () => {
    const e = bug(() => {
      throw "just words";
    });
    expect([e.message, e.cause]).toEqual(["just words", "just words"]);
  });
  it("leaves the engine able to go on", () => {
    const sim = new Simulation();
    let fired = 0;
    later(sim, 1, () => {
      throw new Error("once");
    });
    later(sim, 2, () => fired++);
    expect(() => sim.advance(10)).toThrow(SimulationBug);
    sim.advance(10);
    expect([fired, sim.now]).toEqual([1, 10]);
  });
});
