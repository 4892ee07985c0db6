import { done, granted, type Outcome, refused } from "../../../core/errno.ts";
import type { NetDevice } from "../netdev.ts";
import { type FilterChain, type FilterProto, PROTOCOL_ALL } from "./filters/filter.ts";
import { Flower, type FlowerOptions } from "./filters/flower.ts";
import { Fw, type FwOptions } from "./filters/fw.ts";
import { Basic, Matchall, type PlainOptions } from "./filters/matchall.ts";
import { U32, type U32Options } from "./filters/u32.ts";
import { type Handle, majorOf, minorOf } from "./handle.ts";
import { Ingress } from "./ingress.ts";
import { ClassfulQdisc, type Qdisc } from "./qdisc.ts";
import { txQueueOf } from "./qdisc-requests.ts";

/** What is asked of a filter. Without options only its preference comes to be. */
export type FilterSpec =
  | { readonly kind: "u32"; readonly options?: U32Options | undefined }
  | { readonly kind: "fw"; readonly options?: FwOptions | undefined }
  | { readonly kind: "matchall" | "basic"; readonly options?: PlainOptions | undefined }
  | { readonly kind: "flower"; readonly options?: FlowerOptions | undefined };

/** What `tc filter` asks of the kernel. 0: not given. */
export interface FilterRequest {
  readonly dev: NetDevice;
  readonly parent: Handle;
  readonly preference: number;
  /** EtherType; `PROTOCOL_ALL`: any. */
  readonly protocol: number;
  readonly handle: number;
  readonly kind?: string | undefined;
  readonly spec?: FilterSpec | undefined;
}

/** Preferences are given out from here downwards; it also asks for one. */
const AUTO = 0x8000;
const NOT_FOUND = refused("ENOENT", "Filter with specified priority/protocol not found");
const OTHER_KIND = refused("EINVAL", "Specified filter kind does not match existing one");
const NEEDS_CREATE = refused("ENOENT", "Need both RTM_NEWTFILTER and NLM_F_CREATE to create a new filter");

/** net/sched/cls_api.c:tc_new_tfilter. */
export function modifyFilter(request: FilterRequest, verb: "add" | "change" | "replace"): Outcome {
  const { preference, protocol, handle, kind, spec } = request;
  if (preference === 0 && verb === "change") return refused("ENOENT", "Invalid filter command with priority of zero");
  const found = chainOf(request);
  if (!found.ok) return found;
  const chain = found.value;
  const known = protoOf(chain, preference || AUTO, protocol, preference === 0);
  if (!known.ok) return known;
  let proto = known.value;
  if (proto === undefined) {
    if (kind === undefined || protocol === 0) return refused("EINVAL", "Filter kind and protocol must be specified");
    if (verb === "change") return NEEDS_CREATE;
    if (spec === undefined) return refused("ENOENT", "TC classifier not found");
    proto = newProto(spec.kind, chain, preference || chain.freePreference(), protocol);
    const changed = change(proto, handle, spec);
    if (!changed.ok) proto.destroy();
    else chain.add(proto);
    return changed;
  }
  if (kind !== undefined && kind !== proto.kind) return OTHER_KIND;
  const exists = handle !== 0 && proto.has(handle);
  if (!exists && verb === "change") return NEEDS_CREATE;
  if (exists && verb === "add") return refused("EEXIST", "Filter already exists");
  return spec === undefined ? done : change(proto, handle, spec);
}

/** net/sched/cls_api.c:tc_del_tfilter. */
export function deleteFilter(request: FilterRequest): Outcome {
  const { preference, protocol, handle, kind } = request;
  if (preference === 0 && (protocol !== 0 || handle !== 0 || kind !== undefined)) {
    return refused("ENOENT", "Cannot flush filters with protocol, handle or kind set");
  }
  const found = chainOf(request);
  if (!found.ok) return found;
  const chain = found.value;
  if (preference === 0) {
    chain.destroy();
    return done;
  }
  if (chain.protos.length === 0) return refused("ENOENT", "Cannot find specified filter chain");
  const known = protoOf(chain, preference, protocol, false);
  if (!known.ok) return known;
  const proto = known.value;
  if (proto === undefined) return NOT_FOUND;
  if (kind !== undefined && kind !== proto.kind) return OTHER_KIND;
  if (handle === 0) {
    chain.remove(proto);
    return done;
  }
  if (!proto.has(handle)) return refused("ENOENT", "Specified filter handle not found");
  const removed = proto.remove(handle);
  if (removed.ok && proto.empty) chain.remove(proto);
  return removed;
}

