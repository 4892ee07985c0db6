import { type Ipv4, maskOf, networkOf, type Prefix } from "../../core/addr.ts";
import type { Vertex } from "./graph.ts";
import type { HopSet } from "./hops.ts";
import type { Slot } from "./lsdb.ts";
import type { Area } from "./model.ts";

/** How a destination is reached, in the order of preference (RFC 2328 §11). */
export type PathKind = "intra" | "inter" | "external1" | "external2" | "discard";

/** What is said about a destination by advertisements other than those of routers and networks. */
export interface Claims {
  /** Type 3, with the area each stands in. */
  readonly summaries: { readonly area: Area; readonly slot: Slot }[];
  /** Types 5 (no area) and 7. */
  readonly externals: { readonly area: Area | undefined; readonly slot: Slot }[];
}

/** The way to a destination that was chosen. `cost`: of an external of type 2 the distance to where it leaves the system. */
export interface Path {
  readonly kind: PathKind;
  readonly area: Area | undefined;
  readonly cost: number;
  readonly hops: HopSet;
  readonly type2Cost: number;
  readonly tag: number;
}

/**
 * A prefix that somebody says can be reached, who says so, and the way that was chosen. There are millions of them in a large simulation: two who attach it stand
 * in the object itself.
 */
export class Dest {
  /** Shared with whoever else knows the prefix. */
  readonly prefix: Prefix;
  /** Of the same address and another length. */
  next: Dest | undefined = undefined;
  first: Vertex | undefined = undefined;
  firstCost = 0;
  second: Vertex | undefined = undefined;
  secondCost = 0;
  more: { readonly vertex: Vertex; readonly cost: number }[] | undefined = undefined;
  claims: Claims | undefined = undefined;
  path: Path | undefined = undefined;
  dirty = false;

  constructor(prefix: Prefix) {
    this.prefix = prefix;
  }
  get address(): Ipv4 {
    return this.prefix.address;
  }
  get length(): number {
    return this.prefix.length;
  }

  /** `vertex` has it, at `cost` from itself. */
  attach(vertex: Vertex, cost: number): void {
    if (this.first === undefined) {
      this.first = vertex;
      this.firstCost = cost;
    } else if (this.second === undefined) {
      this.second = vertex;
      this.secondCost = cost;
    } else {
      this.more ??= [];
      this.more.push({ vertex, cost });
    }
  }
  detach(vertex: Vertex, cost: number): void {
    if (this.first === vertex && this.firstCost === cost) this.first = undefined;
    else if (this.second === vertex && this.secondCost === cost) this.second = undefined;
    else {
      const at = this.more?.findIndex((m) => m.vertex === vertex && m.cost === cost) ?? -1;
      if (at >= 0) this.more?.splice(at, 1);
      if (this.more?.length === 0) this.more = undefined;
    }
  }
  /** Who has it. */
  attached(visit: (vertex: Vertex, cost: number) => void): void {
    if (this.first !== undefined) visit(this.first, this.firstCost);
    if (this.second !== undefined) visit(this.second, this.secondCost);
    for (const { vertex, cost } of this.more ?? []) visit(vertex, cost);
  }
  get unclaimed(): boolean {
    return (
      this.first === undefined &&
      this.second === undefined &&
      this.more === undefined &&
      (this.claims === undefined || (this.claims.summaries.length === 0 && this.claims.externals.length === 0))
    );
  }
}

/** Destinations by prefix. How many there are is limited by the advertisements that tell of them. */
export class DestTable {
  /** By address as a signed number, which takes no memory of its own. */
  readonly #table = new Map<number, Dest>();
  size = 0;

  find(address: Ipv4, length: number): Dest | undefined {
    let dest = this.#table.get(address | 0);
    while (dest !== undefined && dest.length !== length) dest = dest.next;
    return dest;
  }
  get(prefix: Prefix): Dest {
    const { address, length } = prefix;
    const known = this.find(address, length);
    if (known !== undefined) return known;
    const dest = new Dest(prefix);
    dest.next = this.#table.get(address | 0);
    this.#table.set(address | 0, dest);
    this.size++;
    return dest;
  }
  remove(dest: Dest): void {
    const key = dest.address | 0;
    let at = this.#table.get(key);
    if (at === dest) {
      if (dest.next === undefined) this.#table.delete(key);
      else this.#table.set(key, dest.next);
      this.size--;
      return;
    }
    while (at !== undefined && at.next !== dest) at = at.next;
    if (at === undefined) return;
    at.next = dest.next;
    this.size--;
  }
  each(visit: (dest: Dest) => void): void {
    for (const first of this.#table.values())
      for (let dest: Dest | undefined = first; dest !== undefined; dest = dest.next) visit(dest);
  }
  /** By address, then by length. */
  sorted(): Dest[] {
    const all: Dest[] = [];
    this.each((dest) => all.push(dest));
    return all.sort((a, b) => a.address - b.address || a.length - b.length);
  }
  /** The most specific destination around `address` that `fits`. */
  longest(address: Ipv4, fits: (dest: Dest) => boolean): Dest | undefined {
    for (let length = 32; length >= 0; length--) {
      const dest = this.find(networkOf(address, length), length);
      if (dest !== undefined && fits(dest)) return dest;
    }
    return undefined;
  }
}

/** Whether `outer` holds the prefix. */
export const covers = (outer: { address: Ipv4; length: number }, address: Ipv4, length: number): boolean =>
  outer.length <= length && ((outer.address ^ address) & maskOf(outer.length)) === 0;
