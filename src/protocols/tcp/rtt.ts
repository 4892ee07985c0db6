import { type Nanos, S, US } from "../../core/time.ts";
import { after } from "./sequence.ts";

/** RFC 6298 §2.1. */
export const RTO_INITIAL: Nanos = S;

/**
 * Round trips, and the retransmission timeout made of them (RFC 6298, with Linux's variance that falls once in a round trip
 * and never counts less than the least timeout: `net/ipv4/tcp_input.c:tcp_rtt_estimator`). Counts in microseconds.
 */
export class RttEstimator {
  /** Eight times the smoothed round trip; 0: nothing measured yet. */
  srtt8 = 0;
  /** Four times the mean deviation, and the largest of it in this round trip. */
  mdev4 = 0;
  mdevMax = 0;
  rttvar = 0;
  /** The round trip that is watched ends when this is acknowledged. */
  roundEnd = 0;
  /** The current timeout, backed off or not. */
  rto: Nanos = RTO_INITIAL;
  /** The least round trip of the last `tcp_min_rtt_wlen` seconds, and when it was seen; Infinity: none. */
  minUs = Number.POSITIVE_INFINITY;
  #minAt: Nanos = 0;
  /** The last one measured, for congestion control. */
  lastUs = -1;

  /** The smoothed round trip in nanoseconds; 0 when unknown. */
  get srtt(): Nanos {
    return Math.floor(this.srtt8 / 8) * US;
  }

  /** Takes a measured round trip in microseconds. `una` and `nxt` are SND.UNA and SND.NXT, `leastUs` the least timeout. */
  sample(us: number, una: number, nxt: number, leastUs: number): void {
    if (this.srtt8 === 0) {
      this.srtt8 = us * 8; // RFC 6298 §2.2
      this.mdev4 = us * 2;
      this.rttvar = Math.max(this.mdev4, leastUs);
      this.mdevMax = this.rttvar;
      this.roundEnd = nxt;
    } else this.#update(us, una, nxt, leastUs);
    this.srtt8 = Math.max(1, this.srtt8);
  }

  /** The timeout as measured, without backing off, at most `rtoMax`. */
  reset(rtoMax: Nanos): void {
    this.rto = Math.min((Math.floor(this.srtt8 / 8) + this.rttvar) * US, rtoMax);
  }

  /** Watches the least round trip; `windowNs` is how long one counts. */
  observeMin(us: number, now: Nanos, windowNs: Nanos): void {
    if (us > this.minUs && now - this.#minAt <= windowNs) return;
    this.minUs = us;
    this.#minAt = now;
  }

  #update(us: number, una: number, nxt: number, leastUs: number): void {
    let error = us - Math.floor(this.srtt8 / 8);
    this.srtt8 += error; // 7/8 of the old, 1/8 of the new
    if (error < 0) {
      error = -error - Math.floor(this.mdev4 / 4);
      if (error > 0) error = Math.floor(error / 8); // a falling round trip moves the deviation less
    } else error -= Math.floor(this.mdev4 / 4);
    this.mdev4 += error; // 3/4 of the old, 1/4 of the new
    if (this.mdev4 > this.mdevMax) {
      this.mdevMax = this.mdev4;
      this.rttvar = Math.max(this.rttvar, this.mdevMax);
    }
    if (!after(una, this.roundEnd)) return;
    if (this.mdevMax < this.rttvar) this.rttvar -= Math.floor((this.rttvar - this.mdevMax) / 4);
    this.roundEnd = nxt;
    this.mdevMax = leastUs;
  }
}
