import { describe, expect, it } from "vitest";
import { REQUIREMENTS } from "../../src/lab/nat/requirements.ts";
import { type Mode, Yard } from "../../src/lab/nat/yard.ts";
import { Net } from "../../src/lab/net.ts";

/** Every requirement by itself, in a network of its own; the scenario tries them one after the other in one. */

const MODES: readonly Mode[] = ["linux", "rfc4787"];
const CASES = REQUIREMENTS.flatMap((requirement) => MODES.map((mode) => ({ requirement, mode })));

describe.each(CASES)("$mode, RFC $requirement.rfc $requirement.name", ({ requirement, mode }) => {
  const { wants, expected, test } = requirement;
  it(`${expected[mode] ? "meets" : "does not meet"}: ${wants}`, () => {
    for (const seed of [1, 7]) {
      const outcome = test(new Yard(new Net(seed), mode));
      expect({ seed, ...outcome }).toMatchObject({ seed, ok: expected[mode] });
    }
  });
});

it("asks for all that the RFCs ask for", () => {
  const names = (rfc: number): string[] => REQUIREMENTS.filter((r) => r.rfc === rfc).map((r) => r.name);
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => `REQ-${i + 1}`);
  expect(names(4787).filter((n) => n !== "REQ-3a")).toEqual(numbers(14));
  expect(names(5382)).toEqual(numbers(10));
  expect(names(5508)).toEqual(numbers(11));
});

it("meets in the mode of the RFCs all that can be decided", () => {
  expect(REQUIREMENTS.filter((r) => !r.expected.rfc4787)).toEqual([]);
});
