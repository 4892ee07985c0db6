import { readFileSync, writeSync } from "node:fs";
import { LabError } from "../lab/errors.ts";
import { dissectCapture, frameJson } from "../report/dissect.ts";
import { frameText } from "../report/dissect-text.ts";
import { OK } from "./job.ts";

const STDOUT = 1;
const LINES_AT_ONCE = 256;

/** Prints every frame of a capture, as text or as the JSON that checkers compare. Where a file ends early is told on standard error. */
export function dissectFile(path: string, json: boolean): number {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch {
    throw new LabError(`${path}: no such file, or not readable`);
  }
  const { format, frames, message } = dissectCapture(bytes);
  if (format === "unknown") throw new LabError(`${path}: ${message}`);
  if (json) {
    writeAll('{"frames":[');
    writeLines(frames.map((frame, i) => `${i === 0 ? "" : ","}\n${JSON.stringify(frameJson(frame))}`));
    writeAll("\n]}\n");
  } else {
    const start = frames[0]?.timeNs ?? 0n;
    writeLines(frames.map((frame) => `${frameText(frame, start)}\n`));
  }
  if (message !== undefined) process.stderr.write(`netloom: ${path}: ${message}; what could be read stands above\n`);
  return OK;
}

function writeLines(lines: readonly string[]): void {
  for (let i = 0; i < lines.length; i += LINES_AT_ONCE) writeAll(lines.slice(i, i + LINES_AT_ONCE).join(""));
}

/** Writes to standard output before the process ends, however slow the reader. */
function writeAll(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(STDOUT, bytes, at);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}
