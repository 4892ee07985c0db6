import type { Step } from "../ip/transcript.ts";

/**
 * What differs between a recording of the real `tc` and this one, for reasons of its own: a real machine has as many
 * queues as processors, the handles that nobody asked for count on from whatever was done on it before, and help is
 * worded anew.
 */
export function normaliseTc(output: string): string {
  const text = output
    .replace(/refcnt \d+/g, "refcnt 2")
    .replace(/"refcnt":( ?)\d+/g, '"refcnt":$12')
    .replace(/^Usage:[\s\S]*$/m, "");
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** Numbers the handles that were drawn from 8001: on, in the order of their drawing. */
export function renumber(steps: readonly Step[]): Step[] {
  const drawn = steps
    .map((step) => /\b80[0-9a-f]{2}(?=:)/.exec(step.output)?.[0])
    .find((handle) => handle !== undefined);
  const first = Number.parseInt(drawn ?? "8001", 16);
  const number = (handle: string) => (Number.parseInt(handle, 16) - first + 0x8001).toString(16);
  return steps.map((step) => ({ ...step, output: step.output.replace(/\b80[0-9a-f]{2}(?=:)/g, number) }));
}
