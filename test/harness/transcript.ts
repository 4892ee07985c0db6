import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { World } from "../../src/console/process.ts";
import { startCommand } from "../../src/console/shell.ts";
import { parseDuration } from "../../src/core/time.ts";
import { addVeth } from "../../src/nodes/kernel/dev/veth.ts";
import type { Kernel } from "../../src/nodes/kernel/kernel.ts";
import { Lab, must } from "./kernels.ts";
import { cases } from "./shared.ts";

/** Most simulated time that one command may take. */
const COMMAND_MAX = 100_000_000_000;

/**
 * What `record.sh` has on a real kernel: the node `n` with `e1` to `e3`, each the end of a veth pair whose other end, `p1` to
 * `p3` on the node `p`, is up.
 */
export class Box {
  readonly lab = new Lab();
  readonly n: Kernel;
  readonly p: Kernel;
  readonly world: World;

  constructor() {
    const [n, p] = [this.lab.host("n"), this.lab.host("p")];
    for (const i of [1, 2, 3]) {
      const near = must(addVeth(n, `e${i}`, { kernel: p, name: `p${i}` }));
      n.setMac(near, 0x0200_0000_0000 + i);
      const far = near.peer;
      if (far === undefined) throw new Error("a veth without its other end");
      p.setMac(far, 0x0200_0000_0a00 + i);
      p.setUp(far, true);
    }
    this.n = n;
    this.p = p;
    const kernels = new Map([n, p].map((kernel) => [kernel.name, kernel]));
    this.world = { kernel: (name) => kernels.get(name), names: () => kernels.keys() };
  }

  /** Runs a command to its end on `n`. */
  run(command: string, kernel = this.n): { readonly output: string; readonly status: number } {
    const running = startCommand(kernel, this.world, command);
    const deadline = this.lab.sim.now + COMMAND_MAX;
    while (running.status === undefined && this.lab.sim.now < deadline) this.lab.run(1_000_000);
    if (running.status === undefined) throw new Error(`${command}: does not end`);
    return { output: running.output, status: running.status };
  }

  wait(time: string): void {
    const span = parseDuration(time);
    if (span === undefined) throw new Error(`"${time}" is no time`);
    this.lab.run(span);
  }
}

/**
 * Runs a transcript: `$ COMMAND` on `n` (`⏎` for an end of line inside it), `@ COMMAND` on `p` without a word, `! TIME` waits. What
 * a command prints follows it, `%` where the last line has no end, and `? STATUS` unless that is 0. Returns the transcript as it
 * ought to be.
 */
export function replay(text: string): string {
  const box = new Box();
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    const sign = line.slice(0, 2);
    if (line.startsWith("#")) lines.push(line);
    else if (sign === "! ") {
      lines.push(line);
      box.wait(line.slice(2));
    } else if (sign === "@ ") {
      lines.push(line);
      expect(box.run(line.slice(2), box.p)).toEqual({ output: "", status: 0 });
    } else if (sign === "$ ") {
      const { output, status } = box.run(line.slice(2).replaceAll("⏎", "\n"));
      lines.push(
        line,
        ...(output === "" ? [] : (output.endsWith("\n") ? output.slice(0, -1) : `${output}%`).split("\n")),
      );
      if (status !== 0) lines.push(`? ${status}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Tests every transcript of a folder: recorded from the real programs by `record.sh`, or written down in the same form. */
export function testTranscripts(folder: URL): void {
  const names = readdirSync(folder).filter((name) => name.endsWith(".txt"));
  it("finds the transcripts", () => expect(names.length).toBeGreaterThan(0));
  it.each(names)("answers as the real program does: %s", (name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    expect(replay(text)).toBe(text);
  });
}

/** Runs lines of random words: whatever they are, each ends with a status, and throws nothing. Arguments come from `words`. */
export function testGarbage(commands: readonly string[], words: readonly string[]): void {
  it("ends with a status, whatever the words", () => {
    const line = fc.tuple(fc.constantFrom(...commands), fc.array(fc.constantFrom(...words), { maxLength: 8 }));
    const box = new Box();
    fc.assert(
      fc.property(line, ([command, args]) => {
        const { status } = box.run([command, ...args].join(" "));
        expect(status).toBeGreaterThanOrEqual(0);
        expect(status).toBeLessThan(256);
      }),
      { numRuns: cases(500, 20_000) },
    );
  });
}
