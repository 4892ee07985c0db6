import { dropReason } from "../../../core/drop.ts";
import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { ETHERNET_HEADER, type NetDevice } from "../netdev.ts";
import type { Handle } from "./handle.ts";
import { PacketQueue } from "./packet-queue.ts";
import { Qdisc, XMIT_CN, XMIT_OK, type Xmit } from "./qdisc.ts";
import { skbLength } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");

export type FifoKind = "pfifo" | "bfifo" | "pfifo_head_drop";

/** `limit`: packets, or bytes of a bfifo. */
export interface FifoOptions {
  readonly limit: number;
}

/** The longest frame of a device (include/net/pkt_sched.h:psched_mtu). */
export const longestFrame = (dev: NetDevice): number => dev.mtu + (dev.headerLength === 0 ? 0 : ETHERNET_HEADER);

/** First in, first out, up to a limit of packets or bytes (net/sched/sch_fifo.c). */
export class Fifo extends Qdisc {
  override readonly kind: FifoKind;
  limit = 0;
  readonly #queue = new PacketQueue();

  private constructor(tx: TxQueue, handle: Handle, kind: FifoKind) {
    super(tx, handle);
    this.kind = kind;
  }

  /** Without options the limit is the device's queue length, in a bfifo of its longest frames. */
  static create(tx: TxQueue, handle: Handle, kind: FifoKind, options?: FifoOptions): Outcome<Fifo> {
    const fifo = new Fifo(tx, handle, kind);
    const { dev } = tx;
    fifo.#setLimit(options?.limit ?? dev.txQueueLength * (kind === "bfifo" ? longestFrame(dev) : 1));
    return granted(fifo);
  }
  /** What hangs on a class to begin with: it is listed only when asked for. */
  static leaf(tx: TxQueue, kind: FifoKind = "pfifo", limit = tx.dev.txQueueLength): Fifo {
    const fifo = new Fifo(tx, 0, kind);
    fifo.#setLimit(limit);
    return fifo;
  }

  change(options?: FifoOptions): Outcome {
    if (options === undefined) return refused("EINVAL");
    this.#setLimit(options.limit);
    return done;
  }

  override enqueue(p: Packet, length: number): Xmit {
    if (this.kind === "bfifo" ? this.backlog + length > this.limit : this.qlen >= this.limit) {
      if (this.kind !== "pfifo_head_drop" || this.limit === 0) return this.drop(p, FULL);
      return this.#makeRoom(p, length);
    }
    this.#push(p, length);
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    const p = this.#queue.shift();
    if (p === null) return null;
    const length = skbLength(p, this.dev);
    this.qlen--;
    this.backlog -= length;
    this.count(length);
    return p;
  }
  override peek(): Packet | null {
    return this.#queue.first();
  }

  protected override clear(): void {
    for (let p = this.#queue.shift(); p !== null; p = this.#queue.shift()) this.kill(p, EMPTIED);
  }

  /** net/sched/sch_fifo.c:pfifo_tail_enqueue. */
  #makeRoom(p: Packet, length: number): Xmit {
    const first = this.#queue.shift() as Packet;
    const before = this.backlog;
    this.qlen--;
    this.backlog -= skbLength(first, this.dev);
    this.drop(first, FULL);
    this.#push(p, length);
    this.reduceAbove(0, before - this.backlog);
    return XMIT_CN;
  }

  #push(p: Packet, length: number): void {
    this.#queue.push(p);
    this.qlen++;
    this.backlog += length;
  }

  /** net/sched/sch_fifo.c:fifo_init. */
  #setLimit(limit: number): void {
    this.limit = limit;
    this.mayBypass = this.kind !== "pfifo_head_drop" && limit >= (this.kind === "bfifo" ? longestFrame(this.dev) : 1);
  }
}
