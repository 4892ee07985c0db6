import { readFileSync } from "node:fs";
import { LabError } from "../lab/errors.ts";
import { parseCase, type TestCase } from "../lab/topotest/case.ts";
import { type Met, runCase } from "../lab/topotest/run.ts";
import { FAILED, OK } from "./job.ts";

/** Runs cases of FRR's topologies, prints what was not met, and ends with `met N of M`. */
export function runTopotests(paths: readonly string[], seed: number): number {
  let met = 0;
  let all = 0;
  for (const path of paths) {
    const test = parseCase(path, read(path));
    const results = attempt(test, seed);
    const good = results.filter((r) => r.differences.length === 0).length;
    met += good;
    all += results.length;
    process.stdout.write(`${test.name}: ${good} of ${results.length}\n`);
    for (const r of results) if (r.differences.length > 0) process.stdout.write(unmetText(r));
  }
  process.stdout.write(`met ${met} of ${all}\n`);
  return met === all ? OK : FAILED;
}

/** Runs a case. One whose configuration is refused meets nothing; the cases after it still run. */
function attempt(test: TestCase, seed: number): readonly Met[] {
  try {
    return runCase(test, seed);
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    process.stdout.write(`${test.name}: ${error.message}\n`);
    const all = [...test.expect.map((e) => ({ e, at: "converged" }))];
    for (const action of test.actions) all.push(...action.expect.map((e) => ({ e, at: action.id })));
    return all.map(({ e, at }) => ({ expectation: e, at, differences: ["the case did not run"], lookedAt: 0 }));
  }
}

/** Differences shown of one expectation. */
const SHOWN_MAX = 12;

function unmetText({ expectation: e, at, differences }: Met): string {
  const peer = e.peer === undefined ? "" : ` of ${e.peer}`;
  const shown = differences.slice(0, SHOWN_MAX).map((d) => `    ${d}\n`);
  if (differences.length > SHOWN_MAX) shown.push(`    and ${differences.length - SHOWN_MAX} more\n`);
  return `  ${at}: ${e.node}: ${e.what}${peer} (${e.match}${e.from === undefined ? "" : `, ${e.from}`})\n${shown.join("")}`;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new LabError(`${path}: no such file, or not readable`);
  }
}
