import { done, granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { NetDevice } from "../../netdev.ts";
import type { Action } from "../actions/action.ts";
import type { Handle } from "../handle.ts";
import { FILTERS_MAX, FilterProto, removeByHandle, Target, TC_UNSPEC, type Verdict } from "./filter.ts";

export interface PlainOptions {
  readonly classid?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

/** The filter that every packet matches (net/sched/cls_matchall.c): one of each preference. */
export class Matchall extends FilterProto {
  override readonly kind = "matchall";
  handle = 0;
  target: Target | null = null;
  hits = 0;

  override classify(p: Packet, _dev: NetDevice, length: number): Verdict {
    if (this.target === null) return TC_UNSPEC;
    this.hits++;
    return this.target.hit(p, length);
  }

  change(handle: number, o: PlainOptions): Outcome<number> {
    if (this.target !== null) return refused("EEXIST");
    this.handle = handle || 1;
    this.target = new Target(this.chain.qdisc, o.classid, o.actions);
    return granted(this.handle);
  }

  override has(handle: number): boolean {
    return this.target !== null && this.handle === handle;
  }
  override remove(handle: number): Outcome {
    if (!this.has(handle)) return refused("ENOENT", "Specified filter handle not found");
    this.target?.release();
    this.target = null;
    return done;
  }
  override get empty(): boolean {
    return this.target === null;
  }
  override *targets(): Generator<Target> {
    if (this.target !== null) yield this.target;
  }
}

export interface BasicFilter {
  readonly handle: number;
  readonly target: Target;
}

/** Filters without conditions (net/sched/cls_basic.c with no extended match): the first that its actions let through wins. */
export class Basic extends FilterProto {
  override readonly kind = "basic";
  readonly filters: BasicFilter[] = [];

  override classify(p: Packet, _dev: NetDevice, length: number): Verdict {
    for (const f of this.filters) {
      const verdict = f.target.hit(p, length);
      if (verdict >= 0) return verdict;
    }
    return TC_UNSPEC;
  }

  change(handle: number, o: PlainOptions): Outcome<number> {
    const at = this.filters.findIndex((f) => f.handle === handle);
    const old = this.filters[at];
    const classid = o.classid ?? (old?.target.named ? old.target.classid : undefined);
    const target = new Target(this.chain.qdisc, classid, o.actions);
    if (old !== undefined) {
      old.target.release();
      this.filters[at] = { handle, target };
      return granted(handle);
    }
    if (this.filters.length >= FILTERS_MAX) return refused("ENOBUFS");
    let free = handle;
    for (let i = 1; free === 0; i++) if (!this.has(i)) free = i;
    this.filters.push({ handle: free, target });
    return granted(free);
  }

  override has(handle: number): boolean {
    return this.filters.some((f) => f.handle === handle);
  }
  override remove(handle: number): Outcome {
    return removeByHandle(this.filters, handle);
  }
  override get empty(): boolean {
    return this.filters.length === 0;
  }
  override *targets(): Generator<Target> {
    for (const f of this.filters) yield f.target;
  }
}
