import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noise, OctetList, ZEROS } from "../../src/core/octets.ts";
import { cases } from "../harness/shared.ts";

const runs = { numRuns: cases(300, 50_000) };

describe("octets in a row", () => {
  it("are the same however they are written, cut and put together", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 700 }).map((b) => ({ kind: "write" as const, b })),
      fc.nat(700).map((n) => ({ kind: "write" as const, b: new Uint8Array(n) })),
      fc.nat(50).map((count) => ({ kind: "noise" as const, count })),
    );
    const pattern = noise(7);
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.nat(2000), fc.nat(2000), fc.nat(3000), (pieces, a, b, size) => {
        const list = new OctetList();
        const want: number[] = [];
        for (const p of pieces) {
          if (p.kind === "write") list.write(p.b, 0, p.b.length);
          else list.add({ from: pattern, at: want.length, count: p.count });
          const made = p.kind === "write" ? p.b : new Uint8Array(p.count);
          if (p.kind === "noise") pattern.fill(made, 0, p.count, want.length);
          want.push(...made);
        }
        expect([...list.bytes()]).toEqual(want);
        const cut = new OctetList();
        for (const run of list.slice(Math.min(a, b), Math.max(a, b))) cut.add(run);
        expect([...cut.bytes()]).toEqual(want.slice(Math.min(a, b), Math.max(a, b)));
        list.resize(size);
        expect([...list.bytes()]).toEqual([
          ...want.slice(0, size),
          ...new Array(Math.max(0, size - want.length)).fill(0),
        ]);
      }),
      runs,
    );
  });
  it("take no memory where they are zeros or made", () => {
    const list = new OctetList();
    for (let i = 0; i < 1000; i++) list.write(new Uint8Array(1448), 0, 1448);
    list.add({ from: noise(1), at: 0, count: 2 ** 40 });
    list.add({ from: ZEROS, at: 0, count: 5 });
    expect([list.size, list.stored]).toEqual([1_448_000 + 2 ** 40 + 5, 0]);
  });
  it("of noise are the same for the same position, and hardly ever alike", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: 40 }), fc.nat(40), (at, count, cut) => {
        const [whole, parts] = [new Uint8Array(count), new Uint8Array(count)];
        const middle = Math.min(cut, count);
        noise(3).fill(whole, 0, count, at);
        noise(3).fill(parts, 0, middle, at);
        noise(3).fill(parts, middle, count, at + middle);
        expect(parts).toEqual(whole);
      }),
      runs,
    );
    const b = new Uint8Array(100_000);
    noise(3).fill(b, 0, b.length, 0);
    const counts = new Map<number, number>();
    for (const octet of b) counts.set(octet, (counts.get(octet) ?? 0) + 1);
    expect(counts.size).toBe(256);
    expect(Math.max(...counts.values())).toBeLessThan(520);
  });
});
