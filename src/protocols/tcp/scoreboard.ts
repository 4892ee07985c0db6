import type { Nanos } from "../../core/time.ts";
import { after, before, span } from "./sequence.ts";

// What is known of a segment that was sent.
/** The peer has it, behind a hole. */
export const SACKED = 1;
/** Sent again, and that copy may still be on its way. */
export const RETRANSMITTED = 2;
export const LOST = 4;
/** Sent more than once: its acknowledgement tells no round trip (RFC 6298 §3). */
export const EVER_RETRANSMITTED = 8;
/** It carries PSH, SYN, or FIN. */
export const HAS_PSH = 16;
export const HAS_SYN = 32;
export const HAS_FIN = 64;

const NONE = -1;
const FIRST_CAPACITY = 16;

/**
 * The segments that were sent and not acknowledged, in order of sequence (RFC 6675 §3): a ring of numbers, so that none of
 * them costs an object. Entries are known by an index that grows; `& mask` finds the slot. A second order, by the time of
 * the last transmission, is a list through the slots (RFC 8985 §6.2).
 */
export class Scoreboard {
  seq = new Int32Array(0);
  end = new Int32Array(0);
  flags = new Uint8Array(0);
  sentAt = new Float64Array(0);
  #newer = new Int32Array(0);
  #older = new Int32Array(0);
  mask = NONE;
  /** Index of the oldest entry, and one behind the newest. */
  head = 0;
  tail = 0;
  /** Segments that the peer has behind a hole; without SACK: duplicate ACKs seen. */
  sackedOut = 0;
  lostOut = 0;
  retransOut = 0;
  /** End of the highest segment that the peer has behind a hole; meaningful while `sackedOut` is not 0. */
  highestSacked = 0;
  /** No entry before this index waits to be sent again. */
  hint = 0;
  /** Entries sent longest and shortest ago, of those that may still be found lost by time. */
  oldest = NONE;
  newest = NONE;

  /** Segments sent and not acknowledged. */
  get packetsOut(): number {
    return this.tail - this.head;
  }
  /** Segments taken to be in the network (RFC 6675 §4, `tcp_packets_in_flight`). */
  get inFlight(): number {
    return this.tail - this.head - this.sackedOut - this.lostOut + this.retransOut;
  }
  get isEmpty(): boolean {
    return this.tail === this.head;
  }

  /** Adds the segment [seq, end), which goes out now. */
  push(seq: number, end: number, flags: number, now: Nanos): void {
    if (this.tail - this.head > this.mask) this.#grow();
    const i = this.tail++;
    const slot = i & this.mask;
    this.seq[slot] = seq;
    this.end[slot] = end;
    this.flags[slot] = flags;
    this.sentAt[slot] = now;
    this.#append(i);
  }

  /** Takes away the oldest entry. Its counters were settled by the caller. */
  shift(): void {
    const i = this.head++;
    this.unlink(i);
    if (this.hint < this.head) this.hint = this.head;
    if (this.head !== this.tail) return;
    this.head = this.tail = this.hint = 0;
    this.oldest = this.newest = NONE;
  }

