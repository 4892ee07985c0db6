import { granted, type Outcome, refused } from "../../../../core/errno.ts";
import type { Packet } from "../../../../core/packet.ts";
import type { NetDevice } from "../../netdev.ts";
import type { Action } from "../actions/action.ts";
import type { Handle } from "../handle.ts";
import { FILTERS_MAX, FilterProto, removeByHandle, Target, TC_UNSPEC, type Verdict } from "./filter.ts";
import { dissect, type FlowerField, type FlowerKey } from "./flower-key.ts";

/** A field's value under a mask, or (ports) a range of values. */
export interface FlowerMatch {
  readonly field: FlowerField;
  readonly value: number;
  /** All ones where none was given. */
  readonly mask: number;
  /** The last value of a range that begins with `value`. */
  readonly last?: number | undefined;
}

export interface FlowerOptions {
  readonly matches: readonly FlowerMatch[];
  readonly classid?: Handle | undefined;
  readonly actions?: readonly Action[] | undefined;
}

export interface FlowerFilter {
  readonly handle: number;
  readonly matches: readonly FlowerMatch[];
  readonly target: Target;
}

/** Filters with the same fields under the same masks: asked together, in the order in which such a group came first. */
interface Group {
  readonly shape: string;
  readonly filters: FlowerFilter[];
}

/** Filters by named fields of the headers (net/sched/cls_flower.c). */
export class Flower extends FilterProto {
  override readonly kind = "flower";
  readonly filters: FlowerFilter[] = [];
  #groups: Group[] = [];

  override classify(p: Packet, dev: NetDevice, length: number): Verdict {
    const key = dissect(p, dev);
    for (const group of this.#groups) {
      const found = group.filters.find((f) => f.matches.every((m) => fits(m, key)));
      if (found !== undefined) return found.target.hit(p, length);
    }
    return TC_UNSPEC;
  }

  /** net/sched/cls_flower.c:fl_change. */
  change(handle: number, o: FlowerOptions): Outcome<number> {
    const at = this.filters.findIndex((f) => f.handle === handle);
    const old = this.filters[at];
    const twin = this.filters.find((f) => f !== old && keyText(f.matches) === keyText(o.matches));
    if (twin !== undefined) return refused("EEXIST");
    if (old === undefined && this.filters.length >= FILTERS_MAX) return refused("ENOBUFS");
    let free = handle;
    for (let i = 1; free === 0; i++) if (!this.has(i)) free = i;
    const f = { handle: free, matches: o.matches, target: new Target(this.chain.qdisc, o.classid, o.actions) };
    if (old === undefined) this.filters.push(f);
    else {
      old.target.release();
      this.filters[at] = f;
    }
    this.#regroup();
    return granted(free);
  }

  override has(handle: number): boolean {
    return this.filters.some((f) => f.handle === handle);
  }
  override remove(handle: number): Outcome {
    const removed = removeByHandle(this.filters, handle);
    this.#regroup();
    return removed;
  }
  override get empty(): boolean {
    return this.filters.length === 0;
  }
  override *targets(): Generator<Target> {
    for (const f of this.filters) yield f.target;
  }

  #regroup(): void {
    const shapes = [...this.#groups.map((g) => g.shape), ...this.filters.map(shapeOf)];
    this.#groups = [...new Set(shapes)]
      .map((shape) => ({ shape, filters: this.filters.filter((f) => shapeOf(f) === shape) }))
      .filter((group) => group.filters.length > 0);
  }
}

const shapeOf = (f: FlowerFilter): string =>
  f.matches.map((m) => `${m.field}/${m.mask}/${m.last !== undefined}`).join();
const keyText = (matches: readonly FlowerMatch[]): string =>
  matches.map((m) => `${m.field}=${m.value}/${m.mask}-${m.last}`).join();

function fits(m: FlowerMatch, key: FlowerKey): boolean {
  const value = key[m.field];
  if (value === undefined) return false;
  if (m.last !== undefined) return value >= m.value && value <= m.last;
  if (m.mask > 0xffff_ffff) return masked48(value, m.mask) === masked48(m.value, m.mask);
  return ((value ^ m.value) & m.mask) === 0;
}

const masked48 = (value: number, mask: number): number =>
  (Math.floor(value / 2 ** 32) & Math.floor(mask / 2 ** 32)) * 2 ** 32 + (((value % 2 ** 32) & (mask % 2 ** 32)) >>> 0);
