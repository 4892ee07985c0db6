import type { Running } from "../console/process.ts";
import { type Nanos, S } from "../core/time.ts";
import { LabError, RunEnded } from "./errors.ts";
import type { Net } from "./net.ts";
import type { LabNode } from "./node.ts";
import { duration } from "./quantities.ts";

/** One `--exec` as it was run: times in simulated seconds, status as a shell gives it. */
export interface ExecRecord {
  readonly node: string;
  readonly command: string;
  readonly start_s: number;
  readonly end_s: number;
  readonly status: number;
  readonly output: string;
}

/** What `--exec` says, in order. Its records can be read at any time: also when the run was interrupted. */
export class ExecList {
  readonly #net: Net;
  readonly #steps: readonly ExecStep[];
  readonly #started: { readonly node: string; readonly running: Running }[] = [];
  #next = 0;

  /** `lines`: `NODE: COMMAND`, `sleep 30` or `until converged`. A line that is none of these, or an unknown node, is an error. */
  constructor(net: Net, lines: readonly string[]) {
    this.#net = net;
    this.#steps = lines.map((line) => parseExec(net, line));
  }

  /**
   * Runs them: each starts when the one before has ended; after a trailing `&` the next starts at once. What still runs when
   * the run ends is interrupted, and so are servers when nothing else runs.
   */
  run(): void {
    try {
      this.#runSteps();
    } catch (error) {
      if (!(error instanceof RunEnded)) throw error;
    }
    for (const { running } of this.#started) if (!running.serving) this.#net.waitFor(running);
    for (const { running } of this.#started) running.end();
  }

  #runSteps(): void {
    const net = this.#net;
    while (this.#next < this.#steps.length && net.now < net.endsAt) {
      const step = this.#steps[this.#next++] as ExecStep;
      if (step.kind === "sleep") net.run(`${step.ns}ns`);
      else if (step.kind === "converged") net.untilConverged();
      else {
        const running = step.node.spawn(step.command);
        this.#started.push({ node: step.node.name, running });
        if (!step.background) net.waitFor(running);
      }
    }
  }

  /** The commands that were started, and those that the end of the run left no time for. */
  records(): ExecRecord[] {
    const now = this.#net.now;
    const ran = this.#started.map(({ node, running: r }) => ({
      node,
      command: r.command,
      start_s: r.startedAt / S,
      end_s: (r.ended ? r.endedAt : now) / S,
      status: r.status ?? INTERRUPTED,
      output: r.output,
    }));
    const late = this.#steps.slice(this.#next).filter((step) => step.kind === "command");
    const output = `not started: the run ended at ${now / S} s\n`;
    return [
      ...ran,
      ...late.map(({ node, command }) => ({
        node: node.name,
        command,
        start_s: now / S,
        end_s: now / S,
        status: INTERRUPTED,
        output,
      })),
    ];
  }
}

/** What a shell gives for a command that Ctrl-C ended. */
const INTERRUPTED = 130;

/** One thing that `--exec` asks for. */
export type ExecStep =
  | { readonly kind: "sleep"; readonly ns: Nanos }
  | { readonly kind: "converged" }
  | { readonly kind: "command"; readonly node: LabNode; readonly command: string; readonly background: boolean };

/** Reads what `--exec` says: a command, `sleep 30`, `until converged`. */
export function parseExec(net: Net, line: string): ExecStep {
  const text = line.trim();
  const sleep = /^sleep\s+(\S+)$/.exec(text);
  if (sleep !== null) return { kind: "sleep", ns: duration(sleep[1] as string, `--exec "${line}"`) };
  if (/^until\s+converged$/.test(text)) return { kind: "converged" };
  const m = /^([^\s:]+):\s*(.*?)\s*(&?)$/s.exec(text);
  if (m === null || m[2] === "")
    throw new LabError(`--exec "${line}": expected 'NODE: COMMAND', 'sleep SECONDS' or 'until converged'`);
  return { kind: "command", node: net.node(m[1] as string), command: m[2] as string, background: m[3] === "&" };
}
