import { type Nanos, NEVER } from "../../core/time.ts";
import type { Slot } from "./lsdb.ts";

/**
 * What neighbours have not acknowledged yet (RFC 2328 §10, the link state retransmission lists). Flooding puts every instance on the list of nearly every neighbour
 * and takes it off again: a list is a bit in the slots of the databases, for as many neighbours as there are bits, and a set for those beyond.
 */

const BITS = 29;
/** On the list of somebody without a bit. */
const OTHERS = 1 << BITS;
/** It was gathered, and may be on nobody's list any longer. */
const GATHERED = 2 << BITS;
/** So many that nobody waits for are kept before they are looked for. */
const SPARE = 1000;

/** Whether somebody has not acknowledged it. */
export const isAwaited = (slot: Slot): boolean => (slot.waiting & ~GATHERED) !== 0;

/** The lists of one router. */
export class Retransmissions {
  readonly #byBit: (RetransmissionList | undefined)[] = new Array<undefined>(BITS).fill(undefined);
  readonly #others = new Set<RetransmissionList>();
  /** All that somebody waits for, in the order in which that began, and what was on a list since they were looked through. */
  #gathered: Slot[] = [];
  #roomFor = SPARE;

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
    for (let left = slot.waiting & ~(OTHERS | GATHERED); left !== 0; left &= left - 1)
      this.#byBit[31 - Math.clz32(left & -left)]?.delete(slot);
    if ((slot.waiting & OTHERS) !== 0) for (const list of this.#others) list.delete(slot);
  }
  /** Somebody waits for it from now on. */
  gather(slot: Slot): void {
    if ((slot.waiting & GATHERED) !== 0) return;
    slot.waiting |= GATHERED;
    this.#gathered.push(slot);
    if (this.#gathered.length < this.#roomFor) return;
    this.#sift();
    this.#roomFor = 2 * this.#gathered.length + SPARE;
  }
  /** What is on the list that has a bit. */
  withBit(bit: number): Slot[] {
    this.#sift();
    return this.#gathered.filter((slot) => (slot.waiting & bit) !== 0);
  }
  /** Lets go of what nobody waits for. */
  #sift(): void {
    this.#gathered = this.#gathered.filter((slot) => {
      if (!isAwaited(slot)) slot.waiting = 0;
      return slot.waiting !== 0;
    });
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
    this.#all.gather(slot);
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
  /** What is on the list, in the order in which somebody began to wait for it. */
  slots(): readonly Slot[] {
    if (this.size === 0) return [];
    return this.#set === undefined ? this.#all.withBit(this.#bit) : [...this.#set];
  }
  /** What is on the list and was installed at `at` or before. */
  installedBy(at: Nanos): readonly Slot[] {
    return this.#oldestAt > at ? [] : this.slots().filter((slot) => slot.at <= at);
  }
  clear(): void {
    for (const slot of this.slots()) this.delete(slot);
  }
}
