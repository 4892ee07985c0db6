import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  AS_SEQUENCE,
  AS_SET,
  type AsPath,
  CONFED_SEQUENCE,
  CONFED_SET,
  makePath,
  type Segment,
} from "../../../src/protocols/bgp/as-path.ts";
import { decodePath, encodePath, pathLength } from "../../../src/protocols/bgp/as-path-octets.ts";
import { cases } from "../../harness/shared.ts";

const as = fc.integer({ min: 1, max: 12 });
const type = fc.constantFrom(AS_SEQUENCE, AS_SET, CONFED_SEQUENCE, CONFED_SET);
const segments = fc.array(fc.record({ type, as: fc.array(as, { minLength: 1, maxLength: 4 }) }), { maxLength: 3 });

/** A path by its segments at once, and the same one number after another in front of what is behind them. */
const whole = (front: readonly number[], behind: readonly Segment[]): AsPath =>
  makePath([{ type: AS_SEQUENCE, as: front }, ...behind]);
const grown = (front: readonly number[], behind: readonly Segment[]): AsPath =>
  front.reduceRight((path, n) => path.prepend(n), makePath(behind));

const seen = (p: AsPath): object => ({
  ...{ segments: p.segments, text: p.text, hash: p.hash, hops: p.hops, neighborAs: p.neighborAs, plain: p.plain },
  ...{ hasSet: p.hasSet, hasConfed: p.hasConfed, first: p.first, origin: p.origin },
  ...{ counts: [1, 2, 3].flatMap((n) => [p.count(n), p.count(n, true)]), small: p.every((n) => n < 12) },
  ...{
    length: pathLength(p, true),
    bare: p.withoutConfed().text,
    mapped: p.map((n) => (n === 1 ? undefined : n)).text,
  },
});

describe("an AS path", () => {
  it("is the same whether it was read at once or has grown AS by AS", () => {
    fc.assert(
      fc.property(fc.array(as, { maxLength: 80 }), segments, (front, behind) => {
        const [a, b] = [whole(front, behind), grown(front, behind)];
        expect(seen(b)).toEqual(seen(a));
        expect(a.same(b) && b.same(a)).toBe(true);
      }),
      { numRuns: cases(300, 50_000) },
    );
  });
  it("is the same as another one just when their texts are", () => {
    const two = fc.array(fc.integer({ min: 1, max: 2 }), { maxLength: 4 });
    fc.assert(
      fc.property(two, two, segments, segments, fc.boolean(), (f, g, s, t, alike) => {
        const [a, b] = [grown(f, s), grown(g, alike ? s : t)];
        expect(a.same(b)).toBe(a.text === b.text);
        if (a.text === b.text) expect(a.hash).toBe(b.hash);
      }),
      { numRuns: cases(500, 50_000) },
    );
  });
  it("of a thousand ASes is written in segments of 255, and read back", () => {
    const path = grown(
      Array.from({ length: 1000 }, (_, i) => i + 34),
      [],
    );
    const b = new Uint8Array(pathLength(path, true));
    expect(b.length).toBe(4 * 1000 + 2 * 4);
    expect(encodePath(path, true, b, 0)).toBe(b.length);
    const read = decodePath(b, 0, b.length, true);
    expect(read?.same(path)).toBe(true);
    expect(read?.hops).toBe(1000);
  });
  it("hashes of lines of ASes differ", () => {
    const hashes = new Set<number>();
    let path = makePath([]);
    for (let n = 1; n <= 100_000; n++) hashes.add((path = path.prepend(n)).hash);
    expect(hashes.size).toBeGreaterThan(99_990);
  });
});
