import type { Ipv4 } from "../../core/addr.ts";

/** A way out of this router: over an interface, to a gateway or straight to what is on the link (0). */
export interface Hop {
  readonly ifname: string;
  readonly ifindex: number;
  readonly gateway: Ipv4;
}

/** Equally good ways, sorted. There is one object for each set, so that sets are compared by identity. */
export class HopSet {
  readonly hops: readonly Hop[];
  readonly #of: HopSets;
  readonly #unions = new Map<HopSet, HopSet>();

  constructor(of: HopSets, hops: readonly Hop[]) {
    this.hops = hops;
    this.#of = of;
  }
  /** The ways of both. */
  with(other: HopSet): HopSet {
    if (other === this || other.hops.length === 0) return this;
    if (this.hops.length === 0) return other;
    let union = this.#unions.get(other);
    if (union === undefined) {
      union = this.#of.get([...this.hops, ...other.hops]);
      if (this.#unions.size >= UNIONS_MAX) this.#unions.clear();
      this.#unions.set(other, union);
    }
    return union;
  }
}

const UNIONS_MAX = 10_000;
/** Sets kept before they are begun anew; then equal ways count as changed once. */
const SETS_MAX = 100_000;

/** The sets of one router. */
export class HopSets {
  readonly none = new HopSet(this, []);
  #sets = new Map<string, HopSet>();

  /** The set of these ways, in whatever order, twice or once. */
  get(hops: readonly Hop[]): HopSet {
    const sorted = [...hops].sort((a, b) => a.gateway - b.gateway || a.ifindex - b.ifindex);
    const unique = sorted.filter((h, i) => i === 0 || !sameHop(h, sorted[i - 1] as Hop));
    if (unique.length === 0) return this.none;
    const key = unique.map((h) => `${h.gateway},${h.ifname}`).join(" ");
    let set = this.#sets.get(key);
    if (set === undefined) {
      if (this.#sets.size >= SETS_MAX) this.#sets = new Map();
      this.#sets.set(key, (set = new HopSet(this, unique)));
    }
    return set;
  }
}

const sameHop = (a: Hop, b: Hop): boolean => a.gateway === b.gateway && a.ifname === b.ifname;
