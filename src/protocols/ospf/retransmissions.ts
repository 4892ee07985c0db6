import { type Nanos, NEVER } from "../../core/time.ts";
import type { Lsdb, Slot } from "./lsdb.ts";

/**
 * What neighbours have not acknowledged yet (RFC 2328 §10, the link state retransmission lists). Flooding puts every instance on the list of nearly every neighbour
 * and takes it off again: a list is a bit in the slots of the databases, for as many neighbours as there are bits, and a set for those beyond.
 */

const BITS = 30;
/** On the list of somebody without a bit. */
const OTHERS = 1 << BITS;

/** The lists of one router. */
export class Retransmissions {
  readonly databases: () => Iterable<Lsdb>;
  readonly #byBit: (RetransmissionList | undefined)[] = new Array<undefined>(BITS).fill(undefined);
  readonly #others = new Set<RetransmissionList>();

  /** `databases`: where all slots stand. */
  constructor(databases: () => Iterable<Lsdb>) {
    this.databases = databases;
  }

  /** A list that was empty begins. Returns its bit; 0: there is none left. */
  begin(list: RetransmissionList): number {
    const at = this.#byBit.indexOf(undefined);
    if (at < 0) {
      this.#others.add(list);
      return 0;
    }
    this.#byBit[at] = list;
    return 1 << at;
  }
  end(list: RetransmissionList, bit: number): void {
    if (bit === 0) this.#others.delete(list);
    else this.#byBit[31 - Math.clz32(bit)] = undefined;
  }
  /** Takes an advertisement off everybody's list. */
  forget(slot: Slot): void {
    for (let left = slot.waiting & ~OTHERS; left !== 0; left &= left - 1)
      this.#byBit[31 - Math.clz32(left & -left)]?.delete(slot);
    if ((slot.waiting & OTHERS) !== 0) for (const list of this.#others) list.delete(slot);
  }
  /** Whether it is on the list of somebody without a bit. */
  othersWait(slot: Slot): boolean {
    for (const list of this.#others) if (list.has(slot)) return true;
    return false;
  }
}

/** The list of one neighbour. */
export class RetransmissionList {
  readonly #all: Retransmissions;
  #bit = 0;
  #set: Set<Slot> | undefined;
  size = 0;
  /** Nothing that came onto the list since it was empty was installed before. */
  #oldestAt: Nanos = NEVER;

  constructor(all: Retransmissions) {
    this.#all = all;
  }

  has(slot: Slot): boolean {
    if (this.size === 0) return false;
    return this.#set === undefined ? (slot.waiting & this.#bit) !== 0 : this.#set.has(slot);
  }
  /** Returns whether it was not on the list. */
  add(slot: Slot): boolean {
    if (this.size === 0) {
      this.#bit = this.#all.begin(this);
      this.#set = this.#bit === 0 ? new Set() : undefined;
      this.#oldestAt = NEVER;
    } else if (this.has(slot)) return false;
    this.#set?.add(slot);
    slot.waiting |= this.#set === undefined ? this.#bit : OTHERS;
    if (slot.at < this.#oldestAt) this.#oldestAt = slot.at;
    this.size++;
    return true;
  }
  /** Returns whether it was on the list. */
  delete(slot: Slot): boolean {
    if (!this.has(slot)) return false;
    if (this.#set === undefined) slot.waiting &= ~this.#bit;
    else {
      this.#set.delete(slot);
      if (!this.#all.othersWait(slot)) slot.waiting &= ~OTHERS;
    }
    if (--this.size === 0) this.#all.end(this, this.#bit);
    return true;
  }
  /** What is on the list, in the order of the databases. */
  slots(): readonly Slot[] {
    if (this.size === 0) return [];
    if (this.#set !== undefined) return [...this.#set];
    const found: Slot[] = [];
    for (const lsdb of this.#all.databases())
      lsdb.eachOfAll((slot) => {
        if ((slot.waiting & this.#bit) !== 0) found.push(slot);
      });
    return found;
  }
  /** What is on the list and was installed at `at` or before. */
  installedBy(at: Nanos): readonly Slot[] {
    return this.#oldestAt > at ? [] : this.slots().filter((slot) => slot.at <= at);
  }
  clear(): void {
    for (const slot of this.slots()) this.delete(slot);
  }
}
