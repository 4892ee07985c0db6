import { dropReason } from "../../../core/drop.ts";
import { granted, type Outcome } from "../../../core/errno.ts";
import type { Packet } from "../../../core/packet.ts";
import { FilterChain, stolen, TC_SHOT } from "./filters/filter.ts";
import { CLSACT_EGRESS, CLSACT_INGRESS, type Handle, INGRESS, majorOf } from "./handle.ts";
import { Qdisc, XMIT_DROP, type Xmit } from "./qdisc.ts";
import type { TxQueue } from "./tx-queue.ts";

const FILTERED = dropReason("qdisc: dropped by a filter");

/** Handle of what stands on a device's arriving side: ffff:. */
export const INGRESS_HANDLE: Handle = majorOf(INGRESS);

/**
 * What a device's arriving packets pass before the protocols see them (net/sched/sch_ingress.c): no queue, only filters.
 * `clsact` is the same, with a second place for filters on what leaves.
 */
export class Ingress extends Qdisc {
  override readonly kind: "ingress" | "clsact";
  readonly #arriving = new FilterChain(this);
  readonly #leaving = new FilterChain(this);

  private constructor(tx: TxQueue, kind: "ingress" | "clsact") {
    super(tx, INGRESS_HANDLE);
    this.kind = kind;
    this.parent = INGRESS;
  }
  static create(tx: TxQueue, kind: "ingress" | "clsact"): Outcome<Ingress> {
    return granted(new Ingress(tx, kind));
  }

  /** Whether the packet that has just arrived goes on (net/core/dev.c:sch_handle_ingress). One that does not is gone. */
  admit(p: Packet): boolean {
    return this.#pass(p, this.#arriving);
  }
  /** Whether the packet that is about to leave goes on (sch_handle_egress). */
  release(p: Packet): boolean {
    return this.#leaving.protos.length === 0 || this.#pass(p, this.#leaving);
  }
  override filterChain(classid: Handle): FilterChain | undefined {
    if (this.kind === "ingress") return classid === CLSACT_EGRESS ? undefined : this.#arriving;
    if (classid === CLSACT_EGRESS) return this.#leaving;
    return classid === CLSACT_INGRESS ? this.#arriving : undefined;
  }

  /** Nothing is put into it. */
  override enqueue(p: Packet): Xmit {
    return this.drop(p, FILTERED) || XMIT_DROP;
  }
  override dequeue(): null {
    return null;
  }
  protected override clear(): void {}
  override destroy(): void {
    this.#arriving.destroy();
    this.#leaving.destroy();
    super.destroy();
  }

  #pass(p: Packet, chain: FilterChain): boolean {
    const length = p.end - p.start - this.dev.headerLength;
    this.count(length);
    const verdict = chain.classify(p, this.dev, length);
    if (verdict === TC_SHOT) {
      this.drop(p, FILTERED);
      return false;
    }
    if (!stolen(verdict)) return true;
    this.dev.kernel.consume(p);
    return false;
  }
}
