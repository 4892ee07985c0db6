import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lightOf, planets } from "../../../src/lab/chain/planets.ts";
import { type Check, Net } from "../../../src/lab/net.ts";
import { cases } from "../../harness/shared.ts";

describe("two planets", () => {
  it("meet at any distance that their timers are made for, and only those who know it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 85 }), fc.integer({ min: 1, max: 99 }), (minutes, seed) => {
        const checks: Check[] = [];
        planets(new Net(seed, { checked: (check) => checks.push(check) }), `${minutes}min`);
        expect(checks.length).toBe(5);
        expect(checks.filter((c) => !c.ok)).toEqual([]);
      }),
      { numRuns: cases(2, 40) },
    );
  });
  it("are refused where nothing needs telling, and where the timers do not reach", () => {
    expect(lightOf("12min")).toBe(720e9);
    expect(() => lightOf("119s")).toThrow('light "119s": expected 2min to 85min');
    expect(() => lightOf("2h")).toThrow("expected 2min to 85min");
  });
});
