import { type Nanos, NEVER } from "../../../../core/time.ts";
import * as flow from "./flow.ts";
import { hash } from "./hash.ts";
import { SourceLists } from "./sources.ts";

/** As constants of its own: see `flow.ts`. */
const {
  D_EXPIRES,
  FLOW_SHIFT,
  FLOW_WORDS,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_DYING,
  IPS_SRC_NAT_DONE,
  T_DST,
  T_PORTS,
  T_SRC,
  TUPLE_WORDS,
  W_PROTOCOL,
  W_REPLY,
  W_STATUS,
} = flow;

/** Slots in which a table begins, the first of which is never used. */
const SLOTS_MIN = 64;
/** A cell of the index has 23 bits for a direction of a flow: more flows than this fit no table. */
export const FLOWS_MAX = (1 << 22) - 2;
const REF_BITS = 23;
const REF_MASK = (1 << REF_BITS) - 1;
/** Flows that an insertion looks at in passing, to collect those whose time is over (`gc_worker`). */
const SWEEP_STEP = 2;
/** Cells that early drop looks at: eight chains as long as Linux's are on average when its table is full (`NF_CT_EVICTION_RANGE`). */
const EVICTION_RANGE = 16;

/** Flows that a table under pressure looks at for some that it can do without, when a new one finds no room. */
const RELIEF_STEPS = 64;

/** What the table asks of those who know what its flows mean. */
export interface FlowKeeper {
  /** A confirmed flow is no more; its record can still be read. */
  gone(slot: number): void;
  /** Whether a flow that is assured may go all the same when there is no room: its connection is closing. */
  expendable(slot: number): boolean;
}

/**
 * The flows: records of fixed size in one buffer, found through an open-addressing index that holds every confirmed flow twice,
 * once for each direction. A flow is named by its slot, a direction of it by a `ref`: twice the slot, plus one for the reply.
 */
export class FlowTable {
  /** The records. All are replaced when the table grows: read them anew each time. */
  words = new Int32Array(0);
  doubles = new Float64Array(0);
  bytes = new Uint8Array(0);
  /** How often each slot was given away. */
  generations = new Uint16Array(0);
  /** Packets and octets, original and reply by turns; made when accounting begins (`nf_conntrack_acct`). */
  counters: Float64Array | null = null;
  /** When each flow was confirmed, -1 where nobody kept it; made when `nf_conntrack_timestamp` begins. */
  starts: Float64Array | null = null;
  /** Flows, those included that are not confirmed yet (`nf_conntrack_count`). */
  count = 0;
  /** `nf_conntrack_max`. */
  max: number;
  readonly sources: SourceLists;
  /** Flows that made room for others. */
  earlyDrops = 0;
  readonly #keeper: FlowKeeper;
  #index = new Int32Array(4 * SLOTS_MIN);
  #refs = 0;
  #slots = 0;
  #used = 1;
  #free = 0;
  #hand = 1;
  /** Flows that were deleted while packets may still name them; their slots are free from the next instant on. */
  #limbo: number[] = [];
  #limboAt: Nanos = NEVER;
  readonly #seed: number;

  constructor(seed: number, max: number, keeper: FlowKeeper) {
    this.#seed = seed | 0;
    this.max = max;
    this.#keeper = keeper;
    this.sources = new SourceLists(this, seed);
    this.#resize(SLOTS_MIN);
  }

  /** The direction of a confirmed flow that has this tuple, or -1; `now` decides whether the flow's time is over. */
  find(src: number, dst: number, ports: number, protocol: number, now: Nanos): number {
    const ref = this.search(src, dst, ports, protocol);
    if (ref < 0 || (this.doubles[((ref >> 1) << 4) + D_EXPIRES] as number) > now) return ref;
    this.remove(ref >> 1, now);
    return -1;
  }

