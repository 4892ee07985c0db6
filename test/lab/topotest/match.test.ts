import { expect, it } from "vitest";
import { differences, extras } from "../../../src/lab/topotest/match.ts";

it("asks for the keys that are named, and leaves the others free", () => {
  expect(differences({ a: 1 }, { a: 1, b: 2 })).toEqual([]);
  expect(differences({ a: 1, b: { c: [1] } }, { a: 1, b: { c: [2] } })).toHaveLength(2);
  expect(differences({ a: null }, { b: 1 })).toEqual([]);
  expect(differences({ a: null }, { a: 0 })).toHaveLength(1);
});

it("compares lists of plain values as sets", () => {
  expect(differences(["x", "y"], ["y", "x"])).toEqual([]);
  expect(differences(["x"], ["x", "y"])).toEqual([': "y" not expected']);
});

it("gives every element of a list of objects one of its own, whatever the order", () => {
  const any = {};
  expect(differences([any, { a: 1 }], [{ a: 1 }, { b: 2 }])).toEqual([]);
  expect(differences([{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: 2 }])).toHaveLength(1);
});

it("exact allows nothing more on the top level", () => {
  expect(extras({ a: 1 }, { a: 1 })).toEqual([]);
  expect(extras({ a: [] }, { a: [1], b: 2 })).toEqual(["b: not expected"]);
  expect(extras([{ a: 1 }], [{ a: 1 }, { a: 2 }])).toHaveLength(1);
  expect(extras([], [])).toEqual([]);
});
