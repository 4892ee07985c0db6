import type { RuleSpec } from "../../nodes/kernel/netfilter/rule.ts";
import { problem } from "./exit.ts";

/** What is to be done: a letter, or a letter and `#` with a rule's number. */
export type Command = "A" | "C" | "D" | "D#" | "E" | "F" | "I" | "L" | "N" | "P" | "R" | "S" | "X" | "Z" | "Z#";

/** A command line that was understood. */
export interface Request {
  readonly table: string;
  readonly commands: readonly Command[];
  readonly chain: string | undefined;
  /** Of a rule, from 1 on; 0 when none was given. */
  readonly number: number;
  /** Behind `-E` and `-P`. */
  readonly newName: string | undefined;
  readonly policy: string | undefined;
  /** One rule for every pair of addresses. */
  readonly rules: readonly RuleSpec[];
  readonly packets: number;
  readonly bytes: number;
  readonly verbose: boolean;
  readonly numeric: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

/** Options that are not part of every command, in the order in which complaints come. */
export type Flag = "n" | "s" | "d" | "p" | "j" | "v" | "x" | "i" | "o" | "0" | "c" | "f";
const FLAGS: readonly Flag[] = ["n", "s", "d", "p", "j", "v", "x", "i", "o", "0", "c", "f"];

/** The flags that each command takes (iptables/xshared.c:commands_v_options). */
const TAKES: Readonly<Record<Command, string>> = {
  A: "sdpjviocf",
  C: "sdpjviof",
  D: "sdpjviof",
  "D#": "v",
  E: "v",
  F: "v",
  I: "sdpjviocf",
  L: "nvx0",
  N: "v",
  P: "vc",
  R: "sdpjviocf",
  S: "v",
  X: "v",
  Z: "v",
  "Z#": "v",
};

/** Refuses flags that none of the commands takes. */
export function checkFlags(commands: readonly Command[], given: ReadonlySet<Flag>): void {
  for (const flag of FLAGS) {
    if (!given.has(flag)) continue;
    if (!commands.some((command) => TAKES[command].includes(flag)))
      throw problem(`Illegal option \`-${flag}' with this command`);
  }
}

/** Commands that may stand together: a list, and the counters set to 0 behind it. */
export function addCommand(commands: Command[], command: Command, beside: string, invert: boolean): void {
  if (invert) throw problem("unexpected '!' flag");
  const other = commands.find((each) => !beside.includes(each[0] as string));
  if (other !== undefined) throw problem(`Cannot use -${command[0]} with -${other[0]}`);
  if (!commands.includes(command)) commands.push(command);
}

/** The commands that bring a rule. */
export const bringsRule = (command: Command): boolean => "ADIRC".includes(command);
