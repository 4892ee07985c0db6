import { Worker } from "node:worker_threads";
import { S } from "../core/time.ts";
import {
  CRASHED,
  EVENTS,
  INTERRUPTED,
  INTERRUPTED_STATUS,
  type Job,
  type Message,
  SHARED_BYTES,
  SIM_NOW,
} from "./job.ts";

const PROGRESS_EVERY_MS = 200;

/** Runs a job in a thread of its own: prints what it says, shows how far it is, and passes Ctrl-C on. Returns its exit status. */
export function runInThread(job: Omit<Job, "shared">): Promise<number> {
  const shared = new SharedArrayBuffer(SHARED_BYTES);
  const cells = new Float64Array(shared);
  const worker = new Worker(new URL("./worker.js", import.meta.url), { workerData: { ...job, shared } satisfies Job });
  const progress = showProgress(cells);
  let asked = 0;
  const onInterrupt = (): void => {
    cells[INTERRUPTED] = 1;
    if (++asked > 1) process.exit(INTERRUPTED_STATUS);
  };
  process.on("SIGINT", onInterrupt);
  process.on("SIGTERM", onInterrupt);
  return new Promise((resolve) => {
    let status: number | undefined;
    worker.on("message", (message: Message) => {
      progress.clear();
      if (message.kind === "out") process.stdout.write(message.text);
      else if (message.kind === "err") process.stderr.write(message.text);
      else status = message.status;
    });
    worker.on("error", (error) => {
      process.stderr.write(`netloom: a bug\n${error.stack ?? error.message}\n`);
      status = CRASHED;
    });
    worker.on("exit", () => {
      progress.stop();
      process.off("SIGINT", onInterrupt);
      process.off("SIGTERM", onInterrupt);
      resolve(status ?? CRASHED);
    });
  });
}

/** One line on a terminal, rewritten in place; nothing in a pipe. */
function showProgress(cells: Float64Array): { clear(): void; stop(): void } {
  if (!process.stderr.isTTY) return { clear: () => {}, stop: () => {} };
  let shown = false;
  const clear = (): void => {
    if (shown) process.stderr.write("\r\x1b[K");
    shown = false;
  };
  const timer = setInterval(() => {
    if (cells[EVENTS] === 0) return;
    process.stderr.write(
      `\r\x1b[K${((cells[SIM_NOW] ?? 0) / S).toFixed(3)} s simulated, ${((cells[EVENTS] ?? 0) / 1e6).toFixed(1)} M events`,
    );
    shown = true;
  }, PROGRESS_EVERY_MS);
  return {
    clear,
    stop: () => {
      clearInterval(timer);
      clear();
    },
  };
}
