import { type Nanos, NEVER } from "./time.ts";

/** What stands in the event queue: it is told the sequence number under which it was queued. */
export interface Handler {
  /** Whose event this is, for the report of a bug: a node or a cable. */
  readonly label: string;
  fire(sequence: number): void;
}

/** More pending events than this is a bug in the simulated system, not a load. */
const EVENTS_MAX = 1 << 24;

/**
 * The pending events, ordered by (time, sequence): a binary heap in three parallel arrays.
 *
 * `take` leaves a hole at the root. Most handlers queue exactly one event while they fire: `push` puts it into the hole,
 * so that pop and push cost one descent instead of two.
 */
export class EventQueue {
  #times = new Float64Array(64);
  #sequences = new Float64Array(64);
  #handlers: (Handler | undefined)[] = new Array(64).fill(undefined);
  #size = 0;
  #hole = false;

  get size(): number {
    return this.#hole ? this.#size - 1 : this.#size;
  }

  /** The earliest event's time; `NEVER` when nothing is pending. */
  nextAt(): Nanos {
    if (this.#hole) this.#closeHole();
    return this.#size === 0 ? NEVER : (this.#times[0] as number);
  }

  /** The sequence number of the event that `take` gives. */
  nextSequence(): number {
    return this.#sequences[0] as number;
  }

  /** Removes the earliest event and returns its handler. `nextAt` was called just before and was not `NEVER`. */
  take(): Handler {
    this.#hole = true;
    return this.#handlers[0] as Handler;
  }

  push(at: Nanos, sequence: number, handler: Handler): void {
    if (this.#hole) {
      this.#hole = false;
      this.#sink(at, sequence, handler);
      return;
    }
    if (this.#size === this.#times.length) this.#grow();
    this.#rise(this.#size++, at, sequence, handler);
  }

  #closeHole(): void {
    this.#hole = false;
    const last = --this.#size;
    const handler = this.#handlers[last] as Handler;
    this.#handlers[last] = undefined;
    if (last > 0) this.#sink(this.#times[last] as number, this.#sequences[last] as number, handler);
  }

  #rise(from: number, at: Nanos, sequence: number, handler: Handler): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const handlers = this.#handlers;
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const t = times[parent] as number;
      if (t < at || (t === at && (sequences[parent] as number) < sequence)) break;
      times[i] = t;
      sequences[i] = sequences[parent] as number;
      handlers[i] = handlers[parent];
      i = parent;
    }
    times[i] = at;
    sequences[i] = sequence;
    handlers[i] = handler;
  }

  /** Puts an event at the root and lets it sink to its place. */
  #sink(at: Nanos, sequence: number, handler: Handler): void {
    const times = this.#times;
    const sequences = this.#sequences;
    const handlers = this.#handlers;
    const size = this.#size;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      let t = times[child] as number;
      const right = child + 1;
      if (right < size) {
        const tr = times[right] as number;
        if (tr < t || (tr === t && (sequences[right] as number) < (sequences[child] as number))) {
          child = right;
          t = tr;
        }
      }
      if (at < t || (at === t && sequence < (sequences[child] as number))) break;
      times[i] = t;
      sequences[i] = sequences[child] as number;
      handlers[i] = handlers[child];
      i = child;
    }
    times[i] = at;
    sequences[i] = sequence;
    handlers[i] = handler;
  }

  #grow(): void {
    const capacity = this.#times.length * 2;
    if (capacity > EVENTS_MAX) throw new Error(`more than ${EVENTS_MAX} events are pending`);
    const times = new Float64Array(capacity);
    times.set(this.#times);
    const sequences = new Float64Array(capacity);
    sequences.set(this.#sequences);
    this.#times = times;
    this.#sequences = sequences;
    this.#handlers.length = capacity;
    this.#handlers.fill(undefined, this.#size);
  }
}
