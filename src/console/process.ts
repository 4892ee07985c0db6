import type { Os, Process } from "../core/os.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";

/** What a command may know of the machines around its own: other namespaces, by name. */
export interface World {
  kernel(name: string): Kernel | undefined;
  /** All of them, in the order in which they were made. */
  names(): Iterable<string>;
}

/** Starts a command, given as words, on a node; undefined when there is none of that name. */
export type Starter = (kernel: Kernel, words: readonly string[]) => Running | undefined;

/** A command that configures its node sees the kernel itself, not only the system calls. */
export interface SystemProcess extends Process {
  readonly kernel: Kernel;
  readonly world: World;
  /** Starts another command, here or on another node; what it prints and its end are the caller's to pass on. */
  readonly start: Starter;
}

/** A command's program. Those that need the system calls alone are a `Program` of `core/os.ts`. */
export type SystemProgram = (self: SystemProcess) => void;

/** Output kept of one process, in characters; what exceeds it is cut, and said so. */
const OUTPUT_MAX = 4 * 1024 * 1024;

/** A command that runs, or has run, on a node. */
export class Running implements SystemProcess {
  readonly os: Os;
  readonly kernel: Kernel;
  readonly world: World;
  readonly start: Starter;
  readonly args: readonly string[];
  /** The command line, as typed. */
  readonly command: string;
  readonly startedAt: number;
  endedAt = 0;
  /** The exit status, once it has ended. */
  status: number | undefined;
  /** Standard output and standard error, in the order they were written. */
  output = "";
  #onOutput: ((text: string) => void) | undefined;
  #onExit: (() => void)[] = [];
  #onInterrupt: (() => void) | undefined;
  #cut = false;

  constructor(kernel: Kernel, world: World, command: string, args: readonly string[], start: Starter) {
    this.kernel = kernel;
    this.os = kernel.os;
    this.world = world;
    this.start = start;
    this.command = command;
    this.args = args;
    this.startedAt = kernel.sim.now;
  }

  get ended(): boolean {
    return this.status !== undefined;
  }

  out(text: string): void {
    this.#write(text);
  }
  err(text: string): void {
    this.#write(text);
  }

  exit(status: number): void {
    if (this.status !== undefined) return;
    this.status = status;
    this.endedAt = this.kernel.sim.now;
    for (const heard of this.#onExit) heard();
  }

  onInterrupt(handler: () => void): void {
    this.#onInterrupt = handler;
  }

  /** Ctrl-C. A program that does not listen dies of it, with status 130. */
  interrupt(): void {
    if (this.status !== undefined) return;
    const handler = this.#onInterrupt;
    this.#onInterrupt = undefined;
    if (handler !== undefined) handler();
    else this.exit(130);
  }

  /** Calls `heard` when the process ends; at once when it has. */
  onExit(heard: () => void): void {
    if (this.status !== undefined) heard();
    else this.#onExit.push(heard);
  }

  /** Shows output as it comes. */
  onOutput(show: (text: string) => void): void {
    this.#onOutput = show;
  }

  #write(text: string): void {
    if (this.#cut) return;
    this.output += text;
    this.#onOutput?.(text);
    if (this.output.length > OUTPUT_MAX) {
      this.#cut = true;
      this.output += "\n[output cut here: more than 4 MiB]\n";
    }
  }
}
