import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { formatStep, parseTranscript, play, type Step } from "../ip/transcript.ts";
import { normaliseTc, renumber } from "./transcripts.ts";

const text = (steps: readonly Step[]): string =>
  renumber(steps.map((s) => ({ ...s, output: normaliseTc(s.output) })))
    .map(formatStep)
    .join("");

function same(folder: string): void {
  it.each(readdirSync(join(import.meta.dirname, folder)).sort())("%s", (file) => {
    const steps = parseTranscript(readFileSync(join(import.meta.dirname, folder, file), "utf8"));
    expect(steps.filter((s) => s.kind === "command").length).toBeGreaterThan(5);
    expect(text(play(steps))).toBe(text(steps));
  });
}

/** Transcripts of the real `tc` on a real kernel, played here: every character is the same, but for help. */
describe("prints what the real tc printed", () => same("golden"));

/**
 * What the real `tc` prints of kinds that the kernel at hand did not have: it was given its own requests for answers, with
 * what a kernel adds to them (the index and the users of an action, the longest frame that `police` draws from its rate).
 */
describe("prints what the real tc makes of its own requests", () => same("golden-printed"));
