import { parentPort, workerData } from "node:worker_threads";
import { Interrupted, SimulationBug, TimeStandsStill } from "../core/sim.ts";
import { S } from "../core/time.ts";
import { LabError } from "../lab/errors.ts";
import { BAD_INPUT, CRASHED, INTERRUPTED_STATUS, type Job, type Message } from "./job.ts";
import { runJob } from "./run-job.ts";

const tell = (message: Message): void => parentPort?.postMessage(message);

/** Runs the job that this thread was made for, and tells how it ended. */
export async function work(): Promise<void> {
  const job = workerData as Job;
  let status: number;
  try {
    status = await runJob(job, tell);
  } catch (error) {
    status = explain(error, job);
  }
  tell({ kind: "end", status });
}

/** One line for bad input; for a bug, what it takes to see it again. */
function explain(error: unknown, job: Job): number {
  if (error instanceof LabError || error instanceof TimeStandsStill) {
    tell({ kind: "err", text: `netloom: ${error.message}\n` });
    return BAD_INPUT;
  }
  if (error instanceof Interrupted) return INTERRUPTED_STATUS;
  const where = error instanceof SimulationBug ? error.where : undefined;
  const at = where === undefined ? "" : ` at ${where.at / S} s, event ${where.event}, ${where.label}`;
  const seed = where?.seed ?? job.seed ?? 1;
  const replay = `npm run sim -- ${job.kind === "lab" ? "run " : ""}${job.subject} --seed ${seed}${job.settings.map((s) => ` --set ${s}`).join("")}`;
  const cause = error instanceof SimulationBug ? error.cause : error;
  const stack = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  tell({ kind: "err", text: `netloom: a bug${at}, seed ${seed}\n${stack}\nreplay: ${replay}\n` });
  return CRASHED;
}
