import { expect, it } from "vitest";
import { DROP_REASONS, dropReason } from "../../src/core/drop.ts";

it("every reason has one number, and 0 is none of them", () => {
  expect(new Set(DROP_REASONS).size).toBe(DROP_REASONS.length);
  expect(DROP_REASONS.map(dropReason)).toEqual(DROP_REASONS.map((_, i) => i));
  expect(dropReason("not dropped")).toBe(0);
});
