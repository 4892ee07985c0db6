import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { Fifo } from "./fifo.ts";
import { FilterChain, result, stolen, TC_SHOT } from "./filters/filter.ts";
import { type Handle, majorOf, minorOf } from "./handle.ts";
import { DEFAULT_PRIOMAP, PRIORITY_MASK } from "./pfifo-fast.ts";
import { ClassfulQdisc, countsDrop, type Qdisc, XMIT_BYPASS, XMIT_OK, XMIT_STOLEN, type Xmit } from "./qdisc.ts";
import { skbLength, skbPriority } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FILTERED = dropReason("qdisc: dropped by a filter");

/** TCQ_PRIO_BANDS, TCQ_MIN_PRIO_BANDS. */
const BANDS_MAX = 16;
const BANDS_MIN = 2;

export interface PrioOptions {
  readonly bands: number;
  /** The band of each of the 16 priorities. */
  readonly priomap: readonly number[];
}

export const PRIO_DEFAULTS: PrioOptions = { bands: 3, priomap: DEFAULT_PRIOMAP };

/** Bands, of which the first that has a packet is served (net/sched/sch_prio.c). Band n is class n+1. */
export class Prio extends ClassfulQdisc {
  override readonly kind = "prio";
  bands = 0;
  priomap: readonly number[] = DEFAULT_PRIOMAP;
  #queues: Qdisc[] = [];
  #filters: FilterChain | undefined;

  static create(tx: TxQueue, handle: Handle, options: PrioOptions): Outcome<Prio> {
    const prio = new Prio(tx, handle);
    const tuned = prio.change(options);
    return tuned.ok ? granted(prio) : tuned;
  }

  /** net/sched/sch_prio.c:prio_tune. */
  change({ bands, priomap }: PrioOptions): Outcome {
    if (bands > BANDS_MAX || bands < BANDS_MIN) return refused("EINVAL");
    if (priomap.some((band) => band >= bands)) return refused("EINVAL");
    this.bands = bands;
    this.priomap = priomap;
    for (const gone of this.#queues.splice(bands)) {
      gone.purge();
      gone.destroy();
    }
    for (let band = this.#queues.length; band < bands; band++) {
      const leaf = Fifo.leaf(this.tx);
      this.#queues.push(leaf);
      this.#adoptBand(leaf, null, band);
    }
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    const band = this.#classify(p, length);
    if (typeof band === "string") {
      if (band === "shot") this.drops++;
      this.kill(p, FILTERED);
      return band === "shot" ? XMIT_BYPASS : XMIT_STOLEN;
    }
    const xmit = (this.#queues[band] as Qdisc).enqueue(p, length);
    if (xmit === XMIT_OK) {
      this.backlog += length;
      this.qlen++;
    } else if (countsDrop(xmit)) this.drops++;
    return xmit;
  }

  override dequeue(): Packet | null {
    for (const queue of this.#queues) {
      const p = queue.dequeuePeeked();
      if (p === null) continue;
      const length = skbLength(p, this.dev);
      this.count(length);
      this.backlog -= length;
      this.qlen--;
      return p;
    }
    return null;
  }
  override peek(): Packet | null {
    for (const queue of this.#queues) {
      const p = queue.peek();
      if (p !== null) return p;
    }
    return null;
  }

  protected override clear(): void {
    for (const queue of this.#queues) queue.reset();
  }
  override destroy(): void {
    this.#filters?.destroy();
    super.destroy();
  }

  override hasClass(classid: Handle): boolean {
    return majorOf(classid) === this.handle && this.#bandOf(classid) !== undefined;
  }
  override *classids(): Generator<Handle> {
    for (let band = 0; band < this.bands; band++) yield (this.handle | (band + 1)) >>> 0;
  }
  override leafOf(classid: Handle): Qdisc | null {
    return this.#queues[this.#bandOf(classid) ?? -1] ?? null;
  }
  override *children(): Generator<Qdisc> {
    yield* this.#queues;
  }
  override graft(classid: Handle, child: Qdisc | null): Outcome<Qdisc | null> {
    const band = this.#bandOf(classid);
    if (band === undefined) return refused("ENOENT");
    const old = this.#queues[band] as Qdisc;
    const next = child ?? Fifo.leaf(this.tx);
    this.#adoptBand(next, old, band);
    this.#queues[band] = next;
    return granted(old);
  }
  override filterChain(classid: Handle): FilterChain | undefined {
    return classid === 0 ? (this.#filters ??= new FilterChain(this)) : undefined;
  }

  #adoptBand(leaf: Qdisc, old: Qdisc | null, band: number): void {
    this.adopt(leaf, old, (this.handle | (band + 1)) >>> 0);
  }
  #bandOf(classid: Handle): number | undefined {
    const band = minorOf(classid) - 1;
    return band >= 0 && band < this.bands ? band : undefined;
  }

  /** The band of a packet, or what else becomes of it (prio_classify). */
  #classify(p: Packet, length: number): number | "shot" | "stolen" {
    let wanted = skbPriority(p, this.dev);
    if (majorOf(wanted) !== this.handle) {
      const verdict = this.#filters?.classify(p, this.dev, length) ?? -1;
      if (stolen(verdict)) return "stolen";
      if (verdict === TC_SHOT) return "shot";
      if (verdict < 0) return this.priomap[majorOf(wanted) === 0 ? wanted & PRIORITY_MASK : 0] as number;
      wanted = result.classid;
    }
    return this.#bandOf(wanted) ?? (this.priomap[0] as number);
  }
}
