import type { Kernel } from "../../nodes/kernel/kernel.ts";
import type { SystemProcess } from "../process.ts";
import { CHANGES } from "./change.ts";
import { SHOWS } from "./show.ts";

/** One run of `brctl`. */
export interface Brctl {
  readonly kernel: Kernel;
  out(text: string): void;
  /** A line on standard error; returns the status 1. */
  fail(line: string): number;
}

/** A command of `brctl`: how many words it needs, what its help says, and what it does; returns the exit status. */
export interface BrctlCommand {
  readonly needs: number;
  readonly help: string;
  readonly run: (b: Brctl, words: readonly string[]) => number;
}

/** In the order of the program's help. */
const COMMANDS: ReadonlyMap<string, BrctlCommand> = new Map([...CHANGES, ...SHOWS].sort(([a], [b]) => order(a, b)));

/** `brctl` of bridge-utils 1.7 (brctl/brctl.c:main). */
export function brctl(self: SystemProcess): void {
  self.exit(run(self));
}

function run(self: SystemProcess): number {
  const words = readOptions(self);
  if (typeof words === "number") return words;
  const [name, ...rest] = words;
  if (name === undefined) return help(self, 1);
  const command = COMMANDS.get(name);
  if (command === undefined) {
    self.err(`never heard of command [${name}]\n`);
    return help(self, 1);
  }
  if (rest.length < command.needs) {
    self.out(`Incorrect number of arguments for command\nUsage: brctl ${name} ${command.help}\n`);
    return 1;
  }
  const b: Brctl = {
    kernel: self.kernel,
    out: (text) => self.out(text),
    fail: (line) => {
      self.err(`${line}\n`);
      return 1;
    },
  };
  return command.run(b, rest);
}

/** What is no option; or the status of a run that an option ends. Options may stand anywhere, as `getopt_long` has it. */
function readOptions(self: SystemProcess): readonly string[] | number {
  const words: string[] = [];
  for (const [i, word] of self.args.entries()) {
    if (word === "--") return [...words, ...self.args.slice(i + 1)];
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const long = word.startsWith("--");
    const asks = (name: string): boolean => (long ? `--${name}`.startsWith(word) : word[1] === name[0]);
    if (asks("help")) return help(self, 0);
    if (asks(long ? "version" : "V")) {
      self.out("bridge-utils, 1.7\n");
      return 0;
    }
    self.err(`brctl: ${long ? `unrecognized option '${word}'` : `invalid option -- '${word[1]}'`}\n`);
    self.err("Unknown option '?'\n");
    return help(self, 1);
  }
  return words;
}

function help(self: SystemProcess, status: number): number {
  self.out("Usage: brctl [commands]\ncommands:\n");
  for (const [name, command] of COMMANDS) self.out(`\t${name.padEnd(10)}\t${command.help}\n`);
  return status;
}

/** Alphabetical, but what makes and takes apart comes first. */
function order(a: string, b: string): number {
  const first = ["addbr", "delbr", "addif", "delif"];
  const [x, y] = [a, b].map((name) => (first.includes(name) ? first.indexOf(name) : first.length)) as [number, number];
  return x - y || (a < b ? -1 : 1);
}
