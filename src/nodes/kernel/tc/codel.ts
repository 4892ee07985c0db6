import type { Nanos } from "../../../core/time.ts";

/** Times of CoDel are multiples of this many nanoseconds (CODEL_SHIFT). */
const UNIT: Nanos = 1024;

/** The settings of CoDel (RFC 8289 §4), in nanoseconds. */
export interface CodelSettings {
  /** What a queue may keep packets waiting. */
  readonly target: Nanos;
  /** How long it may do so before a packet is dropped. */
  readonly interval: Nanos;
  /** Backlogs up to one such frame are never dropped from. */
  readonly mtu: number;
}

/** A span as CoDel counts it (include/net/codel.h:codel_time_t). */
export const codelSpan = (us: number): Nanos => Math.floor((us * 1000) / UNIT) * UNIT;
/** Now, as CoDel counts it. */
export const codelNow = (now: Nanos): Nanos => Math.floor(now / UNIT) * UNIT;

/**
 * The state of CoDel for one queue (RFC 8289 §5, include/net/codel_impl.h): whether packets are being dropped, and when the
 * next one is. Its square roots are Linux's: a Newton step for each drop, in 16 bits.
 */
export class Codel {
  count = 0;
  lastCount = 0;
  dropping = false;
  dropNext: Nanos = 0;
  /** How long the packet that left last had waited. */
  delay: Nanos = 0;
  /** When the wait will have been too long for a whole interval; 0: it is not too long. */
  #firstAboveAt: Nanos = 0;
  /** 65536 over the square root of `count`. */
  #inverseRoot = 0;

  /** The queue is empty. */
  emptied(): void {
    this.#firstAboveAt = 0;
  }

  /** Whether the packet that waited since `enqueuedAt` may be dropped: RFC 8289 §5.3 (`codel_should_drop`). */
  shouldDrop(s: CodelSettings, enqueuedAt: Nanos, backlog: number, now: Nanos): boolean {
    this.delay = now - enqueuedAt;
    if (this.delay < s.target || backlog <= s.mtu) {
      this.#firstAboveAt = 0;
      return false;
    }
    if (this.#firstAboveAt === 0) {
      this.#firstAboveAt = now + s.interval;
      return false;
    }
    return now > this.#firstAboveAt;
  }

  /** One more drop in this state. */
  countDrop(): void {
    this.count++;
    this.#newtonStep();
  }
  /** Says when the next drop is due: at `t + interval / sqrt(count)` (§5.5). */
  schedule(t: Nanos, interval: Nanos): void {
    this.dropNext = t + Math.floor(((interval / UNIT) * this.#inverseRoot) / 65_536) * UNIT;
  }

  /** Begins to drop (§5.4): near the rate of the last time, if that was not long ago. */
  begin(s: CodelSettings, now: Nanos): void {
    this.dropping = true;
    const delta = this.count - this.lastCount;
    if (delta > 1 && now - this.dropNext < 16 * s.interval) {
      this.count = delta;
      this.#newtonStep();
    } else {
      this.count = 1;
      this.#inverseRoot = 0xffff;
    }
    this.lastCount = this.count;
    this.schedule(now, s.interval);
  }

  /** include/net/codel_impl.h:codel_Newton_step: x (3 - count x x) / 2. */
  #newtonStep(): void {
    const x = this.#inverseRoot;
    const rest = Math.floor(Math.max(3 * 2 ** 32 - this.count * x * x, 0) / 4);
    this.#inverseRoot = Math.floor((rest * x) / 2 ** 31) & 0xffff;
  }
}
