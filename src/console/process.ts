import type { Octets } from "../core/octets.ts";
import { copyOctets } from "../core/octets.ts";
import type { Input, Os, Process } from "../core/os.ts";
import type { Kernel } from "../nodes/kernel/kernel.ts";
import { NOTHING, type Sink } from "./streams.ts";

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
  /** A run of octets to standard output, which a pattern may make. */
  add(octets: Octets): void;
}

/** Where a process reads from and writes to, where that is not the terminal. */
export interface Streams {
  readonly input?: Input | undefined;
  readonly out?: Sink | undefined;
  readonly err?: Sink | undefined;
}
const TERMINAL: Streams = {};
/** Status of a process that wrote to a pipe which nobody reads (SIGPIPE). */
const BROKEN_PIPE = 141;
const utf8 = new TextEncoder();
/** What is shown of made octets on a terminal, at most. */
const SHOWN_MAX = 1 << 20;

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
  readonly input: Input;
  /** It only answers others: see `Process.serve`. */
  serving = false;
  readonly #streams: Streams;
  /** Octets that come in pieces may cut a character in two. */
  #decoder: InstanceType<typeof TextDecoder> | undefined;
  #onOutput: ((text: string) => void) | undefined;
  #onExit: (() => void)[] = [];
  #onInterrupt: (() => void) | undefined;
  #cut = false;

  constructor(
    kernel: Kernel,
    world: World,
    command: string,
    args: readonly string[],
    start: Starter,
    streams = TERMINAL,
  ) {
    this.kernel = kernel;
    this.os = kernel.os;
    this.world = world;
    this.start = start;
    this.command = command;
    this.args = args;
    this.startedAt = kernel.sim.now;
    this.#streams = streams;
    this.input = streams.input ?? NOTHING;
  }

  get ended(): boolean {
    return this.status !== undefined;
  }

  out(text: string): void {
    this.#text(this.#streams.out, text);
  }
  err(text: string): void {
    this.#text(this.#streams.err, text);
  }
  write(b: Uint8Array, o = 0, end = b.length): void {
    const { out } = this.#streams;
    if (out !== undefined) return this.#heard(out.write(b, o, end));
    this.#decoder ??= new TextDecoder();
    this.#write(this.#decoder.decode(b.subarray(o, end), { stream: true }));
  }
  add(octets: Octets): void {
    const { out } = this.#streams;
    if (out !== undefined) return this.#heard(out.add(octets));
    const b = new Uint8Array(Math.min(octets.count, SHOWN_MAX));
    copyOctets({ ...octets, count: b.length }, b, 0);
    this.write(b);
  }
  serve(): void {
    this.serving = true;
  }

  exit(status: number): void {
    if (this.status !== undefined) return;
    this.status = status;
    this.endedAt = this.kernel.sim.now;
    this.#streams.out?.close();
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

  /** Ctrl-C, after which it has ended whatever it does about it. */
  end(): void {
    this.interrupt();
    this.exit(130);
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

  #text(sink: Sink | undefined, text: string): void {
    if (sink === undefined) return this.#write(text);
    const octets = utf8.encode(text);
    this.#heard(sink.write(octets, 0, octets.length));
  }

  /** Whether what was written is read by anybody; a process that nobody reads dies of it. */
  #heard(heard: boolean): void {
    if (heard || this.status !== undefined) return;
    this.interrupt();
    this.exit(BROKEN_PIPE);
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
