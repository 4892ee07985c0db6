import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll } from "vitest";
import { type Job, type Message, SHARED_BYTES } from "../../src/cli/job.ts";
import { runJob } from "../../src/cli/run-job.ts";

/** What a program said, and how it ended. */
export interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const BIN = resolve("bin/netloom.js");

/** A directory that is gone after the tests. */
export function temporary(): string {
  const dir = mkdtempSync(join(tmpdir(), "netloom-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Writes a file and gives its path. */
export function file(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

export interface Running {
  readonly ended: Promise<Ended>;
  signal(name: NodeJS.Signals): void;
  /** Resolves when standard error or output contains `text`. */
  says(text: string): Promise<void>;
}

/** Starts `netloom` as a user would, in `cwd`. */
export function start(cwd: string, args: readonly string[], input = ""): Running {
  const child = spawn(process.execPath, [BIN, ...args], { cwd, stdio: "pipe" });
  let [out, err] = ["", ""];
  const waiting: { readonly text: string; readonly heard: () => void }[] = [];
  const heard = (): void => {
    for (const w of waiting) if ((out + err).includes(w.text)) w.heard();
  };
  child.stdout.on("data", (b: Buffer) => {
    out += b;
    heard();
  });
  child.stderr.on("data", (b: Buffer) => {
    err += b;
    heard();
  });
  child.stdin.on("error", () => {}); // it ended without reading
  child.stdin.end(input);
  return {
    ended: new Promise((done) => child.on("close", (status) => done({ status, out, err }))),
    signal: (name) => void child.kill(name),
    says: (text) =>
      new Promise((heardIt) => {
        waiting.push({ text, heard: heardIt });
        heard();
      }),
  };
}

export const netloom = (cwd: string, args: readonly string[], input = ""): Promise<Ended> =>
  start(cwd, args, input).ended;

/** Runs a lab file in this process, as the thread of `netloom run` does. */
export async function runLab(path: string, outDir: string, job: Partial<Job> = {}): Promise<Ended> {
  const said = { out: "", err: "" };
  const tell = (m: Message): void => {
    if (m.kind !== "end") said[m.kind] += m.text;
  };
  const status = await runJob(
    {
      kind: "lab",
      subject: path,
      seed: undefined,
      settings: [],
      untilNs: undefined,
      outDir,
      json: false,
      pcap: undefined,
      execs: [],
      shared: new SharedArrayBuffer(SHARED_BYTES),
      ...job,
    },
    tell,
  );
  return { status, ...said };
}
