import type { Running } from "../console/process.ts";
import { S } from "../core/time.ts";
import { LabError } from "./errors.ts";
import type { Net } from "./net.ts";
import type { LabNode } from "./node.ts";

/** One `--exec` as it was run: times in simulated seconds, status as a shell gives it. */
export interface ExecRecord {
  readonly node: string;
  readonly command: string;
  readonly start_s: number;
  readonly end_s: number;
  readonly status: number;
  readonly output: string;
}

/**
 * Runs `NODE: COMMAND` lines in order: each starts when the one before has ended; after a trailing `&` the next starts at
 * once. `sleep 30` and `until converged` stand for a command. What still runs when the run ends is interrupted.
 */
export function runExecs(net: Net, lines: readonly string[]): ExecRecord[] {
  const steps = lines.map((line) => parseExec(net, line));
  const started: Running[] = [];
  const nodes: string[] = [];
  for (const step of steps) {
    if (net.now >= net.endsAt) break;
    if (step.kind === "sleep") net.run(step.span);
    else if (step.kind === "converged") net.untilConverged();
    else {
      const running = step.node.spawn(step.command);
      started.push(running);
      nodes.push(step.node.name);
      if (!step.background) net.waitFor(running);
    }
  }
  for (const running of started) net.waitFor(running);
  return started.map((r, i) => ({
    node: nodes[i] as string,
    command: r.command,
    start_s: r.startedAt / S,
    end_s: r.endedAt / S,
    status: r.status ?? 1,
    output: r.output,
  }));
}

type Step =
  | { readonly kind: "sleep"; readonly span: string }
  | { readonly kind: "converged" }
  | { readonly kind: "command"; readonly node: LabNode; readonly command: string; readonly background: boolean };

function parseExec(net: Net, line: string): Step {
  const text = line.trim();
  const sleep = /^sleep\s+(\S+)$/.exec(text);
  if (sleep !== null) return { kind: "sleep", span: sleep[1] as string };
  if (/^until\s+converged$/.test(text)) return { kind: "converged" };
  const m = /^([^\s:]+):\s*(.*?)\s*(&?)$/s.exec(text);
  if (m === null || m[2] === "")
    throw new LabError(`--exec "${line}": expected 'NODE: COMMAND', 'sleep SECONDS' or 'until converged'`);
  return { kind: "command", node: net.node(m[1] as string), command: m[2] as string, background: m[3] === "&" };
}
