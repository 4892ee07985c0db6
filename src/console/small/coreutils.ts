import type { Program } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import { getoptLong } from "../getopt-long.ts";

/** Does nothing, successfully. */
export const succeed: Program = (self) => self.exit(0);
/** Does nothing, unsuccessfully. */
export const fail: Program = (self) => self.exit(1);

/** `echo` of coreutils: `-n` leaves the end of the line out, `-e` reads escapes, `-E` does not. */
export const echo: Program = (self) => {
  const words = [...self.args];
  let newline = true;
  let escapes = false;
  while (/^-[neE]+$/.test(words[0] ?? "")) {
    for (const letter of (words.shift() as string).slice(1)) {
      if (letter === "n") newline = false;
      else escapes = letter === "e";
    }
  }
  const text = words.join(" ");
  const { shown, stopped } = escapes ? unescaped(text) : { shown: text, stopped: false };
  self.out(newline && !stopped ? `${shown}\n` : shown);
  self.exit(0);
};

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  a: "\x07",
  b: "\b",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** `stopped`: at \c, behind which nothing is printed. */
function unescaped(text: string): { readonly shown: string; readonly stopped: boolean } {
  const stop = /^(?:[^\\]|\\[^c])*?\\c/s.exec(text)?.[0];
  const before = stop === undefined ? text : stop.slice(0, -2);
  const shown = before.replace(/\\(?:0([0-7]{0,3})|x([0-9a-f]{1,2})|(.))/gis, (all, octal, hex, letter) => {
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal || "0", 8) & 0xff);
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return ESCAPES[letter as string] ?? all;
  });
  return { shown, stopped: stop !== undefined };
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 };
/** Longer spans last for ever: simulated time does not reach so far. */
const SPAN_MAX = 100 * 86_400;

/** `sleep` of coreutils: spans add up, `infinity` is one. */
export const sleep: Program = (self) => {
  const { rest, complaint } = getoptLong("sleep", self.args, "", {});
  const wrong = rest.filter((text) => span(text) === undefined);
  const problems = complaint !== undefined ? [complaint] : wrong.map((t) => `sleep: invalid time interval '${t}'\n`);
  if (problems.length === 0 && rest.length === 0) problems.push("sleep: missing operand\n");
  if (problems.length > 0) {
    self.err(`${problems.join("")}Try 'sleep --help' for more information.\n`);
    return self.exit(1);
  }
  const seconds = rest.reduce((sum, text) => sum + (span(text) as number), 0);
  const until: Nanos = seconds > SPAN_MAX ? NEVER : self.os.now() + Math.ceil(seconds * S);
  const alarm = self.os.alarm(() => self.exit(0));
  self.onInterrupt(() => {
    alarm.set(NEVER);
    self.exit(130);
  });
  alarm.set(until);
};

/** Seconds. */
function span(text: string): number | undefined {
  if (/^inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  const m = /^(\d+\.?\d*|\.\d+)([smhd]?)$/.exec(text);
  return m === null ? undefined : Number(m[1]) * (UNITS[m[2] as string] as number);
}
