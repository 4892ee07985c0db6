import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { Nanos } from "../../../core/time.ts";
import { Fifo } from "./fifo.ts";
import type { Handle } from "./handle.ts";
import { ClassfulQdisc, countsDrop, type Qdisc, XMIT_OK, type Xmit } from "./qdisc.ts";
import { Rate, type RateSpec, ticksToNs } from "./rate.ts";
import { skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const TOO_LONG = dropReason("qdisc: longer than the bucket");

export interface TbfOptions {
  readonly rate: RateSpec;
  /** Depth of the bucket: bytes, and the ticks that they take at the rate. */
  readonly burst: number;
  readonly buffer: number;
  readonly peak?: RateSpec;
  /** Depth of the second bucket: bytes, and ticks. */
  readonly mtu: number;
  readonly mtuTicks: number;
  /** Bytes that may wait. */
  readonly limit: number;
}

/** Token bucket filter (net/sched/sch_tbf.c): a rate with a burst, and a second bucket for the peak. Its one class is 1. */
export class Tbf extends ClassfulQdisc {
  override readonly kind = "tbf";
  limit = 0;
  rate!: Rate;
  peak: Rate | null = null;
  buffer: Nanos = 0;
  mtu: Nanos = 0;
  /** The longest packet that fits into the bucket. */
  #sizeMax = 0;
  #tokens: Nanos = 0;
  #peakTokens: Nanos = 0;
  #countedAt: Nanos = 0;
  #leaf: Qdisc;

  private constructor(tx: TxQueue, handle: Handle, limit: number) {
    super(tx, handle);
    this.#leaf = Fifo.leaf(tx, "bfifo", limit);
    this.adopt(this.#leaf, null, this.#classid);
  }

  static create(tx: TxQueue, handle: Handle, options: TbfOptions): Outcome<Tbf> {
    const tbf = new Tbf(tx, handle, options.limit);
    const changed = tbf.change(options);
    return changed.ok ? granted(tbf) : changed;
  }

  /** net/sched/sch_tbf.c:tbf_change. */
  change(options: TbfOptions): Outcome {
    if (options.rate.bytesPerSecond === 0) return refused("EINVAL");
    const rate = new Rate(options.rate);
    const peak = options.peak === undefined ? null : new Rate(options.peak);
    if (peak !== null && peak.spec.bytesPerSecond <= rate.spec.bytesPerSecond) return refused("EINVAL");
    const sizeMax = peak === null ? options.burst : Math.min(options.burst, options.mtu);
    if (sizeMax === 0) return refused("EINVAL");
    this.rate = rate;
    this.peak = peak;
    this.buffer = options.burst > 0 ? rate.ns(options.burst) : ticksToNs(options.buffer);
    this.mtu = peak === null ? ticksToNs(options.mtuTicks) : peak.ns(options.mtu);
    this.#sizeMax = sizeMax;
    this.limit = options.limit;
    if (this.#leaf instanceof Fifo) this.#leaf.change({ limit: options.limit });
    this.#tokens = this.buffer;
    this.#peakTokens = this.mtu;
    this.#countedAt = this.dev.kernel.sim.now;
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    if (length > this.#sizeMax) return this.drop(p, TOO_LONG);
    const xmit = this.#leaf.enqueue(p, length);
    if (xmit !== XMIT_OK) {
      if (countsDrop(xmit)) this.drops++;
      return xmit;
    }
    this.backlog += length;
    this.qlen++;
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    const next = this.#leaf.peek();
    if (next === null) return null;
    const { now } = this.dev.kernel.sim;
    const length = skbLength(next, this.dev);
    const gained = Math.min(now - this.#countedAt, this.buffer);
    const peakTokens = this.peak === null ? 0 : Math.min(gained + this.#peakTokens, this.mtu) - this.peak.ns(length);
    const tokens = Math.min(gained + this.#tokens, this.buffer) - this.rate.ns(length);
    if (tokens < 0 || peakTokens < 0) {
      this.tx.wake(now + Math.max(-tokens, -peakTokens));
      this.overlimits++;
      return null;
    }
    const p = this.#leaf.dequeuePeeked();
    if (p === null) return null;
    this.#countedAt = now;
    this.#tokens = tokens;
    this.#peakTokens = peakTokens;
    this.backlog -= length;
    this.qlen--;
    this.count(length);
    return p;
  }

  protected override clear(): void {
    this.#leaf.reset();
    this.#countedAt = this.dev.kernel.sim.now;
    this.#tokens = this.buffer;
    this.#peakTokens = this.mtu;
  }

  /** Its one class answers to every number. */
  override hasClass(): boolean {
    return true;
  }
  override *classids(): Generator<Handle> {
    yield this.#classid;
  }
  override leafOf(): Qdisc {
    return this.#leaf;
  }
  override *children(): Generator<Qdisc> {
    yield this.#leaf;
  }
  override graft(_classid: Handle, child: Qdisc | null): Outcome<Qdisc | null> {
    const old = this.#leaf;
    this.#leaf = child ?? Fifo.leaf(this.tx);
    this.adopt(this.#leaf, old, this.#classid);
    return granted(old);
  }

  get #classid(): Handle {
    return (this.handle | 1) >>> 0;
  }
}
