import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { NetDevice } from "../../netdev.ts";
import type { Action } from "../actions/action.ts";
import { type Handle, majorOf } from "../handle.ts";
import { FILTERS_MAX, FilterProto, removeByHandle, result, Target, TC_OK, TC_UNSPEC, type Verdict } from "./filter.ts";

export interface FwOptions {
  readonly mask?: number | undefined;
  readonly classid?: Handle | undefined;
  readonly indev?: string | undefined;
  readonly actions?: readonly Action[] | undefined;
}

export interface FwFilter {
  /** The mark that it matches. */
  readonly handle: number;
  readonly target: Target;
  readonly indev: string | undefined;
}

/** Filters by firewall mark (net/sched/cls_fw.c). Without any filter the mark itself is the class. */
export class Fw extends FilterProto {
  override readonly kind = "fw";
  readonly filters: FwFilter[] = [];
  mask = 0xffff_ffff;

  override classify(p: Packet, dev: NetDevice, length: number): Verdict {
    const mark = p.mark >>> 0;
    if (this.filters.length === 0) {
      if (mark === 0 || (majorOf(mark) !== 0 && majorOf(mark) !== this.chain.qdisc.handle)) return TC_UNSPEC;
      result.classid = mark;
      result.bound = null;
      return TC_OK;
    }
    const wanted = (mark & this.mask) >>> 0;
    for (const f of this.filters) {
      if (f.handle !== wanted) continue;
      if (f.indev !== undefined && dev.kernel.deviceByIndex(p.iif)?.name !== f.indev) continue;
      const verdict = f.target.hit(p, length);
      if (verdict >= 0) return verdict;
    }
    return TC_UNSPEC;
  }

  /** net/sched/cls_fw.c:fw_change. */
  change(handle: number, o: FwOptions): Outcome<number> {
    const at = this.filters.findIndex((f) => f.handle === handle);
    if (handle === 0) return refused("EINVAL");
    const mask = o.mask ?? 0xffff_ffff;
    if (this.filters.length > 0 && mask !== this.mask) return refused("EINVAL");
    if (at < 0 && this.filters.length >= FILTERS_MAX) return refused("ENOBUFS");
    const old = this.filters[at];
    const classid = o.classid ?? (old?.target.named ? old.target.classid : undefined);
    const f = { handle, target: new Target(this.chain.qdisc, classid, o.actions), indev: o.indev };
    this.mask = mask;
    if (old === undefined) this.filters.unshift(f);
    else {
      old.target.release();
      this.filters[at] = f;
    }
    return granted(handle);
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
