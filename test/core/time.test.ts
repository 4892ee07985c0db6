import fc from "fast-check";
import { expect, it } from "vitest";
import { MS, parseDuration, S, seconds, US } from "../../src/core/time.ts";

it.each([
  ["1ns", 1],
  ["50us", 50 * US],
  ["1.5ms", 1_500_000],
  ["30s", 30 * S],
  ["2m", 120 * S],
  ["2min", 120 * S],
  ["2h", 7200 * S],
  ["0", 0],
  ["2.5", 2_500 * MS],
])("reads %s", (text, ns) => {
  expect(parseDuration(text)).toBe(ns);
});

it("counts a bare number in the unit it is told", () => {
  expect(parseDuration("3", MS)).toBe(3 * MS);
  expect(parseDuration("3s", MS)).toBe(3 * S);
});

it.each(["", "s", "-1s", "1 s", "1d", ".5s", "1.s", "1e3", "1,5s", "NaN", "9007199255s"])("refuses %j", (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

it("reads back whole nanoseconds", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (ns) => {
      expect(parseDuration(`${ns}ns`)).toBe(ns);
    }),
  );
});

it("prints seconds with the decimals asked for", () => {
  expect(seconds(1_000_042_000)).toBe("1.000042");
  expect(seconds(1_500 * MS, 3)).toBe("1.500");
  expect(seconds(30 * S, 0)).toBe("30");
});
