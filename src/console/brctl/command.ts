import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { getoptLong } from "../getopt-long.ts";
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

/** What is no option; or the status of a run that an option ends. */
function readOptions(self: SystemProcess): readonly string[] | number {
  const { options, rest, complaint } = getoptLong("brctl", self.args, "Vh", { help: "h", version: "V" });
  const first = options[0]?.key;
  if (first === "h") return help(self, 0);
  if (first === "V") {
    self.out("bridge-utils, 1.7\n");
    return 0;
  }
  if (complaint === undefined) return rest;
  self.err(`${complaint}Unknown option '?'\n`);
  return help(self, 1);
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
