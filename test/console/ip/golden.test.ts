import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatStep, parseTranscript, play } from "./transcript.ts";

/** Transcripts of the real `ip`, played here: every character is the same. See record.ts. */
const golden = join(import.meta.dirname, "golden");

describe("prints what the real ip printed", () => {
  it.each(readdirSync(golden).sort())("%s", (file) => {
    const steps = parseTranscript(readFileSync(join(golden, file), "utf8"));
    expect(steps.filter((s) => s.kind === "command").length).toBeGreaterThan(5);
    expect(play(steps).map(formatStep).join("")).toBe(steps.map(formatStep).join(""));
  });
});
