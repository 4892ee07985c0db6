import type { Packet } from "../../../core/packet.ts";

const FIRST_SLOTS = 8;

/** Packets in a row (`struct qdisc_skb_head`): a ring that grows. */
export class PacketQueue {
  #slots: (Packet | null)[] = new Array(FIRST_SLOTS).fill(null);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(p: Packet): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size++) & (this.#slots.length - 1)] = p;
  }
  /** Puts a packet in front of the others. */
  unshift(p: Packet): void {
    if (this.#size === this.#slots.length) this.#grow();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = p;
    this.#size++;
  }

  /** Takes the first packet; null when there is none. */
  shift(): Packet | null {
    if (this.#size === 0) return null;
    const p = this.#slots[this.#head] as Packet;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return p;
  }
  /** Takes the last packet; null when there is none. */
  pop(): Packet | null {
    if (this.#size === 0) return null;
    const slot = (this.#head + --this.#size) & (this.#slots.length - 1);
    const p = this.#slots[slot] as Packet;
    this.#slots[slot] = null;
    return p;
  }

  /** The first packet, which stays; null when there is none. */
  first(): Packet | null {
    return this.#size === 0 ? null : (this.#slots[this.#head] as Packet);
  }

  #grow(): void {
    const old = this.#slots;
    const slots: (Packet | null)[] = new Array(2 * old.length).fill(null);
    for (let i = 0; i < this.#size; i++) slots[i] = old[(this.#head + i) & (old.length - 1)] as Packet;
    this.#slots = slots;
    this.#head = 0;
  }
}
