import { type DropReason, dropReason } from "../../../core/drop.ts";
import type { Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { NetDevice } from "../netdev.ts";
import type { FilterChain } from "./filters/filter.ts";
import type { Handle } from "./handle.ts";
import { skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

/** What `enqueue` returns: taken, dropped, or taken while another packet of the same flow was dropped (NET_XMIT_*). */
export type Xmit = number;
export const XMIT_OK: Xmit = 0;
export const XMIT_DROP: Xmit = 1;
export const XMIT_CN: Xmit = 2;
/** A filter's action kept the packet: nobody counts a drop. */
export const XMIT_STOLEN: Xmit = 0x1_0000;
/** Dropped on purpose; whoever is above counts it too. */
export const XMIT_BYPASS: Xmit = 0x2_0000;
/** Whether the qdisc above counts a drop (net_xmit_drop_count). */
export const countsDrop = (xmit: Xmit): boolean => (xmit & XMIT_STOLEN) === 0;

const EMPTIED = dropReason("qdisc: emptied");

/** A queueing discipline (`struct Qdisc`): packets go in by `enqueue`, and come out by `dequeue` when they may. */
export abstract class Qdisc {
  /** What `tc qdisc` calls it. */
  abstract readonly kind: string;
  /** Packets in it and in what hangs below it, and their bytes. */
  qlen = 0;
  backlog = 0;
  /** An empty qdisc of this kind lets a packet through at once (TCQ_F_CAN_BYPASS). */
  mayBypass = false;
  readonly tx: TxQueue;
  /** The qdisc that it hangs on; null at the top of a device. */
  above: Qdisc | null = null;
  /** 0 for a qdisc that was made without being asked for. */
  readonly handle: Handle;
  /** The class that it hangs on, or `ROOT`. */
  parent: Handle = 0;
  /** Packets that left it, and their bytes. */
  packets = 0;
  bytes = 0;
  drops = 0;
  overlimits = 0;
  requeues = 0;
  /** Taken out by `peek` before its time (`gso_skb`). */
  #peeked: Packet | null = null;

  constructor(tx: TxQueue, handle: Handle = 0) {
    this.tx = tx;
    this.handle = handle;
    tx.add(this);
  }

  get dev(): NetDevice {
    return this.tx.dev;
  }

  /** Takes the packet of `length` bytes, and ownership of it. */
  abstract enqueue(p: Packet, length: number): Xmit;
  /** The next packet that may leave now; null when none may, or none is there. */
  abstract dequeue(): Packet | null;
  /** Drops all packets without telling the qdiscs above, and begins anew. */
  protected abstract clear(): void;

  /** The packet that `dequeuePeeked` gives, which stays (`qdisc_peek_dequeued`). */
  peek(): Packet | null {
    if (this.#peeked === null) {
      const p = this.dequeue();
      if (p === null) return null;
      this.#peeked = p;
      this.backlog += skbLength(p, this.dev);
      this.qlen++;
    }
    return this.#peeked;
  }
  /** As `dequeue`, after `peek`. */
  dequeuePeeked(): Packet | null {
    const p = this.#peeked;
    if (p === null) return this.dequeue();
    this.#peeked = null;
    this.backlog -= skbLength(p, this.dev);
    this.qlen--;
    return p;
  }

  /** Drops all packets without telling the qdiscs above (`qdisc_reset`). */
  reset(): void {
    if (this.#peeked !== null) this.kill(this.#peeked, EMPTIED);
    this.#peeked = null;
    this.clear();
    this.qlen = 0;
    this.backlog = 0;
  }
  /** Drops all packets, and takes them off the counts of the qdiscs above (`qdisc_purge_queue`). */
  purge(): void {
    const { qlen, backlog } = this;
    this.reset();
    this.reduceAbove(qlen, backlog);
  }
  /** The end: drops all packets and forgets what hangs below. */
  destroy(): void {
    this.reset();
    this.tx.forget(this);
  }

  /** `packets` of `bytes` that the qdiscs above have counted are gone (`qdisc_tree_reduce_backlog`). */
  reduceAbove(packets: number, bytes: number): void {
    if (packets === 0 && bytes === 0) return;
    for (let below: Qdisc = this; below.above !== null; below = below.above) {
      const { above } = below;
      if (below.qlen === 0) above.childEmptied(below.parent);
      above.qlen -= packets;
      above.backlog -= bytes;
      if (packets > 0) above.drops += packets;
    }
  }
  /** What hangs on a class has become empty without a `dequeue` (`qlen_notify`). */
  childEmptied(_classid: Handle): void {}

  /** The filters of a class, or (0) of the qdisc itself; undefined where there can be none. */
  filterChain(_classid: Handle): FilterChain | undefined {
    return undefined;
  }
  /** The class that a filter names, held while the filter lives (`bind_tcf`). */
  bindClass(_classid: Handle): BoundClass | null {
    return null;
  }
  /** The classes that `tc class show` lists, in its order. */
  *classids(): Generator<Handle> {}

  /** A packet has left. */
  protected count(length: number): void {
    this.packets++;
    this.bytes += length;
  }
  /** The packet ends here, counted as a drop of this qdisc. */
  protected drop(p: Packet, reason: DropReason): Xmit {
    this.drops++;
    this.kill(p, reason);
    return XMIT_DROP;
  }
  /** The packet ends here; whether that counts as a drop of the qdisc is the caller's to say. */
  protected kill(p: Packet, reason: DropReason): void {
    this.tx.kill(p, reason, this);
  }
}

/** A class as filters hold on to it. */
export interface BoundClass {
  readonly classid: Handle;
  /** How many filters hold it. */
  holders: number;
}

/** A qdisc with classes on which other qdiscs hang. */
export abstract class ClassfulQdisc extends Qdisc {
  abstract hasClass(classid: Handle): boolean;
  /** What hangs on the class; null where nothing can. */
  abstract leafOf(classid: Handle): Qdisc | null;
  /** Hangs `child`, or what stands there by default, on the class. Returns what hung there. */
  abstract graft(classid: Handle, child: Qdisc | null): Outcome<Qdisc | null>;
  /** The qdiscs that hang on it. */
  abstract children(): Generator<Qdisc>;
  /** The class above a class: `ROOT`, or a class of the same qdisc. */
  parentOf(_classid: Handle): Handle {
    return this.handle;
  }

  override destroy(): void {
    const below = [...this.children()];
    super.destroy();
    for (const child of below) child.destroy();
  }

  /** Puts `child` in the place of `old`, which loses its packets (`qdisc_replace`). */
  protected adopt(child: Qdisc, old: Qdisc | null, classid: Handle): void {
    old?.purge();
    child.above = this;
    child.parent = classid;
  }
}
