import type { Running } from "../console/process.ts";
import { BANNER, NOT_CONNECTED } from "../console/vtysh/command.ts";
import { VtyShell } from "../console/vtysh/shell.ts";
import { type Nanos, NEVER, S, seconds } from "../core/time.ts";
import { LabError } from "./errors.ts";
import type { Net } from "./net.ts";
import type { LabNode } from "./node.ts";
import { BUILTINS, type Builtin, HELP, MININET_ONLY } from "./prompt-commands.ts";
import { duration } from "./quantities.ts";

/** Mininet's prompt on a network. */
export interface Prompt {
  /** True once `exit` was typed. */
  readonly ended: boolean;
  /** What to print before a line is typed, where it is not the prompt of the network: `r1(config)# ` inside vtysh. */
  readonly inner: string | undefined;
  /** Runs a line to its end and gives what it prints. */
  run(line: string): string;
  /**
   * Runs a line piece by piece: gives what it prints as it comes, and an empty text while only time moves. Ending it early is
   * Ctrl-C: what it gives after that is to be printed too.
   */
  start(line: string): Generator<string, void, void>;
}

export interface PromptOptions {
  /** Simulated time after which a command of a node is interrupted that does not end by itself; 10 minutes unless told. */
  readonly commandMax?: Nanos;
}

/** The time that a piece of a command takes, at most. */
const SLICE: Nanos = S;
const COMMAND_MAX: Nanos = 600 * S;
/** `time time time …`. */
const NESTING_MAX = 8;
const STEP: Nanos = 10_000_000;
const STEPS_IN_SLICE = 100;
const CONVERGED_WITHIN: Nanos = 24 * 3600 * S;

/** The prompt of a network: see `help` in it. Whatever is typed, it answers with text; it never throws at bad input. */
export function prompt(net: Net, options: PromptOptions = {}): Prompt {
  return new NetPrompt(net, options.commandMax ?? COMMAND_MAX);
}

class NetPrompt implements Prompt {
  ended = false;
  readonly #net: Net;
  readonly #commandMax: Nanos;
  readonly #background: { readonly node: LabNode; readonly running: Running }[] = [];
  #late = "";
  /** The conversation with vtysh that lines go to. */
  #vtysh: VtyShell | undefined;

  constructor(net: Net, commandMax: Nanos) {
    this.#net = net;
    this.#commandMax = commandMax;
  }

  get inner(): string | undefined {
    return this.#vtysh?.prompt;
  }

  run(line: string): string {
    let text = "";
    for (const piece of this.start(line)) text += piece;
    return text;
  }