  /** Index of the first entry that ends behind `seq`; `tail` when there is none. */
  find(seq: number): number {
    let low = this.head;
    let high = this.tail;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (after(this.end[middle & this.mask] as number, seq)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The entry was sent once more. */
  sentAgain(i: number, now: Nanos): void {
    this.sentAt[i & this.mask] = now;
    this.unlink(i);
    this.#append(i);
  }

  /** The entry that was sent after `i`; -1 when it was the last. */
  sentAfter(i: number): number {
    return this.#newer[i & this.mask] as number;
  }

  /** Takes an entry out of the order of transmission: it waits to be sent again, or is gone. */
  unlink(i: number): void {
    const slot = i & this.mask;
    const older = this.#older[slot] as number;
    const newer = this.#newer[slot] as number;
    if (older === NONE && newer === NONE && this.oldest !== i) return;
    if (older === NONE) this.oldest = newer;
    else this.#newer[older & this.mask] = newer;
    if (newer === NONE) this.newest = older;
    else this.#older[newer & this.mask] = older;
    this.#older[slot] = this.#newer[slot] = NONE;
  }

  /** `net/ipv4/tcp_input.c:tcp_mark_skb_lost`. True when it was not known to be lost: itself, or its last copy. */
  markLost(i: number): boolean {
    const slot = i & this.mask;
    const flags = this.flags[slot] as number;
    if ((flags & SACKED) !== 0) return false;
    if (i < this.hint) this.hint = i;
    if ((flags & LOST) === 0) {
      this.flags[slot] = flags | LOST;
      this.lostOut++;
      return true;
    }
    if ((flags & RETRANSMITTED) === 0) return false;
    this.flags[slot] = flags & ~RETRANSMITTED;
    this.retransOut--;
    return true;
  }

  /** Nothing counts as lost any more: the timeout was spurious. */
  unmarkLost(): void {
    for (let i = this.head; i < this.tail; i++) {
      const slot = i & this.mask;
      this.flags[slot]! &= ~LOST;
    }
    this.lostOut = 0;
    this.hint = this.head;
  }

  /** Cuts entries whose data is longer than `mss`, which has become smaller, into pieces of that size. */
  resegment(mss: number): void {
    const kept = new Scoreboard();
    for (let i = this.head; i < this.tail; i++) {
      const slot = i & this.mask;
      const flags = this.flags[slot] as number;
      const end = this.end[slot] as number;
      const last = end - ((flags & HAS_FIN) !== 0 ? 1 : 0);
      let seq = this.seq[slot] as number;
      while ((flags & HAS_SYN) === 0 && span(seq, last) > mss) {
        kept.push(seq, (seq + mss) | 0, flags & ~(HAS_FIN | HAS_PSH), this.sentAt[slot] as number);
        seq = (seq + mss) | 0;
      }
      kept.push(seq, end, flags, this.sentAt[slot] as number);
    }
    this.#become(kept);
  }

  /** Sets the counters anew from the flags. */
  recount(): void {
    this.sackedOut = this.lostOut = this.retransOut = 0;
    for (let i = this.head; i < this.tail; i++) {
      const flags = this.flags[i & this.mask] as number;
      if ((flags & SACKED) !== 0) this.sackedOut++;
      if ((flags & LOST) !== 0) this.lostOut++;
      if ((flags & RETRANSMITTED) !== 0) this.retransOut++;
    }
  }

  /** Whether any of them was sent more than once (`tcp_any_retrans_done`, of the oldest). */
  get anyRetransmitted(): boolean {
    if (this.retransOut > 0) return true;
    return !this.isEmpty && ((this.flags[this.head & this.mask] as number) & EVER_RETRANSMITTED) !== 0;
  }

  /** Takes over the pieces of `resegment`, which stand in order of sequence, and puts them in order of transmission. */
  #become(kept: Scoreboard): void {
    const order = Array.from({ length: kept.tail }, (_, i) => i).sort(
      (a, b) => (kept.sentAt[a] as number) - (kept.sentAt[b] as number) || a - b,
    );
    this.seq = kept.seq;
    this.end = kept.end;
    this.flags = kept.flags;
    this.sentAt = kept.sentAt;
    this.#newer = kept.#newer.fill(NONE);
    this.#older = kept.#older.fill(NONE);
    this.mask = kept.mask;
    this.head = this.hint = 0;
    this.tail = kept.tail;
    this.oldest = this.newest = NONE;
    for (const i of order) if (waits(kept.flags[i] as number)) this.#append(i);
    this.recount();
  }

  #append(i: number): void {
    const slot = i & this.mask;
    this.#newer[slot] = NONE;
    this.#older[slot] = this.newest;
    if (this.newest === NONE) this.oldest = i;
    else this.#newer[this.newest & this.mask] = i;
    this.newest = i;
  }

  #grow(): void {
    const capacity = this.mask === NONE ? FIRST_CAPACITY : 2 * (this.mask + 1);
    const old = { mask: this.mask, seq: this.seq, end: this.end, flags: this.flags, sentAt: this.sentAt };
    const [newer, older] = [this.#newer, this.#older];
    this.seq = new Int32Array(capacity);
    this.end = new Int32Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.sentAt = new Float64Array(capacity);
    this.#newer = new Int32Array(capacity).fill(NONE);
    this.#older = new Int32Array(capacity).fill(NONE);
    this.mask = capacity - 1;
    for (let i = this.head; i < this.tail; i++) {
      const [from, to] = [i & old.mask, i & this.mask];
      this.seq[to] = old.seq[from] as number;
      this.end[to] = old.end[from] as number;
      this.flags[to] = old.flags[from] as number;
      this.sentAt[to] = old.sentAt[from] as number;
      this.#newer[to] = newer[from] as number;
      this.#older[to] = older[from] as number;
    }
  }
}

/** Whether an entry stands in the order of transmission: not one that is lost and was not sent again. */
const waits = (flags: number): boolean => (flags & SACKED) === 0 && (flags & (LOST | RETRANSMITTED)) !== LOST;

/** Whether `a` was sent after `b`; what was sent at the same instant counts by its end (RFC 8985 §6.2). */
export const sentLater = (aAt: Nanos, bAt: Nanos, aEnd: number, bEnd: number): boolean =>
  aAt > bAt || (aAt === bAt && before(bEnd, aEnd));
