import type { Mac } from "../../../core/addr.ts";

/** Kinds of entries (`net/bridge/br_private.h`: `BR_FDB_…`), as bits of `MacTable.flags`. */
export const FDB_LOCAL = 0x01; // an address of this machine: `permanent`
export const FDB_STATIC = 0x02; // does not age
export const FDB_STICKY = 0x04; // does not move to another port
export const FDB_USER = 0x08; // added by hand
export const FDB_EXTERNAL = 0x10; // learnt by a control plane: `extern_learn`
export const FDB_OFFLOADED = 0x20;
export const FDB_LEARNED = 0x40; // learnt from traffic: counts towards the limit

/** The first two octets of a MAC, as the data path compares them. */
export const macHigh = (mac: Mac): number => Math.floor(mac / 0x1_0000_0000);
/** The last four octets, signed. */
export const macLow = (mac: Mac): number => mac | 0;
/** The MAC of its two parts. */
export const macOf = (high: number, low: number): Mac => high * 0x1_0000_0000 + (low >>> 0);

const SLOTS_MIN = 16;

/**
 * A hash table from (MAC, scope) to a slot number; the scope is a VLAN, a network identifier, or 0. What an entry says is
 * kept by the owner in arrays of its own, indexed by slot. Slots are reused; nothing is allocated but when the table grows.
 * Read `flags`, `updated` and `used` afresh after every `insert`: growing replaces them.
 */
export class MacTable {
  /** Most entries. */
  readonly max: number;
  size = 0;
  /** `FDB_…`, by slot; 0 after `insert`. */
  flags = new Uint16Array(SLOTS_MIN);
  /** When the entry was last confirmed, and last looked for; by slot, 0 after `insert`. */
  updated = new Float64Array(SLOTS_MIN);
  used = new Float64Array(SLOTS_MIN);
  #high = new Uint16Array(SLOTS_MIN);
  #low = new Int32Array(SLOTS_MIN);
  #scope = new Int32Array(SLOTS_MIN);
  /** Neighbours in the order of insertion, newest first; `#older` also chains the free slots. */
  #older = new Int32Array(SLOTS_MIN);
  #newer = new Int32Array(SLOTS_MIN);
  #newest = -1;
  #free = -1;
  /** Slots handed out so far. */
  #fresh = 0;
  /** Open addressing, twice as many places as slots: slot + 1, or 0. */
  #index = new Int32Array(2 * SLOTS_MIN);

  constructor(max: number) {
    this.max = max;
  }

  /** The slot of an entry; -1 when there is none. */
  find(high: number, low: number, scope: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    for (let i = hash(high, low, scope) & mask; ; i = (i + 1) & mask) {
      const slot = (index[i] as number) - 1;
      if (slot < 0) return -1;
      if (this.#low[slot] === low && this.#high[slot] === high && this.#scope[slot] === scope) return slot;
    }
  }

  /** The slot of a new entry, which must not exist yet; -1 when the table is full. */
  insert(high: number, low: number, scope: number): number {
    if (this.size >= this.max) return -1;
    const slot = this.#takeSlot();
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#scope[slot] = scope;
    this.flags[slot] = 0;
    this.updated[slot] = 0;
    this.used[slot] = 0;
    this.#older[slot] = this.#newest;
    this.#newer[slot] = -1;
    if (this.#newest >= 0) this.#newer[this.#newest] = slot;
    this.#newest = slot;
    this.size++;
    this.#enter(slot);
    return slot;
  }

  remove(slot: number): void {
    this.#leave(slot);
    const older = this.#older[slot] as number;
    const newer = this.#newer[slot] as number;
    if (newer >= 0) this.#older[newer] = older;
    else this.#newest = older;
    if (older >= 0) this.#newer[older] = newer;
    this.#older[slot] = this.#free;
    this.#free = slot;
    this.size--;
  }

  /** The slot of the entry that was inserted last, -1 when the table is empty: where a walk begins. */
  get newest(): number {
    return this.#newest;
  }
  /** The next slot of a walk, -1 at its end. Ask before you remove the entry at `slot`. */
  older(slot: number): number {
    return this.#older[slot] as number;
  }

  mac(slot: number): Mac {
    return macOf(this.#high[slot] as number, this.#low[slot] as number);
  }
  scope(slot: number): number {
    return this.#scope[slot] as number;
  }

  #takeSlot(): number {
    const free = this.#free;
    if (free >= 0) {
      this.#free = this.#older[free] as number;
      return free;
    }
    if (this.#fresh === this.flags.length) this.#grow();
    return this.#fresh++;
  }

  #enter(slot: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let i = this.#home(slot);
    while (index[i] !== 0) i = (i + 1) & mask;
    index[i] = slot + 1;
  }

  /** Empties the slot's place, and moves up those that had to stand behind it. */
  #leave(slot: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = this.#home(slot);
    while (index[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; index[i] !== 0; i = (i + 1) & mask) {
      const home = this.#home((index[i] as number) - 1);
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      index[hole] = index[i] as number;
      hole = i;
    }
    index[hole] = 0;
  }

  #home(slot: number): number {
    const mask = this.#index.length - 1;
    return hash(this.#high[slot] as number, this.#low[slot] as number, this.#scope[slot] as number) & mask;
  }

  #grow(): void {
    const capacity = 2 * this.flags.length;
    this.flags = enlarged(this.flags, new Uint16Array(capacity));
    this.updated = enlarged(this.updated, new Float64Array(capacity));
    this.used = enlarged(this.used, new Float64Array(capacity));
    this.#high = enlarged(this.#high, new Uint16Array(capacity));
    this.#low = enlarged(this.#low, new Int32Array(capacity));
    this.#scope = enlarged(this.#scope, new Int32Array(capacity));
    this.#older = enlarged(this.#older, new Int32Array(capacity));
    this.#newer = enlarged(this.#newer, new Int32Array(capacity));
    this.#index = new Int32Array(2 * capacity);
    for (let slot = this.#newest; slot >= 0; slot = this.older(slot)) this.#enter(slot);
  }
}

type Numbers = Uint16Array | Int32Array | Float64Array;

function enlarged<A extends Numbers>(from: A, to: A): A {
  to.set(from);
  return to;
}

function hash(high: number, low: number, scope: number): number {
  let h = Math.imul(low, 0x9e3779b1) ^ Math.imul(high ^ (scope << 7), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 15), 0xc2b2ae35);
  return h ^ (h >>> 13);
}
