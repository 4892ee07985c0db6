import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatStep, normalise, parseTranscript, play } from "./transcript.ts";

/** Plays every transcript of a folder: what comes out must be what stands there, to the character. */
function plays(folder: string, clean?: (output: string) => string): void {
  const path = join(import.meta.dirname, folder);
  it.each(readdirSync(path).sort())("%s", (file) => {
    const steps = parseTranscript(readFileSync(join(path, file), "utf8"));
    expect(steps.filter((s) => s.kind === "command").length).toBeGreaterThan(5);
    expect(play(steps, clean).map(formatStep).join("")).toBe(steps.map(formatStep).join(""));
  });
}

/** See record.ts. */
describe("prints what the real ip printed", () => plays("golden", normalise));

/** For what the machine that recorded does not have, and for what only this program says. */
describe("prints what the real ip's source says", () => plays("written"));
