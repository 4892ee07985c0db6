import { MS, type Nanos, US } from "../../../core/time.ts";
import type { TcpConnection } from "../connection.ts";
import { after } from "../sequence.ts";
import { type CongestionControl, increase, inSlowStart, isCwndLimited, slowStart } from "./control.ts";

/** Beta and scaling as `net/ipv4/tcp_cubic.c` has them: 717/1024 is RFC 9438's 0.7, 410/1024 its C = 0.4. */
const SCALE = 1024;
const BETA = 717;
/** 1024ths of a second: the unit of K and t. */
const UNITS_PER_S = 1024;
/** `t` in those units, cubed, times 410, divided by this gives segments. */
const CUBE_DIVISOR = 2 ** 40;
const CUBE_RTT_SCALE = 410;
/** Eight times the segments that Reno needs for one more, over its window (RFC 9438 §4.3). */
const RENO_SCALE = Math.floor((8 * (SCALE + BETA)) / 3 / (SCALE - BETA));
/** A round of `increase` is not computed again within so many milliseconds while the window stays. */
const UPDATE_MS = 31;

// HyStart (Ha and Rhee 2011): slow start ends before it overflows a queue.
const HYSTART_CWND_MIN = 16;
const HYSTART_SAMPLES_MIN = 8;
const HYSTART_ACK_DELTA_US = 2000;
const HYSTART_DELAY_MIN_US = 4000;
const HYSTART_DELAY_MAX_US = 16_000;

/** CUBIC (RFC 9438) with HyStart, as Linux has it. All of it in whole numbers, or in products that every engine rounds alike. */
export class Cubic implements CongestionControl {
  readonly name = "cubic";
  /** Acknowledged segments for each that the window grows by. */
  #per = 0;
  #lastMaxCwnd = 0;
  #lastCwnd = 0;
  #lastMs = -1;
  #origin = 0;
  #k = 0;
  #delayMinUs = 0;
  /** When the current epoch began, in milliseconds; -1: none. */
  #epochMs = -1;
  /** Segments acknowledged in it, and the window that Reno would have. */
  #ackCount = 0;
  #renoCwnd = 0;

  #found = false;
  #roundStartUs = 0;
  #roundEnd = 0;
  #lastAckUs = 0;
  #currentRttUs = Number.POSITIVE_INFINITY;
  #samples = 0;
  #roundKnown = false;

  ssthresh(c: TcpConnection): number {
    const { cwnd } = c.snd;
    this.#epochMs = -1;
    // RFC 9438 §4.7, fast convergence: a loss below the last maximum leaves room for others.
    this.#lastMaxCwnd = cwnd < this.#lastMaxCwnd ? Math.floor((cwnd * (SCALE + BETA)) / (2 * SCALE)) : cwnd;
    return Math.max(Math.floor((cwnd * BETA) / SCALE), 2);
  }