/** The filters under a parent, for listings; undefined where there can be none. */
export function listedChain(dev: NetDevice, parent: Handle): FilterChain | undefined {
  const qdisc = parent === 0 ? dev.qdisc?.root : txQueueOf(dev).find(majorOf(parent));
  if (qdisc === null || qdisc === undefined) return undefined;
  if (minorOf(parent) !== 0 && qdisc instanceof ClassfulQdisc && !qdisc.hasClass(parent)) return undefined;
  return qdisc.filterChain(classIn(qdisc, parent));
}

/** net/sched/cls_api.c:__tcf_qdisc_find, __tcf_qdisc_cl_find, __tcf_block_find. */
function chainOf({ dev, parent }: FilterRequest): Outcome<FilterChain> {
  const root = dev.qdisc?.root ?? undefined;
  const qdisc = parent === 0 ? root : txQueueOf(dev).find(majorOf(parent));
  if (qdisc === undefined) {
    return refused("EINVAL", parent === 0 ? "Qdisc not classful" : "Parent Qdisc doesn't exists");
  }
  const classful = qdisc instanceof ClassfulQdisc || qdisc.filterChain(classIn(qdisc, parent)) !== undefined;
  if (!classful && !(qdisc instanceof Ingress)) return refused("EINVAL", "Qdisc not classful");
  if (qdisc.kind === "tbf" || qdisc.kind === "netem") return refused("EOPNOTSUPP", "Class doesn't support blocks");
  if (minorOf(parent) !== 0 && qdisc instanceof ClassfulQdisc && !qdisc.hasClass(parent)) {
    return refused("ENOENT", "Specified class doesn't exist");
  }
  const chain = qdisc.filterChain(classIn(qdisc, parent));
  if (chain === undefined) return refused("EINVAL");
  chain.parent = parent === 0 ? qdisc.handle : parent;
  return granted(chain);
}

/** The class that a parent names: 0 for the qdisc itself. */
const classIn = (qdisc: Qdisc, parent: Handle): Handle =>
  qdisc instanceof Ingress ? parent : minorOf(parent) === 0 ? 0 : parent;

/** The filters of a preference, if there are any (tcf_chain_tp_find). */
function protoOf(
  chain: FilterChain,
  preference: number,
  protocol: number,
  allocate: boolean,
): Outcome<FilterProto | undefined> {
  const proto = chain.protos.find((f) => f.preference === preference);
  if (proto === undefined || allocate) return granted(undefined);
  if (protocol !== 0 && proto.protocol !== protocol) {
    return refused("EINVAL", "Protocol mismatch for filter with specified priority");
  }
  return granted(proto);
}

function newProto(kind: FilterSpec["kind"], chain: FilterChain, preference: number, protocol: number): FilterProto {
  switch (kind) {
    case "u32":
      return new U32(chain, preference, protocol);
    case "fw":
      return new Fw(chain, preference, protocol);
    case "matchall":
      return new Matchall(chain, preference, protocol);
    case "basic":
      return new Basic(chain, preference, protocol);
    case "flower":
      return new Flower(chain, preference, protocol);
  }
}

/** Hands the options to the filters of a preference. None at all: only the preference is wanted. */
function change(proto: FilterProto, handle: number, spec: FilterSpec): Outcome {
  if (spec.options === undefined) {
    if (handle !== 0) return refused("EINVAL");
    return proto instanceof U32 || proto instanceof Fw ? done : refused("EINVAL");
  }
  const changed = changeOf(proto, handle, spec);
  return changed.ok ? done : changed;
}

function changeOf(proto: FilterProto, handle: number, spec: FilterSpec): Outcome<number> {
  if (proto instanceof U32 && spec.kind === "u32") return proto.change(handle, spec.options ?? {});
  if (proto instanceof Fw && spec.kind === "fw") return proto.change(handle, spec.options ?? {});
  if (proto instanceof Matchall && spec.kind === "matchall") return proto.change(handle, spec.options ?? {});
  if (proto instanceof Basic && spec.kind === "basic") return proto.change(handle, spec.options ?? {});
  if (proto instanceof Flower && spec.kind === "flower") return proto.change(handle, spec.options ?? { matches: [] });
  throw new Error(`a filter of kind ${proto.kind} is told about ${spec.kind}`);
}

export { PROTOCOL_ALL };