  *start(line: string): Generator<string, void, void> {
    try {
      if (this.#vtysh !== undefined) yield* this.#converse(this.#vtysh, line);
      else yield* this.#perform(line.trim(), 0);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      yield `*** ${error.message}\n`;
    }
    const late = this.#late;
    this.#late = "";
    if (late !== "") yield late;
  }

  *#perform(line: string, nesting: number): Generator<string, void, void> {
    const [word = "", ...args] = line.split(/\s+/);
    if (word === "" || word.startsWith("#")) return;
    switch (word) {
      case "exit":
      case "quit":
      case "EOF":
        for (const { running } of this.#background) running.interrupt();
        this.ended = true;
        return;
      case "run":
        return yield* this.#pass(args);
      case "until":
        return yield* this.#converge(args);
      case "time":
        return yield* this.#time(line.slice(word.length).trim(), nesting);
      default:
        break;
    }
    const builtin: Builtin | undefined = BUILTINS.get(word);
    if (builtin !== undefined) return yield* builtin(this.#net, args);
    const node = this.#net.nodes.get(word);
    if (node !== undefined) return yield* this.#atNode(node, line.slice(word.length).trim());
    if (MININET_ONLY.has(word)) yield `*** ${word} of Mininet is not built\n`;
    else yield `*** Unknown command: ${word} (${HELP})\n`;
  }

  /** `h1 ping h2`: a command on a node, names of nodes replaced by their addresses. */
  *#atNode(node: LabNode, rest: string): Generator<string, void, void> {
    const power = /^power\s+(on|off)$/.exec(rest);
    if (power !== null) return node.power(power[1] === "on");
    if (rest === "vtysh") {
      const shell = new VtyShell(node.kernel.os);
      if (shell.connected) this.#vtysh = shell;
      return yield shell.connected ? BANNER : NOT_CONNECTED;
    }
    if (rest === "") return yield `*** ${node.name} and nothing to do: ${node.name} COMMAND\n`;
    const background = /&$/.test(rest) && !/&&$/.test(rest);
    const running = node.spawn(withAddresses(this.#net, background ? rest.slice(0, -1).trim() : rest));
    if (!background) return yield* this.#follow(running);
    this.#background.push({ node, running });
    this.#late += running.output;
    running.onOutput((text) => {
      this.#late += text;
    });
  }

  /** A line of vtysh; `exit` leaves it. */
  *#converse(shell: VtyShell, line: string): Generator<string, void, void> {
    const done = shell.run(line === "EOF" ? "exit" : line);
    if (done.ended) this.#vtysh = undefined;
    yield done.output + done.errors;
  }

  /** Shows a command's output as it comes, and moves time until it has ended. */
  *#follow(running: Running): Generator<string, void, void> {
    let shown = 0;
    const fresh = (): string => {
      const text = running.output.slice(shown);
      shown = running.output.length;
      return text;
    };
    const { sim } = this.#net;
    const last = sim.now + this.#commandMax;
    running.onExit(() => sim.halt());
    try {
      while (!running.ended) {
        if (sim.now >= last || sim.nextAt() === NEVER) break;
        sim.advance(Math.min(last, sim.now + SLICE));
        if (!running.ended) yield fresh();
      }
    } finally {
      const endless = !running.ended;
      running.interrupt();
      if (!running.ended) running.exit(130);
      const why =
        endless && sim.now >= last ? `*** interrupted after ${this.#commandMax / S} s of simulated time\n` : "";
      const text = fresh() + why;
      if (text !== "") yield text;
    }
  }

  /** `run 5s`. */
  *#pass(args: readonly string[]): Generator<string, void, void> {
    const [span, more] = args;
    if (span === undefined || more !== undefined) throw new LabError("run: expected a time, as in run 5s");
    const { sim } = this.#net;
    const until = sim.now + duration(span, "run");
    if (until > Number.MAX_SAFE_INTEGER) throw new LabError("simulated time ends after 104 days");
    while (sim.now < until) {
      sim.advance(Math.min(until, sim.now + SLICE));
      yield "";
    }
  }

  /** `until converged`. */
  *#converge(args: readonly string[]): Generator<string, void, void> {
    if (args.join(" ") !== "converged") throw new LabError("until: expected until converged");
    const net = this.#net;
    const last = net.now + CONVERGED_WITHIN;
    for (let steps = 1; net.busy && net.now < last; steps++) {
      net.sim.advance(Math.min(last, net.now + STEP));
      if (steps % STEPS_IN_SLICE === 0) yield "";
    }
    yield net.busy ? `*** not converged within ${CONVERGED_WITHIN / S} s\n` : `converged at ${seconds(net.now, 3)} s\n`;
  }

  /** `time`: the simulated time; `time COMMAND`: how much of it the command takes. */
  *#time(line: string, nesting: number): Generator<string, void, void> {
    const { sim } = this.#net;
    if (line === "") return yield `${seconds(sim.now)} s\n`;
    if (nesting >= NESTING_MAX) throw new LabError("time: too deeply nested");
    const began = sim.now;
    yield* this.#perform(line, nesting + 1);
    yield `*** Elapsed time: ${seconds(sim.now - began)} secs\n`;
  }
}

/** Names of nodes among the words are replaced by their addresses, but for those of namespaces. */
function withAddresses(net: Net, line: string): string {
  let before = ["", ""];
  return line.replace(/\S+/g, (word) => {
    const namespace = before[1] === "netns" || (before[0] === "netns" && before[1] === "exec");
    before = [before[1] as string, word];
    const address = namespace ? undefined : net.nodes.get(word)?.address;
    return address ?? word;
  });
}