  avoid(c: TcpConnection, acked: number): void {
    if (!isCwndLimited(c)) return;
    const left = inSlowStart(c) ? slowStart(c, acked) : acked;
    if (left === 0) return;
    this.#update(c.snd.cwnd, left, Math.floor(c.now / MS));
    increase(c, this.#per, left);
  }

  undo(c: TcpConnection): number {
    return Math.max(c.snd.cwnd, c.recovery.priorCwnd);
  }

  acked(c: TcpConnection, rttUs: number): void {
    const us = Math.max(1, rttUs);
    if (this.#epochMs >= 0 && c.now / MS - this.#epochMs < 1000) return; // just out of recovery
    if (this.#delayMinUs === 0 || us < this.#delayMinUs) this.#delayMinUs = us;
    if (!this.#found && inSlowStart(c)) this.#hystart(c, us);
  }

  sendingResumes(c: TcpConnection): void {
    // A pause of the program does not count as time of the epoch (RFC 9438 §4.2).
    const idle = Math.floor((c.now - c.snd.lastSentAt) / MS);
    if (this.#epochMs >= 0 && idle > 0) this.#epochMs = Math.min(this.#epochMs + idle, Math.floor(c.now / MS));
  }

  lossBegins(c: TcpConnection): void {
    this.#per = this.#lastMaxCwnd = this.#lastCwnd = this.#origin = this.#k = this.#delayMinUs = 0;
    this.#ackCount = this.#renoCwnd = 0;
    this.#epochMs = this.#lastMs = -1;
    this.#found = false;
    this.#startRound(c, Math.floor(c.now / US));
  }

  details(): string {
    return "";
  }

  /** `bictcp_update`: sets how many acknowledged segments the next one costs. `ms`: now, in milliseconds. */
  #update(cwnd: number, acked: number, ms: number): void {
    this.#ackCount += acked;
    if (this.#lastCwnd === cwnd && ms - this.#lastMs <= UPDATE_MS) return;
    if (this.#epochMs < 0 || ms !== this.#lastMs) {
      this.#lastCwnd = cwnd;
      this.#lastMs = ms;
      if (this.#epochMs < 0) this.#beginEpoch(cwnd, acked, ms);
      this.#aim(cwnd, ms);
    }
    this.#befriendReno(cwnd);
    this.#per = Math.max(this.#per, 2); // at most 1.5 times in a round trip
  }

  #beginEpoch(cwnd: number, acked: number, ms: number): void {
    this.#epochMs = ms;
    this.#ackCount = acked;
    this.#renoCwnd = cwnd;
    if (this.#lastMaxCwnd <= cwnd) {
      this.#k = 0;
      this.#origin = cwnd;
    } else {
      this.#k = cubeRoot(Math.floor((CUBE_DIVISOR * (this.#lastMaxCwnd - cwnd)) / CUBE_RTT_SCALE)); // RFC 9438 figure 2
      this.#origin = this.#lastMaxCwnd;
    }
  }

  /** W_cubic one round trip ahead (RFC 9438 figure 1). */
  #aim(cwnd: number, ms: number): void {
    const t = Math.floor(((ms - this.#epochMs + Math.floor(this.#delayMinUs / 1000)) * UNITS_PER_S) / 1000);
    const offset = t < this.#k ? this.#k - t : t - this.#k;
    const delta = Math.floor((CUBE_RTT_SCALE * offset * offset * offset) / CUBE_DIVISOR);
    const target = t < this.#k ? this.#origin - delta : this.#origin + delta;
    this.#per = target > cwnd ? Math.floor(cwnd / (target - cwnd)) : 100 * cwnd;
    if (this.#lastMaxCwnd === 0 && this.#per > 20) this.#per = 20; // 5 % in a round trip while the bandwidth is unknown
  }

  /** RFC 9438 §4.3: never slower than Reno. */
  #befriendReno(cwnd: number): void {
    const per = (cwnd * RENO_SCALE) >> 3;
    if (per > 0 && this.#ackCount > per) {
      const steps = Math.floor((this.#ackCount - 1) / per);
      this.#ackCount -= steps * per;
      this.#renoCwnd += steps;
    }
    if (this.#renoCwnd <= cwnd) return;
    this.#per = Math.min(this.#per, Math.floor(cwnd / (this.#renoCwnd - cwnd)));
  }

  #startRound(c: TcpConnection, us: number): void {
    this.#roundStartUs = this.#lastAckUs = us;
    this.#roundEnd = c.snd.nxt;
    this.#currentRttUs = Number.POSITIVE_INFINITY;
    this.#samples = 0;
    this.#roundKnown = true;
  }

  /** `hystart_update`: a train of acknowledgements half a round trip long, or a rising delay, ends slow start. */
  #hystart(c: TcpConnection, rttUs: number): void {
    const us = Math.floor(c.now / US);
    if (!this.#roundKnown || after(c.snd.una, this.#roundEnd)) this.#startRound(c, us);
    if (c.snd.cwnd < HYSTART_CWND_MIN) return;
    if (us - this.#lastAckUs <= HYSTART_ACK_DELTA_US) {
      this.#lastAckUs = us;
      if (us - this.#roundStartUs > (this.#delayMinUs + ackDelayUs(c)) / 2) return this.#leaveSlowStart(c);
    }
    if (rttUs < this.#currentRttUs) this.#currentRttUs = rttUs;
    if (this.#samples < HYSTART_SAMPLES_MIN) {
      this.#samples++;
      return;
    }
    const eighth = Math.floor(this.#delayMinUs / 8);
    const allowed = Math.min(Math.max(eighth, HYSTART_DELAY_MIN_US), HYSTART_DELAY_MAX_US);
    if (this.#currentRttUs > this.#delayMinUs + allowed) this.#leaveSlowStart(c);
  }

  #leaveSlowStart(c: TcpConnection): void {
    this.#found = true;
    c.snd.ssthresh = c.snd.cwnd;
  }
}

/** What aggregation may add to a train of acknowledgements: four large bursts at the sending rate, at most 1 ms. */
function ackDelayUs(c: TcpConnection): number {
  const rate = c.pacingRate();
  const span: Nanos = rate > 0 ? (65_536 * 4 * 1_000_000) / rate : 0;
  return Math.min(1000, Math.floor(span));
}

/** The whole part of a cube root. */
function cubeRoot(n: number): number {
  let low = 0;
  let high = 1 << 22;
  while (low < high) {
    const middle = Math.floor((low + high + 1) / 2);
    if (middle * middle * middle <= n) low = middle;
    else high = middle - 1;
  }
  return low;
}
