import type { Packet } from "../core/packet.ts";
import type { Nanos } from "../core/time.ts";

/** Frames in flight behind the first, in the order they were sent. */
export class FrameRing {
  size = 0;
  /** What belongs to the packet that `shift` returned last. */
  arrival: Nanos = 0;
  sequence = 0;
  departure: Nanos = 0;
  #packets: (Packet | null)[] = new Array(4).fill(null);
  /** Arrival, sequence and departure of each. */
  #numbers = new Float64Array(12);
  #head = 0;

  push(p: Packet, arrival: Nanos, sequence: number, departure: Nanos): void {
    if (this.size === this.#packets.length) this.#grow();
    const slot = (this.#head + this.size++) & (this.#packets.length - 1);
    this.#packets[slot] = p;
    this.#numbers[3 * slot] = arrival;
    this.#numbers[3 * slot + 1] = sequence;
    this.#numbers[3 * slot + 2] = departure;
  }

  shift(): Packet {
    const slot = this.#head;
    const p = this.#packets[slot] as Packet;
    this.#packets[slot] = null;
    this.arrival = this.#numbers[3 * slot] as number;
    this.sequence = this.#numbers[3 * slot + 1] as number;
    this.departure = this.#numbers[3 * slot + 2] as number;
    this.#head = (slot + 1) & (this.#packets.length - 1);
    this.size--;
    return p;
  }

  /** Frames that depart after `now`: departures rise, so those are the last ones. */
  countAfter(now: Nanos): number {
    const mask = this.#packets.length - 1;
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#numbers[3 * ((this.#head + middle) & mask) + 2] as number) > now) high = middle;
      else low = middle + 1;
    }
    return this.size - low;
  }

  #grow(): void {
    const old = this.#packets.length;
    const packets: (Packet | null)[] = new Array(2 * old).fill(null);
    const numbers = new Float64Array(6 * old);
    for (let i = 0; i < old; i++) {
      const slot = (this.#head + i) & (old - 1);
      packets[i] = this.#packets[slot] as Packet;
      numbers.set(this.#numbers.subarray(3 * slot, 3 * slot + 3), 3 * i);
    }
    this.#packets = packets;
    this.#numbers = numbers;
    this.#head = 0;
  }
}
