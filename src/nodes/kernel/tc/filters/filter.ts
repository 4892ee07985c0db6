import { done, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { NetDevice } from "../../netdev.ts";
import type { Action } from "../actions/action.ts";
import type { Handle } from "../handle.ts";
import type { BoundClass, Qdisc } from "../qdisc.ts";
import { skbProtocol } from "../skb.ts";

/** What becomes of a packet, as filters and their actions say it (TC_ACT_*). */
export type Verdict = number;
/** No filter matched, or an action said `continue`. */
export const TC_UNSPEC: Verdict = -1;
export const TC_OK: Verdict = 0;
export const TC_RECLASSIFY: Verdict = 1;
export const TC_SHOT: Verdict = 2;
export const TC_PIPE: Verdict = 3;
export const TC_STOLEN: Verdict = 4;
export const TC_QUEUED: Verdict = 5;
export const TC_TRAP: Verdict = 8;

/** Whether the packet is no longer the qdisc's. */
export const stolen = (verdict: Verdict): boolean =>
  verdict === TC_STOLEN || verdict === TC_QUEUED || verdict === TC_TRAP;

/** The class that the last classification found (`struct tcf_result`): written anew by each. */
export const result: { classid: Handle; bound: BoundClass | null } = { classid: 0, bound: null };

/** ETH_P_ALL. */
export const PROTOCOL_ALL = 3;
/** Filters of one kind, protocol and preference on one qdisc or class, at most. */
export const FILTERS_MAX = 65_536;
/** An action may ask for another look at the filters this often (`max_reclassify_loop`). */
const RECLASSIFICATIONS_MAX = 16;

/** The filters of one preference (`struct tcf_proto`): all of one kind and protocol. */
export abstract class FilterProto {
  abstract readonly kind: string;
  readonly chain: FilterChain;
  readonly preference: number;
  /** EtherType, or `PROTOCOL_ALL`. */
  readonly protocol: number;

  constructor(chain: FilterChain, preference: number, protocol: number) {
    this.chain = chain;
    this.preference = preference;
    this.protocol = protocol;
  }

  /** What becomes of the packet; where it matches, `result` tells the class. */
  abstract classify(p: Packet, dev: NetDevice, length: number): Verdict;
  /** Whether there is a filter with the handle. */
  abstract has(handle: number): boolean;
  abstract remove(handle: number): Outcome;
  /** No filter is left. */
  abstract readonly empty: boolean;
  /** What stands on classes. */
  abstract targets(): Iterable<Target>;

  destroy(): void {
    for (const target of this.targets()) target.release();
  }
}

/** Where a filter sends what it matches, and what is done with it before (`struct tcf_result`, `struct tcf_exts`). */
export class Target {
  readonly classid: Handle;
  readonly actions: readonly Action[];
  /** A class was named; without one, the packet keeps none. */
  readonly named: boolean;
  readonly #qdisc: Qdisc;
  #bound: BoundClass | null = null;

  constructor(qdisc: Qdisc, classid: Handle | undefined, actions: readonly Action[] = []) {
    this.#qdisc = qdisc;
    this.named = classid !== undefined;
    this.classid = classid ?? 0;
    this.actions = actions;
    for (const action of actions) action.hold();
    if (classid !== undefined) this.rebind();
  }

  /** Writes the class into `result`, and does the actions (`tcf_exts_exec`). */
  hit(p: Packet, length: number): Verdict {
    result.classid = this.classid;
    result.bound = this.#bound;
    const { actions } = this;
    if (actions.length === 0) return TC_OK;
    let verdict: Verdict = TC_OK;
    for (const action of actions) {
      verdict = action.act(p, length);
      if (verdict !== TC_PIPE) return verdict;
    }
    return verdict;
  }

  /** Looks for its class again: one was made, or is to go. */
  rebind(): void {
    if (!this.named) return;
    const found = this.#qdisc.bindClass(this.classid);
    if (found === this.#bound) return;
    this.#unbind();
    if (found !== null) found.holders++;
    this.#bound = found;
  }
  /** It is no more: its class and its actions are let go. */
  release(): void {
    this.#unbind();
    for (const action of this.actions) action.release();
  }
  #unbind(): void {
    if (this.#bound !== null) this.#bound.holders--;
    this.#bound = null;
  }
}

/** The filters of a qdisc or of a class, asked in the order of their preferences (`struct tcf_chain`). */
export class FilterChain {
  readonly qdisc: Qdisc;
  readonly protos: FilterProto[] = [];
  /** The parent under which a filter was added last: what listings show. */
  parent: Handle = 0;

  constructor(qdisc: Qdisc) {
    this.qdisc = qdisc;
  }

  /** net/sched/cls_api.c:tcf_classify. */
  classify(p: Packet, dev: NetDevice, length: number): Verdict {
    const protocol = skbProtocol(p, dev);
    for (let looks = 0; looks <= RECLASSIFICATIONS_MAX; looks++) {
      const verdict = this.#look(p, dev, length, protocol);
      if (verdict !== TC_RECLASSIFY) return verdict;
    }
    return TC_SHOT;
  }

  #look(p: Packet, dev: NetDevice, length: number, protocol: number): Verdict {
    for (const proto of this.protos) {
      if (proto.protocol !== protocol && proto.protocol !== PROTOCOL_ALL) continue;
      const verdict = proto.classify(p, dev, length);
      if (verdict >= 0) return verdict;
    }
    return TC_UNSPEC;
  }

  add(proto: FilterProto): void {
    const at = this.protos.findIndex((other) => other.preference > proto.preference);
    this.protos.splice(at < 0 ? this.protos.length : at, 0, proto);
  }
  remove(proto: FilterProto): void {
    const at = this.protos.indexOf(proto);
    if (at >= 0) this.protos.splice(at, 1);
    proto.destroy();
  }

  /** A preference for a filter for which none was asked: below all that were given out so (`tcf_auto_prio`). */
  freePreference(): number {
    const next = this.protos.find((proto) => proto.preference >= 0x8000);
    return next === undefined ? 0xc000 : next.preference - 1;
  }

  /** A class was made, or is to go: those who name it look again. */
  rebind(): void {
    for (const proto of this.protos) for (const target of proto.targets()) target.rebind();
  }
  destroy(): void {
    for (const proto of this.protos.splice(0)) proto.destroy();
  }
}

/** The filter of a handle, taken out of a list; refused when there is none. */
export function removeByHandle<F extends { readonly handle: number; readonly target: Target }>(
  filters: F[],
  handle: number,
): Outcome {
  const at = filters.findIndex((f) => f.handle === handle);
  if (at < 0) return refused("ENOENT", "Specified filter handle not found");
  filters[at]?.target.release();
  filters.splice(at, 1);
  return done;
}
