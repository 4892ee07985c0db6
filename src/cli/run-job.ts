import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Interrupted } from "../core/sim.ts";
import { S } from "../core/time.ts";
import { LabError, RunEnded } from "../lab/errors.ts";
import { ExecList, type ExecRecord } from "../lab/exec-list.ts";
import { Net, type Observer, type Table } from "../lab/net.ts";
import { Captures, MERGED_FILE } from "./captures.ts";
import { EVENTS, FAILED, INTERRUPTED, INTERRUPTED_STATUS, type Job, type Message, OK, SIM_NOW } from "./job.ts";
import { type Loaded, loadLab, loadScenario } from "./load.ts";
import { renderReport } from "./report-page.ts";
import { renderTable } from "./text.ts";
import { TraceFile } from "./trace-file.ts";
import { VERSION } from "./version.ts";

/** The object that `--json` prints and `summary.json` keeps (CONTRACT). */
export interface RunSummary {
  readonly name: string;
  readonly seed: number;
  readonly version: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly simulated_s: number;
  readonly events: number;
  readonly wall_s: number;
  readonly fingerprint: string;
  readonly interrupted: boolean;
  readonly checks: Net["checks"];
  readonly exec: readonly ExecRecord[];
  readonly tables: readonly Table[];
  readonly files: readonly string[];
}

/** Runs a scenario or a lab file and writes its directory. Returns the exit status. */
export async function runJob(job: Job, tell: (message: Message) => void): Promise<number> {
  const loaded =
    job.kind === "scenario" ? await loadScenario(job.subject, job.settings) : loadLab(job.subject, job.settings);
  const seed = job.seed ?? loaded.seed;
  const net: Net = new Net(seed, job.json ? watchOnly(() => captures, tell) : watchAndTell(() => captures, tell));
  const dir = outputDirectory(job, loaded);
  const captures: Captures = new Captures(net.sim, dir, job.pcap ?? loaded.captures);
  const trace = new TraceFile(net.sim, dir);
  beat(net, job);
  if (job.untilNs !== undefined) net.endsAt = job.untilNs;

  const t0 = performance.now();
  let execs: ExecList | undefined;
  let interrupted = false;
  try {
    untilEnd(() => loaded.build(net));
    execs = new ExecList(net, job.execs);
    execs.run();
    if (job.untilNs !== undefined) net.runTo(job.untilNs);
    net.settle();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    interrupted = true;
  } finally {
    captures.flush();
    trace.close();
  }
  for (const pattern of captures.unmatched())
    tell({ kind: "err", text: `netloom: no interface is named ${pattern}: nothing captured\n` });
  const exec = execs?.records() ?? [];
  const files = [...(captures.files.length > 0 ? captures.files : []), "trace.ndjson", "report.html", "summary.json"];
  const summary: RunSummary = {
    name: loaded.name,
    seed,
    version: VERSION,
    parameters: loaded.parameters,
    simulated_s: net.now / S,
    events: net.sim.events,
    wall_s: Math.round(performance.now() - t0) / 1000,
    fingerprint: net.sim.fingerprint.toString(),
    interrupted,
    checks: net.checks,
    exec,
    tables: net.tables,
    files: files.map((f) => join(dir, f)),
  };
  writeFileSync(join(dir, "summary.json"), `${JSON.stringify(summary, null, 2)}\n`);
  writeFileSync(join(dir, "report.html"), renderReport(summary, loaded.title));
  if (job.json) tell({ kind: "out", text: `${JSON.stringify(summary)}\n` });
  else tell({ kind: "out", text: closing(summary, dir, captures.files.includes(MERGED_FILE)) });
  if (interrupted) {
    tell({
      kind: "err",
      text: `netloom: interrupted at ${net.now / S} s of simulated time; what was written stays in ${dir}\n`,
    });
    return INTERRUPTED_STATUS;
  }
  return net.checks.every((c) => c.ok) && exec.every((e) => e.status === 0) ? OK : FAILED;
}

/** A story may be cut by the end of the run. */
function untilEnd(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof RunEnded)) throw error;
  }
}

/** The directory of the run, emptied of what an earlier run of netloom left there. */
function outputDirectory(job: Job, loaded: Loaded): string {
  const dir = job.outDir ?? join("out", loaded.name);
  try {
    mkdirSync(dir, { recursive: true });
    if (job.outDir === undefined) rmSync(dir, { recursive: true });
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new LabError(`output directory ${dir}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return dir;
}

/** Every heartbeat tells the main thread how far the run is, and hears whether it is to end. */
function beat(net: Net, job: Job): void {
  const shared = new Float64Array(job.shared);
  net.sim.heartbeat = () => {
    shared[SIM_NOW] = net.sim.now;
    shared[EVENTS] = net.sim.events;
    return shared[INTERRUPTED] === 0;
  };
}

const watchOnly = (captures: () => Captures, tell: (message: Message) => void): Observer => ({
  nodeAdded: (kernel) => captures().watch(kernel),
  warned: (text) => tell({ kind: "err", text: `netloom: ${text}\n` }),
});

const watchAndTell = (captures: () => Captures, tell: (message: Message) => void): Observer => ({
  ...watchOnly(captures, tell),
  said: (text) => tell({ kind: "out", text: `${text}\n` }),
  tabled: (table) => tell({ kind: "out", text: `\n${renderTable(table)}\n` }),
  checked: (c) =>
    tell({ kind: "out", text: `${c.ok ? "pass" : "FAIL"}  ${c.name}${c.detail === "" ? "" : `  (${c.detail})`}\n` }),
});

function closing(summary: RunSummary, dir: string, captured: boolean): string {
  const execs = summary.exec.map((e) => `${e.node}# ${e.command}\n${e.output}`).join("\n");
  const failed = summary.checks.filter((c) => !c.ok).length;
  const verdict =
    summary.checks.length === 0 ? "" : `${summary.checks.length - failed} of ${summary.checks.length} checks hold, `;
  const hint = captured
    ? `\nopen ${join(dir, MERGED_FILE)} in Wireshark, or ${join(dir, "report.html")} in a browser`
    : `\nsee ${join(dir, "report.html")}`;
  return `${execs}\n${summary.name}: ${verdict}${summary.simulated_s} s simulated in ${summary.wall_s} s, ${summary.events} events, seed ${summary.seed}, fingerprint ${summary.fingerprint}${hint}\n`;
}
