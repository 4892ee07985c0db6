import type { Packet } from "../../../core/packet.ts";
import type { Nanos } from "../../../core/time.ts";

/** Taken packets that stay in the arrays, at most, before the others move down. */
const SLACK = 256;

/** Packets by when they may leave; of those at one instant, the first that came (`tfifo`). */
export class TimedQueue {
  readonly #packets: (Packet | null)[] = [];
  readonly #times: Nanos[] = [];
  #head = 0;

  get size(): number {
    return this.#packets.length - this.#head;
  }
  /** When the first may leave; asked only while there is one. */
  get firstAt(): Nanos {
    return this.#times[this.#head] as Nanos;
  }
  /** When the last may leave; -1 when there is none. */
  get lastAt(): Nanos {
    return this.size === 0 ? -1 : (this.#times[this.#times.length - 1] as Nanos);
  }

  insert(p: Packet, at: Nanos): void {
    if (at >= this.lastAt) {
      this.#packets.push(p);
      this.#times.push(at);
      return;
    }
    let low = this.#head;
    let high = this.#times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] as Nanos) <= at) low = middle + 1;
      else high = middle;
    }
    this.#packets.splice(low, 0, p);
    this.#times.splice(low, 0, at);
  }
  /** Puts a packet in front of all others. */
  unshift(p: Packet, at: Nanos): void {
    this.#packets.splice(this.#head, 0, p);
    this.#times.splice(this.#head, 0, at);
  }

  /** Takes the first packet; null when there is none. */
  shift(): Packet | null {
    if (this.size === 0) return null;
    const p = this.#packets[this.#head] as Packet;
    this.#packets[this.#head++] = null;
    if (this.#head === this.#packets.length || this.#head > SLACK) {
      this.#packets.splice(0, this.#head);
      this.#times.splice(0, this.#head);
      this.#head = 0;
    }
    return p;
  }
}
