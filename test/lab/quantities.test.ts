import { describe, expect, it } from "vitest";
import { LabError } from "../../src/lab/errors.ts";
import { duration, probability, rate } from "../../src/lab/quantities.ts";

describe("a duration", () => {
  it.each([
    ["50us", 50_000],
    ["1.5ms", 1_500_000],
    ["30s", 30_000_000_000],
    ["2", 2_000_000_000],
    [2, 2_000_000_000],
    [0.5, 500_000_000],
    [1e-7, 100],
    [0, 0],
  ])("%j is %i ns", (value, ns) => {
    expect(duration(value)).toBe(ns);
  });
  it.each(["", "soon", "-1s", "1 s", -1, Number.NaN, Number.POSITIVE_INFINITY, 1e30])("refuses %j", (value) => {
    expect(() => duration(value, "delay")).toThrow(
      new LabError(`delay "${value}": expected a time such as 50us, 1.5ms or 30s`),
    );
  });
});

describe("a rate", () => {
  it.each([
    ["1Gbit", 1e9],
    ["100mbit", 1e8],
    ["1.5 kbit", 1500],
    ["8bit", 8],
    ["9600", 9600],
    ["1tbit", 1e12],
    ["1kibit", 1024],
    ["2Mibit", 2 * 1024 ** 2],
    ["8MBps", 64e6],
    ["1bps", 8],
    [1e9, 1e9],
    [0, 0],
  ])("%j is %i bit/s", (value, bps) => {
    expect(rate(value)).toBe(bps);
  });
  it.each(["", "fast", "-1mbit", "1xbit", "mbit", "1..5mbit", -1, Number.NaN, 1e21])("refuses %j", (value) => {
    expect(() => rate(value)).toThrow(new LabError(`rate "${value}": expected a rate such as 100mbit or 1Gbit`));
  });
});

describe("a probability", () => {
  it.each([
    ["1%", 0.01],
    ["0.01", 0.01],
    ["100%", 1],
    ["0", 0],
    [0.5, 0.5],
    [1e-9, 1e-9],
  ])("%j is %d", (value, p) => {
    expect(probability(value)).toBeCloseTo(p, 12);
  });
  it.each(["", "101%", "1.1", "-1%", "often", "1 %", -0.1, 1.1, Number.NaN])("refuses %j", (value) => {
    expect(() => probability(value, "loss")).toThrow(
      new LabError(`loss "${value}": expected a share such as 1% or 0.01`),
    );
  });
});
