import type { Simulation } from "../core/sim.ts";
import { MS, type Nanos, NEVER, S } from "../core/time.ts";

/** How well simulated time followed the wall clock. Times in milliseconds. */
export interface Lateness {
  /** Instants at which something happened. */
  readonly instants: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Buckets of lateness, each a quarter of a power of two wide, from a microsecond on. */
const BUCKETS = 128;
const BUCKETS_A_DOUBLING = 4;
/** An event this near is waited for without sleeping: timers are no finer than a millisecond. */
const SPIN: Nanos = 1.5 * MS;
/** How long the simulation runs before sockets are looked at, at most, in milliseconds. */
const SLICE_MS = 5;
/** The longest sleep. */
const SLEEP_MAX: Nanos = S;

/** Lets a simulation follow the wall clock: an event happens when its instant has come, and as soon as that is possible. */
export class Pacer {
  readonly #sim: Simulation;
  readonly #onStep: () => void;
  #simStart: Nanos = 0;
  #wallStart = 0;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #running = false;
  #sliceUntil = 0;
  readonly #late = new Float64Array(BUCKETS);
  #instants = 0;
  #sumMs = 0;
  #maxMs = 0;

  /** `onStep` is called after every step. */
  constructor(sim: Simulation, onStep: () => void = () => {}) {
    this.#sim = sim;
    this.#onStep = onStep;
  }

  /** Simulated time that the wall clock has reached. */
  get wallNow(): Nanos {
    return this.#simStart + Math.round((performance.now() - this.#wallStart) * MS);
  }

  start(): void {
    this.#simStart = this.#sim.now;
    this.#wallStart = performance.now();
    this.#running = true;
    this.#sim.heartbeat = () => {
      if (performance.now() > this.#sliceUntil) this.#sim.halt();
      return true;
    };
    this.step();
  }

  /** Brings the simulation to the present a last time, and lets it stand. */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    this.catchUp();
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#sim.heartbeat = null;
  }

  /** Brings the simulation to the present: called before something from outside is handed in, after that, and by the clock. */
  step(): void {
    if (!this.#running) return;
    this.catchUp();
    this.#onStep();
    if (this.#running) this.#sleep();
  }

  /** As `step`, without arranging for the next one. */
  catchUp(): void {
    const target = this.wallNow;
    const next = this.#sim.nextAt();
    if (next <= target) this.#note(target - next);
    this.#sliceUntil = performance.now() + SLICE_MS;
    if (target > this.#sim.now) this.#sim.advance(target);
  }

  get lateness(): Lateness {
    return {
      instants: this.#instants,
      meanMs: this.#instants === 0 ? 0 : this.#sumMs / this.#instants,
      p50Ms: this.#quantile(0.5),
      p99Ms: this.#quantile(0.99),
      maxMs: this.#maxMs,
    };
  }

  #sleep(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    const next = this.#sim.nextAt();
    const wait = next === NEVER ? SLEEP_MAX : Math.min(next - this.wallNow, SLEEP_MAX);
    if (wait <= SPIN) this.#immediate = setImmediate(() => this.step());
    else this.#timer = setTimeout(() => this.step(), Math.floor((wait - SPIN) / MS));
  }

  #note(late: Nanos): void {
    const ms = late / MS;
    this.#instants++;
    this.#sumMs += ms;
    this.#maxMs = Math.max(this.#maxMs, ms);
    const bucket = Math.floor(Math.log2(Math.max(ms * 1000, 1)) * BUCKETS_A_DOUBLING);
    const i = Math.min(bucket, BUCKETS - 1);
    this.#late[i] = (this.#late[i] as number) + 1;
  }

  /** The upper edge of the bucket in which that part of the instants ends. */
  #quantile(part: number): number {
    let left = this.#instants * part;
    if (left === 0) return 0;
    for (const [i, count] of this.#late.entries()) {
      left -= count;
      if (left <= 0) return Math.min(2 ** ((i + 1) / BUCKETS_A_DOUBLING) / 1000, this.#maxMs);
    }
    return this.#maxMs;
  }
}
