import { expect, it } from "vitest";
import { Slab } from "../../src/core/slab.ts";

it("reserves cells side by side, all 0, and keeps what they hold when it grows", () => {
  const slab = new Slab();
  const first: number[] = [];
  for (let i = 0; i < 2000; i++) {
    const at = slab.reserve(3);
    expect(Array.from(slab.cells.subarray(at, at + 3))).toEqual([0, 0, 0]);
    slab.cells[at] = i;
    slab.cells[at + 2] = -i;
    first.push(at);
  }
  expect(first).toEqual(first.map((_, i) => 3 * i));
  expect(first.every((at, i) => slab.cells[at] === i && slab.cells[at + 2] === -i)).toBe(true);
});

it("grows to a single reservation larger than twice its size", () => {
  const slab = new Slab();
  slab.reserve(1);
  const at = slab.reserve(100_000);
  expect(slab.cells.length).toBeGreaterThanOrEqual(at + 100_000);
});
