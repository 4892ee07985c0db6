import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventQueue, type Handler } from "../../src/core/queue.ts";
import { NEVER } from "../../src/core/time.ts";
import { cases } from "../harness/shared.ts";

interface Entry {
  readonly at: number;
  readonly sequence: number;
  readonly handler: Handler;
}

/** The queue's promise, kept by a sorted array. */
class Model {
  readonly entries: Entry[] = [];

  push(e: Entry): void {
    const i = this.entries.findIndex((x) => x.at > e.at || (x.at === e.at && x.sequence > e.sequence));
    this.entries.splice(i < 0 ? this.entries.length : i, 0, e);
  }
}

const handler = (label: string): Handler => ({ label, fire: () => {} });

/** One step: take the first event, then push as many as told (the first of them falls into the hole), peek in between. */
const step = fc.record({
  take: fc.boolean(),
  pushes: fc.array(fc.record({ at: fc.nat(20), jump: fc.nat(3) }), { maxLength: 4 }),
  peek: fc.boolean(),
});

describe("the event queue", () => {
  it("behaves as a sorted array: by time, then by sequence, whatever is taken and pushed", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
        const queue = new EventQueue();
        const model = new Model();
        let sequence = 0;
        for (const { take, pushes, peek } of steps) {
          if (take && queue.nextAt() !== NEVER) {
            const first = model.entries.shift() as Entry;
            expect([queue.nextAt(), queue.nextSequence()]).toEqual([first.at, first.sequence]);
            expect(queue.take()).toBe(first.handler);
          }
          for (const { at, jump } of pushes) {
            sequence += jump + 1;
            const e = { at, sequence, handler: handler(`${at} ${sequence}`) };
            queue.push(e.at, e.sequence, e.handler);
            model.push(e);
          }
          expect(queue.size).toBe(model.entries.length);
          if (peek) expect(queue.nextAt()).toBe(model.entries[0]?.at ?? NEVER);
        }
        for (const { at, sequence: own, handler: wanted } of model.entries) {
          expect([queue.nextAt(), queue.nextSequence(), queue.take()]).toEqual([at, own, wanted]);
        }
        expect([queue.nextAt(), queue.size]).toEqual([NEVER, 0]);
      }),
      { numRuns: cases(300, 20_000) },
    );
  });

  it("keeps the place of an event that is pushed late under an early sequence number", () => {
    const queue = new EventQueue();
    const [early, late] = [handler("early"), handler("late")];
    queue.push(5, 9, late);
    queue.push(5, 3, early);
    expect([queue.nextAt(), queue.take(), queue.nextAt(), queue.take()]).toEqual([5, early, 5, late]);
  });

  it("grows, and stays in order", () => {
    const queue = new EventQueue();
    const times = Array.from({ length: 5000 }, (_, i) => (i * 7919) % 5003);
    for (const [sequence, at] of times.entries()) queue.push(at, sequence, handler(""));
    expect(queue.size).toBe(5000);
    const out = times.map(() => {
      const at = queue.nextAt();
      queue.take();
      return at;
    });
    expect(out).toEqual(times.toSorted((a, b) => a - b));
  });

  it("tells the last event's end also when nothing takes its place", () => {
    const queue = new EventQueue();
    queue.push(1, 0, handler("only"));
    queue.nextAt();
    queue.take();
    expect(queue.size).toBe(0);
    expect(queue.nextAt()).toBe(NEVER);
    queue.push(2, 1, handler("next"));
    expect([queue.nextAt(), queue.take().label]).toEqual([2, "next"]);
  });
});
