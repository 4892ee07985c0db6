/** What the main thread hands to the thread that runs it: plain data. */
export interface Job {
  readonly kind: "scenario" | "lab";
  /** The scenario's name, or the lab file's path. */
  readonly subject: string;
  readonly seed: number | undefined;
  /** `--set key=value`, in order. */
  readonly settings: readonly string[];
  /** Simulated nanoseconds; undefined: until the story, or the last command, has ended. */
  readonly untilNs: number | undefined;
  readonly outDir: string | undefined;
  readonly json: boolean;
  /** `--pcap`: patterns; undefined: what the scenario names. */
  readonly pcap: readonly string[] | undefined;
  readonly execs: readonly string[];
  /** Three numbers that both threads see: interrupted (0 or 1), simulated nanoseconds, events. */
  readonly shared: SharedArrayBuffer;
}

/** Cells of `Job.shared`, as 64-bit floats. */
export const INTERRUPTED = 0;
export const SIM_NOW = 1;
export const EVENTS = 2;
export const SHARED_BYTES = 24;

/** What comes back: text as it is said, then the end. */
export type Message =
  | { readonly kind: "out"; readonly text: string }
  | { readonly kind: "err"; readonly text: string }
  | { readonly kind: "end"; readonly status: number };

/** Exit statuses (CONTRACT). */
export const OK = 0;
export const FAILED = 1;
export const BAD_INPUT = 2;
export const CRASHED = 70;
export const INTERRUPTED_STATUS = 130;
