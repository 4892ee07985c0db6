import { describe, expect, it } from "vitest";
import { z } from "zod";
import { LabError } from "../../src/lab/errors.ts";
import { scenario } from "../../src/lab/scenario.ts";
import { readSettings } from "../../src/lab/settings.ts";

const story = scenario({
  name: "line",
  title: "Nothing happens.",
  parameters: z.object({
    hosts: z.coerce.number().int().min(1).default(3),
    rate: z.string().default("1Gbit"),
  }),
  captures: [],
  story: () => {},
});
const bare = scenario({
  name: "bare",
  title: "No parameters.",
  parameters: z.object({}),
  captures: [],
  story: () => {},
});

describe("a scenario's settings", () => {
  it("are its defaults where nothing is set", () => {
    expect(readSettings(story, [])).toEqual({ hosts: 3, rate: "1Gbit" });
    expect(readSettings(bare, [])).toEqual({});
  });
  it("are read by the scenario's own types; the last setting counts, and may hold an equals sign", () => {
    expect(readSettings(story, ["hosts=5", "hosts=7", "rate=a=b"])).toEqual({ hosts: 7, rate: "a=b" });
    expect(readSettings(story, ["rate="])).toEqual({ hosts: 3, rate: "" });
  });
  it.each([
    [["hosts"], "--set hosts: expected key=value"],
    [["=5"], "--set =5: expected key=value"],
    [["speed=5"], '--set speed=5: line has no parameter "speed"; it has hosts, rate'],
    [["__proto__=5"], '--set __proto__=5: line has no parameter "__proto__"; it has hosts, rate'],
  ])("refuse %j", (settings, message) => {
    expect(() => readSettings(story, settings)).toThrow(new LabError(message));
  });
  it("refuse values that do not fit, naming them and why", () => {
    expect(() => readSettings(story, ["hosts=0"])).toThrow(/^--set hosts=0: .*>=1/);
    expect(() => readSettings(story, ["hosts=many"])).toThrow(/^--set hosts=many: .*number/);
    expect(() => readSettings(bare, ["x=1"])).toThrow('--set x=1: bare has no parameter "x"; it has none');
  });
});
