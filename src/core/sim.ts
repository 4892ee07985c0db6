import { Fingerprint } from "./fingerprint.ts";
import { PacketPool } from "./packet.ts";
import { EventQueue, type Handler } from "./queue.ts";
import { RandomStream } from "./rng.ts";
import { Slab } from "./slab.ts";
import { type Nanos, NEVER, S } from "./time.ts";
import { TraceBus } from "./trace.ts";

/** A bug, met while an event fired: the run is over, and this says how to see it again. */
export class SimulationBug extends Error {
  readonly where: BugSite;

  constructor(message: string, where: BugSite, cause: unknown) {
    super(message, { cause });
    this.where = where;
  }
}

/** Enough to replay a run up to the event that failed. */
export interface BugSite {
  readonly seed: number;
  readonly event: number;
  readonly at: Nanos;
  /** The handler's label: a node or a cable. */
  readonly label: string;
}

/** `heartbeat` asked for an end: a person pressed Ctrl-C. */
export class Interrupted extends Error {}

/** Time does not move on: frames go round a loop without delay, or a program wakes itself at once for ever. */
export class TimeStandsStill extends Error {}

/** Events at one instant before the run is called stuck. */
const EVENTS_AT_ONCE_MAX = 10_000_000;

/** Events between two heartbeats, less one: a mask. */
const HEARTBEAT_MASK = 0x3fff;

/** The engine: simulated time, the queue, the random streams, the packet pool, the trace bus and the fingerprint of one run. */
export class Simulation {
  now: Nanos = 0;
  /** Events fired so far. */
  events = 0;
  readonly pool = new PacketPool();
  readonly slab = new Slab();
  readonly trace = new TraceBus();
  readonly fingerprint = new Fingerprint();
  /** False leaves the fingerprint out: only the benchmark that measures its cost does so. */
  fingerprinting = true;
  /** Where captured frames are written, for comments on their fate; null while nobody captures. */
  capture: { comment(record: number, text: string): void } | null = null;
  /** Called every 16,384 events, for progress; false interrupts the run. */
  heartbeat: (() => boolean) | null = null;
  readonly seed: number;
  readonly #queue = new EventQueue();
  readonly #streams = new Map<string, RandomStream>();
  #sequence = 0;
  #cables = 0;
  #advancing = false;
  #halted = false;

  constructor(seed = 1) {
    this.seed = seed;
  }

  /** The random stream of one purpose: the same seed and name give the same draws, whatever else the run contains. */
  rng(name: string): RandomStream {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = new RandomStream(`${this.seed}/${name}`);
      this.#streams.set(name, stream);
    }
    return stream;
  }

  /** A stream that is drawn from once and forgotten: what a device is born with. */
  rngOnce(name: string): RandomStream {
    return new RandomStream(`${this.seed}/${name}`);
  }

  /** The sequence number that orders an event among those of the same instant. */
  nextSequence(): number {
    return this.#sequence++;
  }

  /** The number of a new cable, under which the fingerprint knows it. */
  nextCable(): number {
    return this.#cables++;
  }

  /** Queues `handler` for `at`, after everything already queued for that instant. Time never turns back: the past is a bug. */
  at(at: Nanos, handler: Handler): number {
    if (!(at >= this.now)) throw new Error(`an event of ${handler.label} for ${at}, which is before ${this.now}`);
    const sequence = this.#sequence++;
    this.#queue.push(at, sequence, handler);
    return sequence;
  }

  /** Queues under a sequence number drawn earlier: a cable's next frame keeps the place it got when it was sent. */
  atSequence(at: Nanos, sequence: number, handler: Handler): void {
    this.#queue.push(at, sequence, handler);
  }

  /** The instant of the next event; `NEVER` when nothing is pending. */
  nextAt(): Nanos {
    return this.#queue.nextAt();
  }
  /** Events pending. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Fires every event up to and at `until`; time then stands at `until` (or at the last event, when that is `NEVER`). */
  advance(until: Nanos): void {
    if (this.#advancing) throw new Error("advance was called while time moves");
    if (until !== NEVER && !(until <= Number.MAX_SAFE_INTEGER))
      throw new Error(`time ends at 104 days, not at ${until / S} s`);
    this.#advancing = true;
    this.#halted = false;
    const queue = this.#queue;
    let handler: Handler | undefined;
    let eventsBefore = this.events;
    try {
      for (let at = queue.nextAt(); at <= until && at !== NEVER && !this.#halted; at = queue.nextAt()) {
        if (at > this.now) {
          this.now = at;
          eventsBefore = this.events;
        } else if (this.events - eventsBefore > EVENTS_AT_ONCE_MAX)
          throw new TimeStandsStill(
            `more than ${EVENTS_AT_ONCE_MAX} events at ${at / S} s, the last at ${handler?.label}: a loop without delay?`,
          );
        if ((++this.events & HEARTBEAT_MASK) === 0 && this.heartbeat?.() === false)
          throw new Interrupted("interrupted");
        const sequence = queue.nextSequence();
        handler = queue.take();
        handler.fire(sequence);
      }
      if (until !== NEVER && !this.#halted && until > this.now) this.now = until;
    } catch (cause) {
      if (cause instanceof Interrupted || cause instanceof TimeStandsStill) throw cause;
      const label = handler?.label ?? "?";
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new SimulationBug(what, { seed: this.seed, event: this.events, at: this.now, label }, cause);
    } finally {
      this.#advancing = false;
    }
  }

  /** Stops `advance` after the event that fires now: an expectation was met, or a person interrupted. */
  halt(): void {
    this.#halted = true;
  }
}

/**
 * A timer that moves often: it keeps its deadline, stands in the queue at most once for it, and re-arms itself when it is
 * woken too early. Moving it later costs a store.
 */
export class Alarm implements Handler {
  readonly label: string;
  readonly #sim: Simulation;
  readonly #ring: () => void;
  #deadline: Nanos = NEVER;
  #queuedAt: Nanos = NEVER;
  #queuedAs = -1;

  constructor(sim: Simulation, label: string, ring: () => void) {
    this.#sim = sim;
    this.label = label;
    this.#ring = ring;
  }

  get deadline(): Nanos {
    return this.#deadline;
  }

  /** Rings at `at` instead of when it was to ring before; `NEVER` stops it. An instant gone by rings at once. */
  set(at: Nanos): void {
    this.#deadline = at;
    if (at >= this.#queuedAt) return;
    this.#queuedAt = at < this.#sim.now ? this.#sim.now : at;
    this.#queuedAs = this.#sim.at(this.#queuedAt, this);
  }

  fire(sequence: number): void {
    if (sequence !== this.#queuedAs) return;
    this.#queuedAt = NEVER;
    if (this.#deadline > this.#sim.now) {
      if (this.#deadline !== NEVER) this.set(this.#deadline);
      return;
    }
    this.#deadline = NEVER;
    this.#ring();
  }
}
