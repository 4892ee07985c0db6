import fc from "fast-check";
import { expect, it } from "vitest";
import { calendarOf, MONTHS, weekdayOf } from "../../src/core/calendar.ts";
import { S } from "../../src/core/time.ts";
import { cases } from "../harness/shared.ts";

it("has the dates that JavaScript has", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9_000_000 }), (s) => {
      const { year, month, day, clock } = calendarOf(s * S);
      const text = `${weekdayOf(s * S)}, ${String(day).padStart(2, "0")} ${MONTHS[month]} ${year} ${clock} GMT`;
      expect(text).toBe(new Date(s * 1000).toUTCString());
    }),
    { numRuns: cases(500, 100_000) },
  );
  expect(calendarOf(68_169_600 * S)).toEqual({ year: 1972, month: 1, day: 29, clock: "00:00:00" });
});