  /** As `find`, but the flow's time may be over. */
  search(src: number, dst: number, ports: number, protocol: number): number {
    const index = this.#index;
    const mask = index.length - 1;
    const w = this.words;
    const h = hash(src, dst, ports, protocol, this.#seed);
    const tag = h >>> REF_BITS;
    for (let i = h & mask; ; i = (i + 1) & mask) {
      const cell = index[i] as number;
      if (cell === 0) return -1;
      if (cell >>> REF_BITS !== tag) continue;
      const ref = (cell & REF_MASK) - 1;
      const o = (ref >> 1) << FLOW_SHIFT;
      const t = (ref & 1) === 0 ? o : o + W_REPLY;
      if (w[t] === src && w[t + 1] === dst && w[t + 2] === ports && w[o + W_PROTOCOL] === protocol) return ref;
    }
  }

  /** A slot for a new flow, all zero but its protocol; 0 when the table is full. */
  allocate(protocol: number, hint: number, now: Nanos): number {
    if (this.#limbo.length > 0 && this.#limboAt < now) this.#bury();
    this.#sweep(SWEEP_STEP, now);
    if (this.count >= this.max && !this.#evict(hint, now)) return 0;
    let slot = this.#free;
    if (slot !== 0) this.#free = this.words[slot << FLOW_SHIFT] as number;
    else {
      if (this.#used === this.#slots && !this.#grow()) return 0;
      slot = this.#used++;
    }
    const o = slot << FLOW_SHIFT;
    this.words.fill(0, o, o + FLOW_WORDS);
    this.words[o + W_PROTOCOL] = protocol;
    this.counters?.fill(0, 4 * slot, 4 * slot + 4);
    if (this.starts !== null) this.starts[slot] = -1;
    this.count++;
    return slot;
  }

  /** Lets a flow that was never confirmed go. */
  discard(slot: number, now: Nanos): void {
    this.#retire(slot, now);
  }

  /** Makes a flow findable in both directions. False when another one has either tuple: nothing was done. */
  insert(slot: number, now: Nanos): boolean {
    const w = this.words;
    const o = slot << FLOW_SHIFT;
    const protocol = w[o + W_PROTOCOL] as number;
    for (let t = o; t <= o + W_REPLY; t += TUPLE_WORDS) {
      const [src, dst, ports] = [w[t + T_SRC] as number, w[t + T_DST] as number, w[t + T_PORTS] as number];
      if (this.find(src, dst, ports, protocol, now) >= 0) return false;
    }
    if (2 * (this.#refs + 2) > this.#index.length) this.#reindex(2 * this.#index.length);
    this.#place(slot << 1);
    this.#place((slot << 1) | 1);
    this.#refs += 2;
    w[o + W_STATUS] = (w[o + W_STATUS] as number) | IPS_CONFIRMED;
    return true;
  }

  /** Takes a confirmed flow out: it is found no more, but its record stays until the next instant. */
  remove(slot: number, now: Nanos): void {
    const at = (slot << FLOW_SHIFT) + W_STATUS;
    const status = this.words[at] as number;
    if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return;
    this.words[at] = status | IPS_DYING;
    this.#keeper.gone(slot);
    this.#displace(slot << 1);
    this.#displace((slot << 1) | 1);
    this.#refs -= 2;
    this.#retire(slot, now);
  }

  /** The slots of all confirmed flows whose time is not over, in the order of their slots. Others are collected. */
  *slots(now: Nanos): Generator<number> {
    for (let slot = 1; slot < this.#used; slot++) if (this.isLive(slot, now)) yield slot;
  }

  /** Collects every flow whose time is over, and says when the next one's will be. */
  collect(now: Nanos): Nanos {
    let next = NEVER;
    for (let slot = 1; slot < this.#used; slot++) {
      if (!this.isLive(slot, now)) continue;
      const at = this.doubles[(slot << 4) + D_EXPIRES] as number;
      if (at < next) next = at;
    }
    return next;
  }

  /** Whether the slot holds a confirmed flow; one whose time is over is collected. */
  isLive(slot: number, now: Nanos): boolean {
    const status = this.words[(slot << FLOW_SHIFT) + W_STATUS] as number;
    if ((status & (IPS_CONFIRMED | IPS_DYING)) !== IPS_CONFIRMED) return false;
    if ((this.doubles[(slot << 4) + D_EXPIRES] as number) > now) return true;
    this.remove(slot, now);
    return false;
  }

  /** Begins to count packets and octets of flows. */
  account(): void {
    this.counters ??= new Float64Array(4 * this.#slots);
  }

  /** Begins to keep when flows begin. */
  keepStarts(): void {
    this.starts ??= new Float64Array(this.#slots).fill(-1);
  }
  /** A flow begins, where that is kept. */
  begun(slot: number, now: Nanos): void {
    if (this.starts !== null) this.starts[slot] = now;
  }

  /** A number that names the flow in this slot, and no other that had the slot before (`nf_ct_get_id`). */
  idOf(slot: number): number {
    return hash(slot, this.generations[slot] as number, 0, 0, this.#seed) >>> 0;
  }

  #hashOf(ref: number): number {
    const w = this.words;
    const o = (ref >> 1) << FLOW_SHIFT;
    const t = (ref & 1) === 0 ? o : o + W_REPLY;
    return hash(
      w[t + T_SRC] as number,
      w[t + T_DST] as number,
      w[t + T_PORTS] as number,
      w[o + W_PROTOCOL] as number,
      this.#seed,
    );
  }

  #place(ref: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    const h = this.#hashOf(ref);
    let i = h & mask;
    while (index[i] !== 0) i = (i + 1) & mask;
    index[i] = (h & ~REF_MASK) | (ref + 1);
  }

  /** Empties the cell of a direction, and moves those behind it up, so that no search ends too early. */
  #displace(ref: number): void {
    const index = this.#index;
    const mask = index.length - 1;
    let hole = this.#hashOf(ref) & mask;
    while (((index[hole] as number) & REF_MASK) !== ref + 1) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; index[i] !== 0; i = (i + 1) & mask) {
      const home = this.#hashOf(((index[i] as number) & REF_MASK) - 1) & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      index[hole] = index[i] as number;
      hole = i;
    }
    index[hole] = 0;
  }

  #retire(slot: number, now: Nanos): void {
    const o = slot << FLOW_SHIFT;
    const status = this.words[o + W_STATUS] as number;
    if ((status & IPS_SRC_NAT_DONE) !== 0) this.sources.remove(slot);
    this.words[o + W_STATUS] = status | IPS_DYING;
    this.count--;
    this.#limbo.push(slot);
    this.#limboAt = now;
  }

  #bury(): void {
    for (const slot of this.#limbo) {
      this.generations[slot]! += 1;
      this.words[(slot << FLOW_SHIFT) + W_STATUS] = 0;
      this.words[slot << FLOW_SHIFT] = this.#free;
      this.#free = slot;
    }
    this.#limbo = [];
  }

  #sweep(steps: number, now: Nanos): void {
    for (let i = 0; i < steps; i++) {
      if (this.#hand >= this.#used) this.#hand = 1;
      if (this.#hand < this.#used) this.isLive(this.#hand++, now);
    }
  }

  /** net/netfilter/nf_conntrack_core.c:early_drop: room for one more, at the cost of one that is not assured. */
  #evict(hint: number, now: Nanos): boolean {
    const index = this.#index;
    const mask = index.length - 1;
    for (let n = 0; n < EVICTION_RANGE; n++) {
      const cell = index[(hint + n) & mask] as number;
      if (cell === 0) continue;
      const slot = ((cell & REF_MASK) - 1) >> 1;
      const before = this.count;
      if (this.isLive(slot, now)) {
        if (((this.words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_ASSURED) !== 0) continue;
        this.earlyDrops++;
        this.remove(slot, now);
      }
      if (this.count < before) return true;
    }
    if (this.count >= this.max) this.#relieve(now);
    return false;
  }

  /** What `gc_worker` does after early drop failed: above 95 % of the limit, connections that are closing go too. */
  #relieve(now: Nanos): void {
    for (let n = 0; n < RELIEF_STEPS && this.count > 0.95 * this.max; n++) {
      if (this.#hand >= this.#used) this.#hand = 1;
      const slot = this.#hand++;
      if (!this.isLive(slot, now)) continue;
      const assured = ((this.words[(slot << FLOW_SHIFT) + W_STATUS] as number) & IPS_ASSURED) !== 0;
      if (!assured || this.#keeper.expendable(slot)) this.remove(slot, now);
    }
  }

  #grow(): boolean {
    if (this.#slots > FLOWS_MAX) return false;
    this.#resize(Math.min(2 * this.#slots, FLOWS_MAX + 1));
    return true;
  }

  #resize(slots: number): void {
    const buffer = new ArrayBuffer(4 * FLOW_WORDS * slots);
    const words = new Int32Array(buffer);
    words.set(this.words);
    this.words = words;
    this.doubles = new Float64Array(buffer);
    this.bytes = new Uint8Array(buffer);
    const generations = new Uint16Array(slots);
    generations.set(this.generations);
    this.generations = generations;
    if (this.counters !== null) {
      const counters = new Float64Array(4 * slots);
      counters.set(this.counters);
      this.counters = counters;
    }
    if (this.starts !== null) {
      const starts = new Float64Array(slots).fill(-1);
      starts.set(this.starts);
      this.starts = starts;
    }
    this.#slots = slots;
  }

  #reindex(cells: number): void {
    const old = this.#index;
    this.#index = new Int32Array(cells);
    for (const cell of old) if (cell !== 0) this.#place((cell & REF_MASK) - 1);
  }
}
