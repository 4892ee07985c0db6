import { dropReason } from "../../../core/drop.ts";
import { granted, type Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { Handle } from "./handle.ts";
import { PacketQueue } from "./packet-queue.ts";
import { Qdisc, XMIT_OK, type Xmit } from "./qdisc.ts";
import { skbLength, skbPriority } from "./skb.ts";
import type { TxQueue } from "./tx-queue.ts";

const FULL = dropReason("qdisc: queue full");
const EMPTIED = dropReason("qdisc: emptied");

/** Band of each priority (`sch_default_prio2band`). */
export const DEFAULT_PRIOMAP: readonly number[] = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];
/** TC_PRIO_MAX. */
export const PRIORITY_MASK = 15;

/** Three queues, of which the first that has a packet is served; each as long as the device's (net/sched/sch_generic.c). */
export class PfifoFast extends Qdisc {
  override readonly kind = "pfifo_fast";
  readonly bands = 3;
  readonly priomap = DEFAULT_PRIOMAP;
  readonly #queues = [new PacketQueue(), new PacketQueue(), new PacketQueue()] as const;

  static create(tx: TxQueue, handle: Handle): Outcome<PfifoFast> {
    const qdisc = new PfifoFast(tx, handle);
    qdisc.mayBypass = true;
    return granted(qdisc);
  }

  override enqueue(p: Packet, length: number): Xmit {
    const band = DEFAULT_PRIOMAP[skbPriority(p, this.dev) & PRIORITY_MASK] as number;
    const queue = this.#queues[band] as PacketQueue;
    if (queue.size >= this.dev.txQueueLength) return this.drop(p, FULL);
    queue.push(p);
    this.qlen++;
    this.backlog += length;
    return XMIT_OK;
  }

  override dequeue(): Packet | null {
    const [first, second, third] = this.#queues;
    const p = first.shift() ?? second.shift() ?? third.shift();
    if (p === null) return null;
    const length = skbLength(p, this.dev);
    this.qlen--;
    this.backlog -= length;
    this.count(length);
    return p;
  }

  protected override clear(): void {
    for (const queue of this.#queues) {
      for (let p = queue.shift(); p !== null; p = queue.shift()) this.kill(p, EMPTIED);
    }
  }
}
