import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { RandomStream } from "../../../core/rng.ts";
import { type Nanos, S } from "../../../core/time.ts";
import { DIST_SCALE, type DistributionName, distribution } from "./distributions.ts";
import type { Handle } from "./handle.ts";
import {
  CorrelatedRandom,
  type FourStateLoss,
  type GilbertElliotLoss,
  type LossModel,
  lossModel,
} from "./netem-loss.ts";
import { ClassfulQdisc, countsDrop, type Qdisc, XMIT_BYPASS, XMIT_DROP, XMIT_OK, type Xmit } from "./qdisc.ts";
import { markCongestion, skbLength } from "./skb.ts";
import { TimedQueue } from "./timed-queue.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");
const LOST = dropReason("qdisc: lost on purpose");

/**
 * Probabilities and correlations are 32-bit integers, of which 0xffffffff is 1; spans in nanoseconds. A change leaves as it
 * is what is optional and not given.
 */
export interface NetemOptions {
  readonly limit: number;
  readonly latency: Nanos;
  readonly jitter: Nanos;
  readonly loss: number;
  readonly lossModel?: FourStateLoss | GilbertElliotLoss | undefined;
  readonly duplicate: number;
  /** Every how manieth packet may overtake; 0: none. */
  readonly gap: number;
  readonly correlations?: { readonly delay: number; readonly loss: number; readonly duplicate: number } | undefined;
  readonly distribution?: DistributionName | undefined;
  readonly reorder?: Chance | undefined;
  readonly corrupt?: Chance | undefined;
  readonly rate?: NetemRate | undefined;
  readonly slot?: NetemSlot | undefined;
  readonly ecn?: boolean | undefined;
}

export interface Chance {
  readonly probability: number;
  readonly correlation: number;
}

export interface NetemRate {
  readonly bytesPerSecond: number;
  readonly packetOverhead: number;
  /** 0: packets are not cut into cells. */
  readonly cellSize: number;
  readonly cellOverhead: number;
}

/** Packets leave in bunches: between `min` and `max` apart, or distributed; with limits for a bunch, 0 being none. */
export interface NetemSlot {
  readonly min: Nanos;
  readonly max: Nanos;
  readonly distribution?: { readonly name: DistributionName; readonly delay: Nanos; readonly jitter: Nanos };
  readonly packets: number;
  readonly bytes: number;
}

const INT_MAX = 0x7fff_ffff;
const NO_CHANCE: Chance = { probability: 0, correlation: 0 };

/** Network emulation (net/sched/sch_netem.c): delay, loss, duplication, corruption, reordering and a rate. */
export class Netem extends ClassfulQdisc {
  override readonly kind = "netem";
  options: NetemOptions = { limit: 0, latency: 0, jitter: 0, loss: 0, duplicate: 0, gap: 0 };
  readonly #draws: RandomStream;
  #delayRandom!: CorrelatedRandom;
  #lossRandom!: CorrelatedRandom;
  #duplicateRandom!: CorrelatedRandom;
  #corruptRandom!: CorrelatedRandom;
  #reorderRandom!: CorrelatedRandom;
  #loss: LossModel | null = null;
  #table: Int16Array | null = null;
  #slotTable: Int16Array | null = null;
  /** Packets that are delayed, by when they leave; and those that overtake them. */
  readonly #delayed = new TimedQueue();
  readonly #overtaking = new TimedQueue();
  /** Packets since one was put in front. */
  #counter = 0;
  /** A copy is on its way into the tree: it is not copied again. */
  #copying = false;
  #slotAt: Nanos = 0;
  #slotPackets = 0;
  #slotBytes = 0;
  #leaf: Qdisc | null = null;

  private constructor(tx: TxQueue, handle: Handle) {
    super(tx, handle);
    this.#draws = tx.dev.kernel.sim.rng(`netem ${tx.dev.label}`);
  }

  static create(tx: TxQueue, handle: Handle, options: NetemOptions): Outcome<Netem> {
    const netem = new Netem(tx, handle);
    const changed = netem.change(options);
    return changed.ok ? granted(netem) : changed;
  }

