import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { RandomStream } from "../../../core/rng.ts";
import { Alarm } from "../../../core/sim.ts";
import { NEVER, S } from "../../../core/time.ts";
import { longestFrame } from "./fifo.ts";
import { FilterChain, result, stolen, TC_SHOT } from "./filters/filter.ts";
import { type Handle, majorOf, minorOf } from "./handle.ts";
import { PacketQueue } from "./packet-queue.ts";
import { Qdisc, XMIT_BYPASS, XMIT_CN, XMIT_OK, XMIT_STOLEN, type Xmit } from "./qdisc.ts";
import { skbHash, skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");
const FILTERED = dropReason("qdisc: dropped by a filter");

/** SFQ_MAX_DEPTH, SFQ_DEFAULT_FLOWS, SFQ_MAX_FLOWS, SFQ_DEFAULT_HASH_DIVISOR. */
const DEPTH_MAX = 127;
const FLOWS = 128;
const FLOWS_MAX = 0x1_0000 - DEPTH_MAX - 1;
const DIVISOR = 1024;
const DIVISOR_MAX = 65_536;

/** What is not given, or 0, stays as it is, or as it is by default. */
export interface SfqOptions {
  readonly limit?: number;
  readonly quantum?: number;
  /** Seconds between two new hash functions; 0: never. */
  readonly perturb?: number;
  readonly divisor?: number;
  readonly flows?: number;
  readonly depth?: number;
  readonly headdrop?: boolean;
}

/** A flow's packets, its place in the ring of flows, and among those of its length. */
class Slot {
  readonly index: number;
  readonly packets = new PacketQueue();
  hash = 0;
  backlog = 0;
  allot = 0;
  next: Slot = this;

  constructor(index: number) {
    this.index = index;
  }
}

/** Stochastic fairness queueing (net/sched/sch_sfq.c): a queue for each hash of a flow, served in turn; the longest loses. */
export class Sfq extends Qdisc {
  override readonly kind = "sfq";
  limit = DEPTH_MAX;
  quantum: number;
  perturb = 0;
  divisor = DIVISOR;
  flows = FLOWS;
  depth = DEPTH_MAX;
  headdrop = false;

  /** The slot of a hash. */
  #table: (Slot | undefined)[] = new Array(DIVISOR).fill(undefined);
  readonly #free: Slot[] = [];
  /** Slots by how many packets they have; the last of each list came there last. */
  readonly #byDepth: Slot[][] = Array.from({ length: DEPTH_MAX + 1 }, () => []);
  #deepest = 0;
  #used = 0;
  /** The last flow of the ring. */
  #tail: Slot | null = null;
  readonly #draws: RandomStream;
  #seed: number;
  readonly #alarm: Alarm;
  #filters: FilterChain | undefined;

  private constructor(tx: TxQueue, handle: Handle) {
    super(tx, handle);
    const { dev } = tx;
    this.quantum = longestFrame(dev);
    this.#draws = dev.kernel.sim.rng(`sfq ${dev.label}`);
    this.#seed = this.#draws.u32();
    this.#alarm = new Alarm(dev.kernel.sim, dev.label, () => this.#perturbate());
  }

  static create(tx: TxQueue, handle: Handle, options: SfqOptions): Outcome<Sfq> {
    const sfq = new Sfq(tx, handle);
    const changed = sfq.change(options);
    sfq.mayBypass = true;
    return changed.ok ? granted(sfq) : changed;
  }

  /** net/sched/sch_sfq.c:sfq_change. */
  change(o: SfqOptions): Outcome {
    const divisor = o.divisor ?? 0;
    if (divisor > DIVISOR_MAX || (divisor & (divisor - 1)) !== 0) return refused("EINVAL");
    if ((o.quantum ?? 0) > 0x7fff_ffff) return refused("EINVAL", "sch_sfq: invalid quantum");
    if (o.flows) this.flows = Math.min(o.flows, FLOWS_MAX);
    if (o.depth) this.depth = Math.min(o.depth, DEPTH_MAX);
    if (o.headdrop) this.headdrop = true;
    if (o.limit) {
      this.limit = Math.min(o.limit, this.depth * this.flows);
      this.flows = Math.min(this.flows, this.limit);
    }
    if (o.quantum) this.quantum = o.quantum;
    if (divisor !== 0 && divisor !== this.divisor) this.#setDivisor(divisor);
    while (this.qlen > this.limit) this.reduceAbove(1, this.#dropOne());
    if (o.perturb !== undefined) {
      this.perturb = o.perturb;
      this.#alarm.set(o.perturb === 0 ? NEVER : this.dev.kernel.sim.now + o.perturb * S);
    }
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    const hash = this.#classify(p, length);
    if (typeof hash === "string") {
      if (hash === "shot") this.drops++;
      this.kill(p, FILTERED);
      return hash === "shot" ? XMIT_BYPASS : XMIT_STOLEN;
    }
    const slot = this.#table[hash] ?? this.#takeSlot(hash);
    if (slot === null) return this.drop(p, FULL);
    if (slot.packets.size >= this.depth) {
      if (!this.headdrop) return this.drop(p, FULL);
      return this.#replaceFirst(slot, p, length);
    }
    this.backlog += length;
    this.#append(slot, p, length);
    if (++this.qlen <= this.limit) return XMIT_OK;
    const before = slot.packets.size;
    const dropped = this.#dropOne();
    if (slot.packets.size !== before) {
      this.reduceAbove(0, dropped - length);
      return XMIT_CN;
    }
    this.reduceAbove(1, dropped);
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    while (this.#tail !== null) {
      const slot: Slot = this.#tail.next;
      if (slot.allot <= 0) {
        this.#tail = slot;
        slot.allot += this.quantum;
        continue;
      }
      const p = slot.packets.shift() as Packet;
      const length = skbLength(p, this.dev);
      this.#moved(slot, slot.packets.size + 1);
      this.count(length);
      this.qlen--;
      this.backlog -= length;
      slot.backlog -= length;
      if (slot.packets.size === 0) this.#removeNext();
      else slot.allot -= length;
      return p;
    }
    return null;
  }

  protected override clear(): void {
    for (let p = this.dequeue(); p !== null; p = this.dequeue()) this.kill(p, EMPTIED);
  }
  override destroy(): void {
    this.#filters?.destroy();
    this.#alarm.set(NEVER);
    super.destroy();
  }

  /** Hashes that have packets, as classes. */
  override *classids(): Generator<Handle> {
    for (const [hash, slot] of this.#table.entries()) if (slot !== undefined) yield (this.handle | (hash + 1)) >>> 0;
  }
  /** A flow as `tc -s class show` tells of it. */
  flowOf(classid: Handle): { readonly qlen: number; readonly backlog: number; readonly allot: number } | undefined {
    const slot = this.#table[minorOf(classid) - 1];
    return slot && { qlen: slot.packets.size, backlog: slot.backlog, allot: slot.allot };
  }
  override filterChain(classid: Handle): FilterChain | undefined {
    return classid === 0 ? (this.#filters ??= new FilterChain(this)) : undefined;
  }

  #classify(p: Packet, length: number): number | "shot" | "stolen" {
    const minor = minorOf(p.priority);
    if (p.priority !== 0 && majorOf(p.priority) === this.handle && minor > 0 && minor <= this.divisor) return minor - 1;
    if (this.#filters === undefined || this.#filters.protos.length === 0) {
      return skbHash(p, this.dev, this.#seed) & (this.divisor - 1);
    }
    const verdict = this.#filters.classify(p, this.dev, length);
    if (stolen(verdict)) return "stolen";
    const flow = minorOf(result.classid);
    return verdict < 0 || verdict === TC_SHOT || flow === 0 || flow > this.divisor ? "shot" : flow - 1;
  }

  #takeSlot(hash: number): Slot | null {
    const slot = this.#free.pop() ?? (this.#used < this.flows ? new Slot(this.#used++) : null);
    if (slot === null) return null;
    slot.hash = hash;
    slot.backlog = 0;
    this.#table[hash] = slot;
    return slot;
  }

  /** Puts a packet at a flow's end; a flow that had none goes to the end of the ring. */
  #append(slot: Slot, p: Packet, length: number): void {
    slot.packets.push(p);
    slot.backlog += length;
    this.#moved(slot, slot.packets.size - 1);
    if (slot.packets.size > 1) return;
    if (this.#tail === null) slot.next = slot;
    else {
      slot.next = this.#tail.next;
      this.#tail.next = slot;
    }
    this.#tail = slot;
    slot.allot = this.quantum;
  }

  #replaceFirst(slot: Slot, p: Packet, length: number): Xmit {
    const first = slot.packets.shift() as Packet;
    const gained = length - skbLength(first, this.dev);
    this.backlog += gained;
    slot.backlog += gained;
    this.drop(first, FULL);
    slot.packets.push(p);
    this.reduceAbove(0, -gained);
    return XMIT_CN;
  }

  /** A packet of the longest flow goes (sfq_drop). Returns its length. */
  #dropOne(): number {
    const alone = this.#deepest === 1;
    const slot = alone ? (this.#tail as Slot).next : (this.#byDepth[this.#deepest] as Slot[]).at(-1);
    if (slot === undefined) return 0;
    const p = (this.headdrop ? slot.packets.shift() : slot.packets.pop()) as Packet;
    const length = skbLength(p, this.dev);
    slot.backlog -= length;
    this.#moved(slot, slot.packets.size + 1);
    this.qlen--;
    this.backlog -= length;
    if (alone) this.#removeNext();
    this.drop(p, FULL);
    return length;
  }

  /** The slot had `before` packets, and has another number now. */
  #moved(slot: Slot, before: number): void {
    const from = this.#byDepth[before] as Slot[];
    if (before > 0) from.splice(from.lastIndexOf(slot), 1);
    const { size } = slot.packets;
    if (size > 0) (this.#byDepth[size] as Slot[]).push(slot);
    if (size > this.#deepest) this.#deepest = size;
    else if (before === this.#deepest && from.length === 0) this.#deepest = size;
  }

  /** The first flow of the ring has no packet left. */
  #removeNext(): void {
    const tail = this.#tail as Slot;
    const slot = tail.next;
    this.#table[slot.hash] = undefined;
    this.#free.push(slot);
    if (slot === tail) this.#tail = null;
    else tail.next = slot.next;
  }

  #perturbate(): void {
    this.#seed = this.#draws.u32();
    if (this.#filters === undefined || this.#filters.protos.length === 0) this.#rehash(this.divisor);
    if (this.perturb > 0) this.#alarm.set(this.dev.kernel.sim.now + this.perturb * S);
  }
  #setDivisor(divisor: number): void {
    if (this.qlen === 0) {
      this.divisor = divisor;
      this.#table = new Array(divisor).fill(undefined);
    } else this.#rehash(divisor);
  }

  /** Packets find their flows anew; those that find no room are dropped (sfq_rehash). */
  #rehash(divisor: number): void {
    const { qlen, backlog, packets, bytes } = this;
    const waiting: Packet[] = [];
    for (let p = this.dequeue(); p !== null; p = this.dequeue()) waiting.push(p);
    this.divisor = divisor;
    this.#table = new Array(divisor).fill(undefined);
    for (const p of waiting) {
      const length = skbLength(p, this.dev);
      const slot = this.#slotOf(p);
      if (slot === null || slot.packets.size >= this.depth) this.drop(p, FULL);
      else {
        this.#append(slot, p, length);
        this.backlog += length;
        this.qlen++;
      }
    }
    this.packets = packets;
    this.bytes = bytes;
    this.reduceAbove(qlen - this.qlen, backlog - this.backlog);
  }
  #slotOf(p: Packet): Slot | null {
    const hash = skbHash(p, this.dev, this.#seed) & (this.divisor - 1);
    return this.#table[hash] ?? this.#takeSlot(hash);
  }
}
