import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { replay } from "./box.ts";

const folder = new URL("./golden/", import.meta.url);
const transcripts = readdirSync(folder).filter((name) => name.endsWith(".txt"));

it("finds the transcripts", () => expect(transcripts.length).toBeGreaterThan(10));

// Each was recorded on a real kernel (its first line names the version) by golden/record.sh.
it.each(transcripts)("answers as Linux does: %s", (name) => {
  const { expected, got } = replay(readFileSync(new URL(name, folder), "utf8"));
  expect(got).toBe(expected);
});
