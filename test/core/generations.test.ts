import { expect, it } from "vitest";
import { Generations } from "../../src/core/generations.ts";

it("keeps what is asked for, and forgets what was not for two generations", () => {
  const cache = new Generations<string>(3);
  cache.set(0, "kept");
  cache.set(1, "lost");
  for (let i = 2; i < 20; i++) {
    cache.set(i, "other");
    expect(cache.get(0)).toBe("kept");
  }
  expect(cache.get(1)).toBeUndefined();
  cache.set(0, "new");
  expect(cache.get(0)).toBe("new");
});
