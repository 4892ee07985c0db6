import { createInterface, type Interface } from "node:readline";
import { setImmediate as breathe, setTimeout as sleep } from "node:timers/promises";
import { seconds } from "../core/time.ts";
import { Net } from "../lab/net.ts";
import { type Prompt, prompt } from "../lab/prompt.ts";
import { INTERRUPTED_STATUS, OK } from "./job.ts";
import { load } from "./load.ts";
import { renderTable } from "./text.ts";

const PROMPT = "netloom> ";
/** On a terminal a command's output comes in at most 20 pieces a second: time to read it, and to press Ctrl-C. */
const PIECE_MS = 50;
/** How long the simulation runs before keys are looked at, at most. */
const BUSY_MS = 50;

/**
 * Builds a lab file, or tells a scenario's story to its end, and then reads commands: from a terminal with a prompt, history
 * and Ctrl-C, from a pipe line by line. Returns the exit status.
 */
export async function startConsole(
  lab: string,
  seed: number | undefined,
  settings: readonly string[],
): Promise<number> {
  const loaded = await load(lab, settings);
  const say = (text: string): void => void process.stdout.write(text);
  const net = new Net(seed ?? loaded.seed, {
    said: (text) => say(`${text}\n`),
    tabled: (table) => say(`\n${renderTable(table)}\n`),
    checked: (c) => say(`${c.ok ? "pass" : "FAIL"}  ${c.name}${c.detail === "" ? "" : `  (${c.detail})`}\n`),
    warned: (text) => void process.stderr.write(`netloom: ${text}\n`),
  });
  loaded.build(net);
  const terminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  if (terminal) {
    say(`${loaded.name}: ${net.nodes.size} nodes, ${net.cables.length} cables, at ${seconds(net.now, 3)} s. `);
    say("Type help for the commands.\n");
  }
  const session = new Session(net, prompt(net, terminal ? { commandMax: Number.MAX_SAFE_INTEGER } : {}), terminal);
  return session.run();
}

class Session {
  readonly #net: Net;
  readonly #prompt: Prompt;
  readonly #terminal: boolean;
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  #running = false;
  #interrupted = false;
  /** When the piece of work began that runs now. */
  #since = 0;

  constructor(net: Net, prompt: Prompt, terminal: boolean) {
    this.#net = net;
    this.#prompt = prompt;
    this.#terminal = terminal;
  }

  async run(): Promise<number> {
    const input = createInterface({
      input: process.stdin,
      ...(this.#terminal ? { output: process.stdout, terminal: true, prompt: PROMPT } : { terminal: false }),
    });
    this.#listen(input);
    this.#net.sim.heartbeat = () => {
      if (performance.now() - this.#since > BUSY_MS) this.#net.sim.halt();
      return true;
    };
    let status = OK;
    for (;;) {
      input.setPrompt(this.#prompt.inner ?? PROMPT);
      if (this.#terminal && this.#lines.length === 0) input.prompt();
      const line = await this.#nextLine();
      if (line === undefined) break;
      await this.#perform(line);
      if (this.#prompt.ended) break;
      if (this.#interrupted && !this.#terminal) {
        status = INTERRUPTED_STATUS;
        break;
      }
    }
    if (this.#terminal && !this.#prompt.ended) process.stdout.write("\n");
    input.close();
    return status;
  }

  #listen(input: Interface): void {
    input.on("line", (line) => {
      this.#lines.push(line);
      this.#wake?.();
    });
    input.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
    const interrupt = (): void => {
      if (this.#running) this.#interrupted = true;
      else if (!this.#terminal) process.exit(INTERRUPTED_STATUS);
      else {
        process.stdout.write("^C\n");
        input.write(null, { ctrl: true, name: "u" }); // what was typed so far is gone, as in a shell
        input.prompt();
      }
    };
    input.on("SIGINT", interrupt);
    process.on("SIGINT", interrupt);
  }

  async #nextLine(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#lines.shift();
  }

  async #perform(line: string): Promise<void> {
    this.#running = true;
    this.#interrupted = false;
    const pieces = this.#prompt.start(line);
    let stopped = false;
    for (;;) {
      this.#since = performance.now();
      const piece = this.#interrupted && !stopped ? pieces.return() : pieces.next();
      stopped ||= this.#interrupted;
      if (piece.value) process.stdout.write(piece.value);
      if (piece.done) break;
      if (this.#terminal && piece.value) await sleep(PIECE_MS);
      else await breathe();
    }
    this.#running = false;
  }
}
