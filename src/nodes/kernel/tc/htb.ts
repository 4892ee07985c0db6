import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { ClassHash, within } from "./class-hash.ts";
import { Fifo } from "./fifo.ts";
import { FilterChain, result, stolen, TC_SHOT, type Verdict } from "./filters/filter.ts";
import { type Handle, majorOf, ROOT } from "./handle.ts";
import { HtbClass, LEVELS, PRIORITIES } from "./htb-class.ts";
import { HtbScheduler } from "./htb-scheduler.ts";
import { PacketQueue } from "./packet-queue.ts";
import {
  type BoundClass,
  ClassfulQdisc,
  countsDrop,
  type Qdisc,
  XMIT_BYPASS,
  XMIT_OK,
  XMIT_STOLEN,
  type Xmit,
} from "./qdisc.ts";
import { Rate, type RateSpec, ticksToNs } from "./rate.ts";
import { skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");
const FILTERED = dropReason("qdisc: dropped by a filter");

export interface HtbOptions {
  /** Minor number of the class of what no filter matches; 0: none. */
  readonly defcls: number;
  /** Quanta are rates in bytes per second over this. */
  readonly r2q: number;
  /** Packets that may wait in the direct queue; the device's queue length unless given. */
  readonly directQlen?: number;
  /** Lets the card do it, if it can: none here does. */
  readonly offload?: boolean;
}

export interface HtbClassOptions {
  readonly rate: RateSpec;
  readonly ceil: RateSpec;
  /** Bursts in ticks: the time that they take at their rates. */
  readonly buffer: number;
  readonly cbuffer: number;
  /** Bytes served in one turn; 0: computed from the rate. */
  readonly quantum: number;
  readonly prio: number;
}

/** A request that was granted, and what the kernel remarks on it. */
export interface Remark {
  readonly warning: string;
}

const QUANTUM_MIN = 1000;
const QUANTUM_MAX = 200_000;
/** Classes of one qdisc, at most; Linux has no limit but the number of handles. */
const CLASSES_MAX = 65_534;

/** Hierarchical token bucket (net/sched/sch_htb.c): classes with guaranteed rates, which lend to each other what they do not use. */
export class Htb extends ClassfulQdisc {
  override readonly kind = "htb";
  defcls = 0;
  r2q = 10;
  directQlen = 0;
  /** Packets that went past all classes. */
  directPackets = 0;
  readonly #direct = new PacketQueue();
  readonly #classes = new ClassHash<HtbClass>();
  readonly #scheduler = new HtbScheduler({ lengthOf: (p) => skbLength(p, this.dev) });
  #filters: FilterChain | undefined;

  static create(tx: TxQueue, handle: Handle, options: HtbOptions): Outcome<Htb> {
    if (options.offload === true) return refused("EOPNOTSUPP", "hw-tc-offload ethtool feature flag must be on");
    const htb = new Htb(tx, handle);
    htb.defcls = options.defcls;
    htb.r2q = Math.max(options.r2q, 1);
    htb.directQlen = options.directQlen ?? tx.dev.txQueueLength;
    return granted(htb);
  }

  override enqueue(p: Packet, length: number): Xmit {
    const cl = this.#classify(p, length);
    if (cl === "direct") {
      if (this.#direct.size >= this.directQlen) return this.drop(p, FULL);
      this.#direct.push(p);
      this.directPackets++;
    } else if (cl === "shot" || cl === "stolen") {
      if (cl === "shot") this.drops++;
      this.kill(p, FILTERED);
      return cl === "shot" ? XMIT_BYPASS : XMIT_STOLEN;
    } else {
      const xmit = (cl.leaf as Qdisc).enqueue(p, length);
      if (xmit !== XMIT_OK) {
        if (countsDrop(xmit)) {
          this.drops++;
          cl.drops++;
        }
        return xmit;
      }
      this.#scheduler.activate(cl);
    }
    this.backlog += length;
    this.qlen++;
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    let p = this.#direct.shift();
    if (p === null) {
      if (this.qlen === 0) return null;
      const scheduler = this.#scheduler;
      p = scheduler.dequeue(this.dev.kernel.sim.now);
      this.overlimits = scheduler.overlimits;
      if (p === null) {
        this.tx.wake(scheduler.nextAt);
        return null;
      }
    }
    const length = skbLength(p, this.dev);
    this.count(length);
    this.backlog -= length;
    this.qlen--;
    return p;
  }

  protected override clear(): void {
    for (const cl of this.#classes.values()) cl.leaf?.reset();
    this.#scheduler.clear(this.#classes.values());
    for (let p = this.#direct.shift(); p !== null; p = this.#direct.shift()) this.kill(p, EMPTIED);
  }
  override destroy(): void {
    this.#filters?.destroy();
    for (const cl of this.#classes.values()) cl.filters?.destroy();
    super.destroy();
  }

  // --- classes -------------------------------------------------------------------------------------------------

  /** A class by its handle. */
  classOf(classid: Handle): HtbClass | undefined {
    return this.#classes.get(classid);
  }

  /** Makes a class, or changes it: `parent` is a class, or anything else for a class at the top (htb_change_class). */
  changeClass(classid: Handle, parentId: Handle, options: HtbClassOptions): Outcome<Remark> {
    if (options.rate.bytesPerSecond === 0 || options.ceil.bytesPerSecond === 0) return refused("EINVAL");
    const known = this.#classes.get(classid);
    const made = known === undefined ? this.#newClass(classid, parentId, options) : granted(known);
    if (!made.ok) return made;
    const cl = made.value;
    cl.rate = new Rate(options.rate);
    cl.ceil = new Rate(options.ceil);
    const warning = cl.level === 0 ? this.#setQuantum(cl, options) : "";
    cl.buffer = ticksToNs(options.buffer);
    cl.cbuffer = ticksToNs(options.cbuffer);
    if (known === undefined) {
      this.#classes.grow();
      this.#rebind();
    }
    return granted({ warning });
  }

  /** net/sched/sch_htb.c:htb_delete. */
  deleteClass(classid: Handle): Outcome {
    const cl = this.#classes.get(classid);
    if (cl === undefined) return refused("ENOENT");
    if (cl.children > 0 || cl.holders > 0) return refused("EBUSY", "HTB class in use");
    const { parent, leaf } = cl;
    leaf?.purge();
    this.#classes.remove(cl);
    this.#scheduler.forget(cl);
    if (parent !== null && --parent.children === 0) this.#becomeLeaf(parent);
    cl.filters?.destroy();
    leaf?.destroy();
    return done;
  }

  override hasClass(classid: Handle): boolean {
    return this.#classes.get(classid) !== undefined;
  }
  override *classids(): Generator<Handle> {
    for (const cl of this.#classes.values()) yield cl.classid;
  }
  override leafOf(classid: Handle): Qdisc | null {
    return this.#classes.get(classid)?.leaf ?? null;
  }
  override parentOf(classid: Handle): Handle {
    return this.#classes.get(classid)?.parent?.classid ?? ROOT;
  }
  override *children(): Generator<Qdisc> {
    for (const cl of this.#classes.values()) if (cl.leaf !== null) yield cl.leaf;
  }
  override graft(classid: Handle, child: Qdisc | null): Outcome<Qdisc | null> {
    const cl = this.#classes.get(classid);
    if (cl === undefined) return refused("ENOENT");
    if (cl.level > 0) return refused("EINVAL");
    const old = cl.leaf;
    const next = child ?? Fifo.leaf(this.tx);
    this.adopt(next, old, classid);
    cl.leaf = next;
    return granted(old);
  }
  override childEmptied(classid: Handle): void {
    const cl = this.#classes.get(classid);
    if (cl !== undefined && cl.activity !== 0) this.#scheduler.deactivate(cl);
  }
  override filterChain(classid: Handle): FilterChain | undefined {
    if (classid === 0) return (this.#filters ??= new FilterChain(this));
    const cl = this.#classes.get(classid);
    return cl === undefined ? undefined : (cl.filters ??= new FilterChain(this));
  }
  override bindClass(classid: Handle): BoundClass | null {
    return this.#classes.get(classid) ?? null;
  }

  /** The leaf of a packet, or what else becomes of it (htb_classify). */
  #classify(p: Packet, length: number): HtbClass | "direct" | "shot" | "stolen" {
    let chain = this.#filters;
    if (p.priority !== 0) {
      if (p.priority === this.handle) return "direct";
      const cl = this.#classes.get(p.priority);
      if (cl?.level === 0) return cl;
      if (cl !== undefined) chain = cl.filters;
    }
    while (chain !== undefined && chain.protos.length > 0) {
      const verdict: Verdict = chain.classify(p, this.dev, length);
      if (verdict < 0) break;
      if (stolen(verdict)) return "stolen";
      if (verdict === TC_SHOT) return "shot";
      const cl: HtbClass | undefined =
        (result.bound as HtbClass | null) ?? (result.classid === 0 ? undefined : this.#classes.get(result.classid));
      if (cl === undefined) {
        if (result.classid === this.handle) return "direct";
        break;
      }
      if (cl.level === 0) return cl;
      chain = cl.filters;
    }
    const fallback = this.#classes.get(within(this.handle, this.defcls));
    return fallback === undefined || fallback.level > 0 ? "direct" : fallback;
  }

  #newClass(classid: Handle, parentId: Handle, options: HtbClassOptions): Outcome<HtbClass> {
    if (classid === 0 || majorOf(classid) !== this.handle) return refused("EINVAL");
    const parent = (parentId === ROOT ? undefined : this.#classes.get(parentId)) ?? null;
    if (parent?.parent && parent.parent.level < 2) return refused("EINVAL", "sch_htb: tree is too deep");
    if (this.#classes.size >= CLASSES_MAX) return refused("ENOBUFS");
    if (parent?.level === 0) this.#becomeParent(parent);
    const leaf = Fifo.leaf(this.tx);
    const cl = new HtbClass(classid, parent, leaf, new Rate(options.rate), new Rate(options.ceil));
    this.adopt(leaf, null, classid);
    cl.tokens = ticksToNs(options.buffer);
    cl.ctokens = ticksToNs(options.cbuffer);
    cl.countedAt = this.dev.kernel.sim.now;
    this.#classes.insert(cl);
    if (parent !== null) parent.children++;
    return granted(cl);
  }

  /** A leaf gets its first child: what waits in it is lost. */
  #becomeParent(cl: HtbClass): void {
    const { leaf } = cl;
    leaf?.purge();
    this.#scheduler.forget(cl);
    cl.level = (cl.parent?.level ?? LEVELS) - 1;
    cl.feeds = [];
    cl.leaf = null;
    leaf?.destroy();
  }
  /** A class has lost its last child (htb_parent_to_leaf). */
  #becomeLeaf(cl: HtbClass): void {
    this.#scheduler.forget(cl);
    cl.level = 0;
    cl.feeds = [];
    cl.leaf = Fifo.leaf(this.tx);
    this.adopt(cl.leaf, null, cl.classid);
    cl.tokens = cl.buffer;
    cl.ctokens = cl.cbuffer;
    cl.countedAt = this.dev.kernel.sim.now;
  }

  #setQuantum(cl: HtbClass, options: HtbClassOptions): string {
    cl.prio = Math.min(options.prio, PRIORITIES - 1);
    const computed = Math.min(Math.floor(options.rate.bytesPerSecond / this.r2q), 0x7fff_ffff);
    cl.quantum = options.quantum || Math.min(Math.max(computed, QUANTUM_MIN), QUANTUM_MAX);
    if (options.quantum !== 0 || cl.quantum === computed) return "";
    const size = computed < QUANTUM_MIN ? "small" : "big";
    const name = cl.classid.toString(16).toUpperCase();
    return `sch_htb: quantum of class ${name} is ${size}. Consider r2q change.`;
  }

  #rebind(): void {
    this.#filters?.rebind();
    for (const cl of this.#classes.values()) cl.filters?.rebind();
  }
}
