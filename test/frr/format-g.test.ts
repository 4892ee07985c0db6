import { expect, it } from "vitest";
import { formatG } from "../../src/frr/format-g.ts";

it("prints numbers as C does", () => {
  const numbers = [0, 1, 10, 1.25e6, 1e11, 123456, 1234567, 999999.5, 0.0001, 0.00001234, 1.5, 3e-6, 45.678901];
  expect(numbers.map(formatG)).toEqual([
    ...["0", "1", "10", "1.25e+06", "1e+11", "123456", "1.23457e+06", "1e+06", "0.0001", "1.234e-05"],
    ...["1.5", "3e-06", "45.6789"],
  ]);
});