  change(o: NetemOptions): Outcome {
    const others = [this.tx.root, ...this.tx.below()].filter((q) => q !== this && q instanceof Netem);
    if (others.some((q) => o.duplicate > 0 || (q as Netem).options.duplicate > 0))
      return refused("EINVAL", "netem: cannot mix duplicating netems with other netems in tree");
    this.options = { ...merge(this.options, o), jitter: Math.min(o.jitter, INT_MAX) };
    this.#counter = 0;
    this.#seedRandoms();
    this.#loss = o.lossModel === undefined ? null : lossModel(o.lossModel, this.#draws);
    if (o.distribution !== undefined) this.#table = distribution(o.distribution);
    if (o.slot !== undefined) this.#setSlot(o.slot);
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    const o = this.options;
    const { now } = this.dev.kernel.sim;
    let copies = 1;
    if (o.duplicate > 0 && !this.#copying && o.duplicate >= this.#duplicateRandom.next()) copies++;
    if (this.#loses()) {
      if (o.ecn && markCongestion(p, this.dev)) this.drops++;
      else copies--;
    }
    if (copies === 0) {
      this.drop(p, LOST);
      return XMIT_BYPASS;
    }
    if (p.owner !== null && (o.latency > 0 || o.jitter > 0 || o.rate !== undefined)) p.disown(now);
    if (copies > 1) this.#duplicate(p, length);
    const { probability } = o.corrupt ?? NO_CHANCE;
    if (probability > 0 && probability >= this.#corruptRandom.next()) this.#corrupt(p);
    if (this.#delayed.size >= o.limit) {
      this.drop(p, FULL);
      return copies > 1 ? XMIT_OK : XMIT_DROP;
    }
    this.backlog += length;
    this.qlen++;
    if (this.#overtakes()) {
      this.#counter = 0;
      this.#overtaking.unshift(p, now);
      this.requeues++;
    } else {
      this.#counter++;
      this.#delayed.insert(p, this.#leavesAt(now, length));
    }
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    const { now } = this.dev.kernel.sim;
    const first = this.#overtaking.shift();
    if (first !== null) return this.#deliver(first);
    const leaf = this.#leaf;
    while (this.#delayed.size > 0) {
      const { firstAt } = this.#delayed;
      if (this.#slotAt > 0 && this.#slotAt < firstAt) this.#nextSlot(now);
      if (firstAt > now || this.#slotAt > now) {
        const p = leaf?.dequeue() ?? null;
        if (p !== null) return this.#deliver(p);
        this.tx.wake(Math.max(firstAt, this.#slotAt));
        return null;
      }
      const p = this.#delayed.shift() as Packet;
      if (this.#slotAt > 0) this.#countSlot(p, now);
      if (leaf === null) return this.#deliver(p);
      this.#pass(leaf, p);
    }
    const p = leaf?.dequeue() ?? null;
    return p === null ? null : this.#deliver(p);
  }

  protected override clear(): void {
    for (const queue of [this.#overtaking, this.#delayed]) {
      for (let p = queue.shift(); p !== null; p = queue.shift()) this.kill(p, EMPTIED);
    }
    this.#leaf?.reset();
  }

  override hasClass(): boolean {
    return true;
  }
  override *classids(): Generator<Handle> {
    if (this.#leaf !== null) yield (this.handle | 1) >>> 0;
  }
  override leafOf(): Qdisc | null {
    return this.#leaf;
  }
  override *children(): Generator<Qdisc> {
    if (this.#leaf !== null) yield this.#leaf;
  }
  override graft(classid: Handle, child: Qdisc | null): Outcome<Qdisc | null> {
    const old = this.#leaf;
    if (child !== null) this.adopt(child, old, classid);
    else old?.purge();
    this.#leaf = child;
    return granted(old);
  }

  #deliver(p: Packet): Packet {
    const length = skbLength(p, this.dev);
    this.qlen--;
    this.backlog -= length;
    this.count(length);
    return p;
  }

  /** A packet whose time has come goes into the qdisc below. */
  #pass(leaf: Qdisc, p: Packet): void {
    const length = skbLength(p, this.dev);
    const xmit = leaf.enqueue(p, length);
    if (xmit === XMIT_OK) return;
    if (countsDrop(xmit)) this.drops++;
    this.backlog -= length;
    this.qlen--;
    this.reduceAbove(1, length);
  }

  #loses(): boolean {
    if (this.#loss !== null) return this.#loss.lost();
    return this.options.loss > 0 && this.options.loss >= this.#lossRandom.next();
  }

  #overtakes(): boolean {
    const { gap, reorder } = this.options;
    if (gap === 0 || this.#counter < gap - 1) return false;
    return (reorder ?? NO_CHANCE).probability >= this.#reorderRandom.next();
  }

  /** A copy goes in at the top of the tree, as if it had come from the stack. */
  #duplicate(p: Packet, length: number): void {
    this.#copying = true;
    (this.tx.root ?? this).enqueue(this.dev.kernel.sim.pool.clone(p), length);
    this.#copying = false;
  }

  #corrupt(p: Packet): void {
    const at = p.start + this.#draws.int(p.end - p.start);
    p.buf[at] = (p.buf[at] as number) ^ (1 << this.#draws.int(8));
    p.sumFrom = -1;
  }

  /** When a packet that comes now leaves. With a rate, it waits for the one before it. */
  #leavesAt(now: Nanos, length: number): Nanos {
    const { latency, jitter, rate } = this.options;
    let delay = jitter === 0 ? latency : spread(latency, jitter, this.#delayRandom.next(), this.#table);
    if (rate === undefined) return now + delay;
    const last = Math.max(this.#overtaking.lastAt, this.#delayed.lastAt);
    let from = now;
    if (last >= 0) {
      delay = Math.max(0, delay - (last - now));
      from = last;
    }
    return from + delay + packetTime(rate, length);
  }

  #seedRandoms(): void {
    const { correlations, corrupt, reorder } = this.options;
    const random = (rho = 0): CorrelatedRandom => new CorrelatedRandom(this.#draws, rho);
    this.#delayRandom = random(correlations?.delay);
    this.#lossRandom = random(correlations?.loss);
    this.#duplicateRandom = random(correlations?.duplicate);
    this.#corruptRandom = random(corrupt?.correlation);
    this.#reorderRandom = random(reorder?.correlation);
  }

  #setSlot(slot: NetemSlot): void {
    this.#slotTable = slot.distribution === undefined ? null : distribution(slot.distribution.name);
    this.#slotPackets = slot.packets || INT_MAX;
    this.#slotBytes = slot.bytes || INT_MAX;
    const any = slot.min > 0 || slot.max > 0 || (slot.distribution?.jitter ?? 0) > 0;
    this.#slotAt = any ? Math.max(this.dev.kernel.sim.now, 1) : 0;
  }
  #countSlot(p: Packet, now: Nanos): void {
    this.#slotPackets--;
    this.#slotBytes -= skbLength(p, this.dev);
    if (this.#slotPackets <= 0 || this.#slotBytes <= 0) this.#nextSlot(now);
  }
  /** net/sched/sch_netem.c:get_slot_next. */
  #nextSlot(now: Nanos): void {
    const slot = this.options.slot as NetemSlot;
    const { distribution: dist } = slot;
    const wait =
      dist === undefined
        ? slot.min + Math.floor(((this.#draws.u32() / 2 ** 16) * (slot.max - slot.min)) / 2 ** 16)
        : spread(dist.delay, Math.min(dist.jitter, INT_MAX), this.#draws.u32(), this.#slotTable);
    this.#slotAt = now + wait;
    this.#slotPackets = slot.packets || INT_MAX;
    this.#slotBytes = slot.bytes || INT_MAX;
  }
}

/** The options after a change: what is not given stays (net/sched/sch_netem.c:netem_change). */
function merge(old: NetemOptions, o: NetemOptions): NetemOptions {
  return {
    ...o,
    correlations: o.correlations ?? old.correlations,
    distribution: o.distribution ?? old.distribution,
    reorder: o.reorder ?? (o.gap > 0 ? ALWAYS : old.reorder),
    corrupt: o.corrupt ?? old.corrupt,
    rate: o.rate ?? old.rate,
    slot: o.slot ?? old.slot,
    ecn: o.ecn ?? old.ecn,
  };
}
const ALWAYS: Chance = { probability: 0xffff_ffff, correlation: 0 };

/** A random span around `mean`: by a table, or uniform (net/sched/sch_netem.c:tabledist). */
function spread(mean: Nanos, deviation: Nanos, rnd: number, table: Int16Array | null): Nanos {
  if (table === null) return (rnd % (2 * deviation)) + mean - deviation;
  const t = table[rnd % table.length] as number;
  const x = (deviation % DIST_SCALE) * t;
  const fraction = Math.trunc((x >= 0 ? x + DIST_SCALE / 2 : x - DIST_SCALE / 2) / DIST_SCALE);
  return fraction + Math.floor(deviation / DIST_SCALE) * t + mean;
}

/** net/sched/sch_netem.c:packet_time_ns. */
function packetTime(rate: NetemRate, bytes: number): Nanos {
  let length = bytes + rate.packetOverhead;
  if (rate.cellSize > 0) length = Math.ceil(length / rate.cellSize) * (rate.cellSize + rate.cellOverhead);
  return Math.floor((length * S) / rate.bytesPerSecond);
}
