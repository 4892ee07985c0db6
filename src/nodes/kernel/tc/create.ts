import { done, type Outcome, refused } from "../../../core/errno.ts";
import { Fifo, type FifoKind, type FifoOptions } from "./fifo.ts";
import { FqCodel, type FqCodelOptions } from "./fq-codel.ts";
import type { Handle } from "./handle.ts";
import { Htb, type HtbOptions } from "./htb.ts";
import { Ingress } from "./ingress.ts";
import { Netem, type NetemOptions } from "./netem.ts";
import { Noqueue } from "./noqueue.ts";
import { PfifoFast } from "./pfifo-fast.ts";
import { Prio, type PrioOptions } from "./prio.ts";
import type { Qdisc } from "./qdisc.ts";
import { Sfq, type SfqOptions } from "./sfq.ts";
import { Tbf, type TbfOptions } from "./tbf.ts";
import type { TxQueue } from "./tx-queue.ts";

/** What is asked of a qdisc. Without options the kernel is not told any. */
export type QdiscSpec =
  | { readonly kind: FifoKind; readonly options?: FifoOptions | undefined }
  | { readonly kind: "pfifo_fast" | "noqueue" | "ingress" | "clsact"; readonly options?: undefined }
  | { readonly kind: "prio"; readonly options: PrioOptions }
  | { readonly kind: "tbf"; readonly options: TbfOptions }
  | { readonly kind: "htb"; readonly options: HtbOptions }
  | { readonly kind: "sfq"; readonly options?: SfqOptions | undefined }
  | { readonly kind: "fq_codel"; readonly options: FqCodelOptions }
  | { readonly kind: "netem"; readonly options: NetemOptions };

/** Makes a qdisc of any kind. */
export function createQdisc(tx: TxQueue, handle: Handle, spec: QdiscSpec): Outcome<Qdisc> {
  switch (spec.kind) {
    case "pfifo":
    case "bfifo":
    case "pfifo_head_drop":
      return Fifo.create(tx, handle, spec.kind, spec.options);
    case "pfifo_fast":
      return PfifoFast.create(tx, handle);
    case "noqueue":
      return Noqueue.create(tx, handle);
    case "ingress":
    case "clsact":
      return Ingress.create(tx, spec.kind);
    case "prio":
      return Prio.create(tx, handle, spec.options);
    case "tbf":
      return Tbf.create(tx, handle, spec.options);
    case "htb":
      return Htb.create(tx, handle, spec.options);
    case "sfq":
      return Sfq.create(tx, handle, spec.options ?? {});
    case "fq_codel":
      return FqCodel.create(tx, handle, spec.options);
    case "netem":
      return Netem.create(tx, handle, spec.options);
  }
}

/** net/sched/sch_api.c:qdisc_change: the qdisc is of the kind that the request names. */
export function changeQdisc(qdisc: Qdisc, spec: QdiscSpec): Outcome {
  if (spec.options === undefined) return done;
  if (spec.kind === "prio" && qdisc instanceof Prio) return qdisc.change(spec.options);
  if (spec.kind === "tbf" && qdisc instanceof Tbf) return qdisc.change(spec.options);
  if (spec.kind === "sfq" && qdisc instanceof Sfq) return qdisc.change(spec.options);
  if (spec.kind === "fq_codel" && qdisc instanceof FqCodel) return qdisc.change(spec.options);
  if (spec.kind === "netem" && qdisc instanceof Netem) return qdisc.change(spec.options);
  if (qdisc instanceof Fifo && spec.kind === qdisc.kind) return qdisc.change(spec.options as FifoOptions);
  return refused("EINVAL", "Change operation not supported by specified qdisc");
}
