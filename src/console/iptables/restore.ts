import type { Kernel } from "../../nodes/kernel/kernel.ts";
import { netfilter } from "../../nodes/kernel/netfilter/hooks.ts";
import type { TableName } from "../../nodes/kernel/netfilter/rule.ts";
import type { Table } from "../../nodes/kernel/netfilter/table.ts";
import { Exit, failure, OtherFamily, problem } from "./exit.ts";
import { CHAIN_NAME_MAX, tooLong } from "./names.ts";
import { parseRequest } from "./parse.ts";
import { perform } from "./perform.ts";
import type { Request } from "./request.ts";
import { chainsOf, isTable } from "./tables.ts";

const PROGRAM = "iptables-restore";

/** How the text is taken. */
export interface RestoreOptions {
  /** `-c`, `-t`, `-v`, `-n`. */
  readonly counters: boolean;
  readonly test: boolean;
  readonly verbose: boolean;
  readonly keep: boolean;
  /** `-T`: only this table. */
  readonly only: string | undefined;
}

/** Something to be done when the table is complete, and the line that it stands on. */
interface Step {
  readonly line: number;
  readonly run: (table: Table) => void;
}

/** Reads what `iptables-save` writes. Each table is changed as a whole when its COMMIT comes, or not at all. */
export class Restore {
  readonly #kernel: Kernel;
  readonly #options: RestoreOptions;
  readonly #out: (text: string) => void;
  /** The line at hand, from 1 on. */
  line = 0;
  /** The table that lines belong to; "" for one that is not wanted, undefined outside. */
  #table: TableName | "" | undefined;
  #steps: Step[] = [];

  constructor(kernel: Kernel, options: RestoreOptions, out: (text: string) => void) {
    this.#kernel = kernel;
    this.#options = options;
    this.#out = out;
  }

  run(text: string): void {
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    for (const line of lines) {
      this.line++;
      this.#read(line);
    }
    if (this.#table !== undefined) throw failure(`COMMIT expected at line ${this.line + 1}`);
  }

  #read(line: string): void {
    if (line === "") return;
    if (line.startsWith("#")) {
      if (this.#options.verbose) this.#out(`${line}\n`);
      return;
    }
    if (line.startsWith("*") && this.#table === undefined) return this.#begin(line);
    if (this.#table === undefined) throw failure(`line ${this.line} failed`);
    if (line === "COMMIT") return this.#commit();
    if (this.#table === "") return;
    if (line.startsWith(":")) this.#chain(line);
    else this.#rule(line);
  }

  #begin(line: string): void {
    const name = line.slice(1).split(/[ \t]/, 1)[0] as string;
    if (!isTable(name)) throw problem(`${PROGRAM}: line ${this.line} table name '${name}' invalid`);
    const { only, keep, verbose } = this.#options;
    this.#table = only === undefined || only === name ? name : "";
    if (this.#table === "" || keep) return;
    this.#step((table) => {
      if (verbose) for (const chain of chainsOf(this.#kernel, name)) this.#out(`Flushing chain \`${chain.name}'\n`);
      table.clear();
    });
  }

  /** `:chain policy [packets:bytes]`. */
  #chain(line: string): void {
    const [name, policy, given] = line
      .slice(1)
      .split(/[ \t]+/)
      .filter((word) => word !== "");
    if (name === undefined) throw problem(`${PROGRAM}: line ${this.line} chain name invalid`);
    if (name.length > CHAIN_NAME_MAX) throw tooLong(name);
    if (policy === undefined) throw problem(`${PROGRAM}: line ${this.line} policy invalid`);
    const counters = this.#options.counters ? this.#counters(given) : undefined;
    this.#step((table) => {
      const chain = table.chain(name);
      if (chain === undefined) {
        const made = table.newChain(name);
        if (!made.ok) throw problem(made.detail ?? made.errno);
      } else if (chain.hook < 0) table.flush(name);
      else if (policy !== "-") {
        if (policy !== "ACCEPT" && policy !== "DROP") throw failure("Bad policy name.");
        const set = table.policy(name, policy);
        if (!set.ok) throw problem(set.detail ?? set.errno);
        if (counters !== undefined) [chain.packets, chain.bytes] = counters;
      }
    });
  }

  #counters(text: string | undefined): readonly [number, number] {
    const match = /^\[(\d{1,15}):(\d{1,15})\]$/.exec(text ?? "");
    if (match === null) throw problem("invalid policy counters for chain");
    return [Number(match[1]), Number(match[2])];
  }

  /** `[packets:bytes] -A chain …`. */
  #rule(line: string): void {
    let rest = line;
    let counters: readonly string[] = [];
    if (line.startsWith("[")) {
      const end = line.indexOf("]");
      if (end < 0) throw problem(`Bad line ${this.line}: need ]`);
      const match = /^\[(\d+):(\d+)\]$/.exec(line.slice(0, end + 1));
      if (match === null) throw problem(`Bad line ${this.line}: need :`);
      if (this.#options.counters) counters = ["--set-counters", match[1] as string, match[2] as string];
      rest = line.slice(end + 1);
    }
    let request: Request;
    try {
      request = parseRequest(PROGRAM, [...counters, ...words(`${rest}\n`)], this.#out, this.#table as TableName);
    } catch (end) {
      if (end instanceof OtherFamily) return;
      throw end;
    }
    const told = { ...request, verbose: request.verbose || this.#options.verbose };
    this.#step(() => perform(this.#kernel, told, this.#out, true));
  }

  #step(run: (table: Table) => void): void {
    this.#steps.push({ line: this.line, run });
  }

  /** What the kernel refuses is told in a list, when all has been tried; anything else ends it at once. */
  #commit(): void {
    const steps = this.#steps;
    const name = this.#table;
    this.#steps = [];
    this.#table = undefined;
    if (name === "" || name === undefined) return;
    const table = netfilter(this.#kernel).table(name);
    const refusals: string[] = [];
    let failed: unknown;
    table.transaction(() => {
      try {
        for (const step of steps) runStep(step, table, refusals);
      } catch (end) {
        failed = end;
      }
      return failed === undefined && refusals.length === 0 && !this.#options.test;
    });
    if (failed !== undefined) throw failed;
    if (refusals.length > 0) throw new Exit(4, `\n${refusals.join("\n")}`);
  }
}

function runStep(step: Step, table: Table, refusals: string[]): void {
  try {
    step.run(table);
  } catch (end) {
    if (!(end instanceof Exit)) throw end;
    if (end.status === 4) refusals.push(`line ${step.line}:${end.message}`);
    else if (end.status === 1 && !end.named) throw failure(`line ${step.line} failed: ${end.message}`);
    else throw end;
  }
}

/** The words of a line; one in double quotes ends with them (iptables/xshared.c:add_param_to_argv). */
function words(line: string): string[] {
  const found: string[] = [];
  let word = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    if (quoted && c === "\\") word += line[++i] ?? "";
    else if (quoted && c !== '"') word += c;
    else if (c === '"') {
      if (quoted) {
        found.push(word);
        word = "";
      }
      quoted = !quoted;
    } else if (c !== " " && c !== "\t" && c !== "\n") word += c;
    else if (word !== "") {
      found.push(word);
      word = "";
    }
  }
  if (word !== "") found.push(word);
  return found;
}
