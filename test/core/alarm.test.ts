import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Alarm, Simulation } from "../../src/core/sim.ts";
import { NEVER } from "../../src/core/time.ts";
import { cases } from "../harness/shared.ts";

function ringing(): { sim: Simulation; alarm: Alarm; rung: number[] } {
  const sim = new Simulation();
  const rung: number[] = [];
  const alarm = new Alarm(sim, "h1", () => rung.push(sim.now));
  return { sim, alarm, rung };
}

describe("an alarm", () => {
  it("rings once at its deadline, and is off then", () => {
    const { sim, alarm, rung } = ringing();
    alarm.set(10);
    expect(alarm.deadline).toBe(10);
    sim.advance(100);
    expect([rung, alarm.deadline, sim.pending]).toEqual([[10], NEVER, 0]);
  });
  it("moves later without another event until it is woken", () => {
    const { sim, alarm, rung } = ringing();
    for (let at = 10; at <= 50; at++) alarm.set(at);
    expect(sim.pending).toBe(1);
    sim.advance(100);
    expect([rung, sim.events]).toEqual([[50], 2]);
  });
  it("moves earlier", () => {
    const { sim, alarm, rung } = ringing();
    alarm.set(50);
    alarm.set(20);
    sim.advance(100);
    expect(rung).toEqual([20]);
  });
  it("moves earlier and later again, and what it left in the queue is deaf", () => {
    const { sim, alarm, rung } = ringing();
    alarm.set(50);
    alarm.set(20);
    alarm.set(50);
    sim.advance(49);
    expect(rung).toEqual([]);
    sim.advance(100);
    expect(rung).toEqual([50]);
  });
  it("is stopped by NEVER, and set again", () => {
    const { sim, alarm, rung } = ringing();
    alarm.set(20);
    alarm.set(NEVER);
    sim.advance(30);
    expect(rung).toEqual([]);
    alarm.set(40);
    sim.advance(100);
    expect(rung).toEqual([40]);
  });
  it("rings at once for an instant gone by", () => {
    const { sim, alarm, rung } = ringing();
    sim.advance(100);
    alarm.set(3);
    sim.advance(100);
    expect(rung).toEqual([100]);
  });
  it("may be set while it rings", () => {
    const sim = new Simulation();
    const rung: number[] = [];
    const alarm: Alarm = new Alarm(sim, "h1", () => {
      rung.push(sim.now);
      if (rung.length < 3) alarm.set(sim.now + 10);
    });
    alarm.set(0);
    sim.advance(100);
    expect(rung).toEqual([0, 10, 20]);
  });

  it("rings exactly when its last setting says, whatever came before", () => {
    const setting = fc.record({ wait: fc.nat(10), to: fc.oneof(fc.integer({ min: -5, max: 30 }), fc.constant(NEVER)) });
    fc.assert(
      fc.property(fc.array(setting, { maxLength: 40 }), (settings) => {
        const { sim, alarm, rung } = ringing();
        const wanted: number[] = [];
        let deadline = NEVER;
        const pass = (until: number): void => {
          if (deadline <= until) {
            wanted.push(deadline);
            deadline = NEVER;
          }
          sim.advance(until);
        };
        for (const { wait, to } of settings) {
          pass(sim.now + wait);
          alarm.set(sim.now + to);
          deadline = Math.max(sim.now + to, sim.now);
          expect(sim.pending).toBeLessThanOrEqual(settings.length);
        }
        pass(1000);
        expect(rung).toEqual(wanted);
      }),
      { numRuns: cases(300, 20_000) },
    );
  });
});
