import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { NetDevice } from "../netdev.ts";
import { changeQdisc, createQdisc, type QdiscSpec } from "./create.ts";
import { type Handle, INGRESS, majorOf, minorOf, ROOT } from "./handle.ts";
import { INGRESS_HANDLE, Ingress } from "./ingress.ts";
import { ClassfulQdisc, type Qdisc } from "./qdisc.ts";
import { TxQueue } from "./tx-queue.ts";

/** The verbs of `tc`, and what they tell the kernel (NLM_F_CREATE, NLM_F_REPLACE, NLM_F_EXCL). */
export type Verb = "add" | "change" | "replace" | "link";

/** What `tc qdisc` asks of the kernel. 0: not given. */
export interface QdiscRequest {
  readonly dev: NetDevice;
  readonly handle: Handle;
  readonly parent: Handle;
  /** The kind by its name, and what it was told; the kind may be one that does not exist. */
  readonly kind?: string | undefined;
  readonly spec?: QdiscSpec | undefined;
}

const UNKNOWN = refused("ENOENT", "Specified qdisc kind is unknown");
const OTHER_KIND = refused("EINVAL", "Invalid qdisc name: must match existing qdisc");

/** The transmit queue of a device, which it gets with its first qdisc. */
export const txQueueOf = (dev: NetDevice): TxQueue => dev.qdisc ?? dev.ingress?.tx ?? new TxQueue(dev);

/** net/sched/sch_api.c:tc_modify_qdisc. */
export function modifyQdisc(request: QdiscRequest, verb: Verb): Outcome {
  const { dev, handle, parent, kind, spec } = request;
  const tx = txQueueOf(dev);
  if (parent === 0) {
    if (handle === 0) return refused("EINVAL", "Handle cannot be zero");
    return change(tx.find(handle), request, verb);
  }
  const place = placeOf(tx, parent);
  if (!place.ok) return place;
  const { above } = place.value;
  const there = place.value.there?.handle === 0 ? undefined : place.value.there;
  const differs = kind !== undefined && there !== undefined && kind !== there.kind;
  const create = (): Outcome => {
    const made = spec === undefined ? UNKNOWN : make(tx, request, spec);
    return made.ok ? graft(tx, above, parent, made.value) : made;
  };
  if (there !== undefined && handle === there.handle) return change(there, request, verb);
  if (handle === 0) {
    if (there === undefined) return verb === "add" || verb === "replace" ? create() : NOT_FOUND;
    if (differs && verb !== "link") return create();
    return change(there, request, verb);
  }
  if (there !== undefined && verb !== "replace" && verb !== "link") {
    return refused("EEXIST", "NLM_F_REPLACE needed to override");
  }
  if (minorOf(handle) !== 0) return refused("EINVAL", "Invalid minor handle");
  const known = tx.find(handle);
  if (known === undefined) return verb === "add" || verb === "replace" ? create() : NOT_FOUND;
  if (known.parent !== parent) return refused("EINVAL", "Cannot move an existing qdisc to a different parent");
  return change(known, request, verb);
}
const NOT_FOUND = refused("ENOENT", "Qdisc not found. To create specify NLM_F_CREATE flag");

/** net/sched/sch_api.c:tc_get_qdisc with RTM_DELQDISC. */
export function deleteQdisc({ dev, handle, parent, kind }: QdiscRequest): Outcome {
  const tx = txQueueOf(dev);
  if (parent === 0) {
    const known = tx.find(handle);
    if (known === undefined) return refused("ENOENT", "Failed to find qdisc with specified handle");
    if (kind !== undefined && kind !== known.kind) return OTHER_KIND;
    return refused("EINVAL", "Classid cannot be zero");
  }
  const place = placeOf(tx, parent, "Failed to find qdisc with specified classid");
  if (!place.ok) return place;
  const { above, there } = place.value;
  if (there === undefined && parent !== ROOT && parent !== INGRESS) {
    return refused("ENOENT", "Cannot find specified qdisc on specified device");
  }
  const found = there?.handle ?? 0;
  if (handle !== 0 && handle !== found) return refused("EINVAL", "Invalid handle");
  if (kind !== undefined && there !== undefined && kind !== there.kind) return OTHER_KIND;
  if (found === 0) return refused("ENOENT", "Cannot delete qdisc with handle of zero");
  return graft(tx, above, parent, null);
}

