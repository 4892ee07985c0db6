import { granted, type Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import type { Handle } from "./handle.ts";
import { Qdisc, XMIT_OK, type Xmit } from "./qdisc.ts";
import type { TxQueue } from "./tx-queue.ts";

/** `noqueue` where it was asked for: the driver takes what comes. */
export class Noqueue extends Qdisc {
  override readonly kind = "noqueue";

  static create(tx: TxQueue, handle: Handle): Outcome<Noqueue> {
    return granted(new Noqueue(tx, handle));
  }
  override enqueue(p: Packet): Xmit {
    this.dev.startXmit(p);
    return XMIT_OK;
  }
  override dequeue(): null {
    return null;
  }
  protected override clear(): void {}
}