/** What hangs on a parent now, and the qdisc that the parent belongs to (none for `ROOT` and `INGRESS`). */
function placeOf(
  tx: TxQueue,
  parent: Handle,
  missing = "Failed to find specified qdisc",
): Outcome<{ readonly above: ClassfulQdisc | null; readonly there: Qdisc | undefined }> {
  const { dev } = tx;
  if (parent === ROOT) return granted({ above: null, there: tx.root ?? undefined });
  if (parent === INGRESS) return granted({ above: null, there: dev.ingress ?? undefined });
  const above = tx.find(majorOf(parent));
  if (above === undefined) return refused("ENOENT", missing);
  if (!(above instanceof ClassfulQdisc)) return refused("EOPNOTSUPP", "Parent qdisc is not classful");
  if (!above.hasClass(parent)) return refused("ENOENT", "Specified class not found");
  return granted({ above, there: above.leafOf(parent) ?? undefined });
}

function change(qdisc: Qdisc | undefined, { kind, spec }: QdiscRequest, verb: Verb): Outcome {
  if (qdisc === undefined) return refused("ENOENT", "Specified qdisc not found");
  if (verb === "add") return refused("EEXIST", "Exclusivity flag on, cannot modify");
  if (kind !== undefined && kind !== qdisc.kind) return OTHER_KIND;
  return spec === undefined ? done : changeQdisc(qdisc, spec);
}

/** net/sched/sch_api.c:qdisc_create. */
function make(tx: TxQueue, { handle, parent }: QdiscRequest, spec: QdiscSpec): Outcome<Qdisc> {
  const arriving = spec.kind === "ingress" || spec.kind === "clsact";
  if (parent === INGRESS && !arriving) {
    return refused("EINVAL", "Specified parent ID is reserved for ingress and clsact Qdiscs");
  }
  if (parent !== INGRESS && arriving) return refused("EOPNOTSUPP");
  if (spec.kind === "noqueue" && parent !== ROOT) return refused("EINVAL", "Cannot assign noqueue to a class");
  const { dev } = tx;
  if (dev.txQueueLength === 0) dev.txQueueLength = DEFAULT_QUEUE_LENGTH;
  const chosen = arriving ? INGRESS_HANDLE : handle === 0 ? tx.freeHandle() : handle;
  if (chosen === 0) return refused("ENOSPC", "Maximum number of qdisc handles was exceeded");
  const made = createQdisc(tx, chosen, spec);
  if (!made.ok) tx.find(chosen)?.destroy();
  return made;
}
/** DEFAULT_TX_QUEUE_LEN. */
const DEFAULT_QUEUE_LENGTH = 1000;

/** Puts a qdisc, or what stands there by default, in its place (net/sched/sch_api.c:qdisc_graft). */
function graft(tx: TxQueue, above: ClassfulQdisc | null, parent: Handle, qdisc: Qdisc | null): Outcome {
  if (above !== null) {
    const old = above.graft(parent, qdisc);
    if (!old.ok) {
      qdisc?.destroy();
      return old;
    }
    old.value?.destroy();
    return done;
  }
  const { dev } = tx;
  if (parent === INGRESS) {
    dev.ingress?.destroy();
    dev.ingress = qdisc instanceof Ingress ? qdisc : null;
    tx.egress = dev.ingress?.kind === "clsact" ? dev.ingress : null;
  } else {
    tx.root?.destroy();
    tx.root = qdisc;
    if (qdisc !== null) qdisc.parent = ROOT;
  }
  tx.install();
  return done;
}
