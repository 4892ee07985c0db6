import type { Ipv4 } from "../../core/addr.ts";
import type { Path } from "./destinations.ts";
import type { Area } from "./model.ts";

/** A way out of this router: over an interface, to a gateway or straight to what is on the link (0). */
export interface Hop {
  readonly ifname: string;
  readonly ifindex: number;
  readonly gateway: Ipv4;
  /** The gateway is on the link, whatever addresses say: the interface has no network of its own. */
  readonly onlink?: boolean;
}

/** Equally good ways, sorted. There is one object for each set, so that sets are compared by identity. */
export class HopSet {
  readonly hops: readonly Hop[];
  readonly #of: HopSets;
  readonly #unions = new Map<HopSet, HopSet>();
  /** All of them lead straight to what is on a link. */
  readonly direct: boolean;
  /** Paths inside an area over these ways, by area and cost: made once for all destinations. */
  readonly paths = new Map<Area | undefined, Map<number, Path>>();

  constructor(of: HopSets, hops: readonly Hop[]) {
    this.hops = hops;
    this.#of = of;
    this.direct = hops.every((h) => h.gateway === 0);
  }
  /** The path inside an area over these ways. */
  intra(area: Area | undefined, cost: number): Path {
    let byCost = this.paths.get(area);
    if (byCost === undefined) this.paths.set(area, (byCost = new Map()));
    let path = byCost.get(cost);
    if (path === undefined) {
      path = { kind: "intra", area, cost, hops: this, type2Cost: 0, tag: 0 };
      if (byCost.size >= PATHS_MAX) byCost.clear();
      byCost.set(cost, path);
    }
    return path;
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
const PATHS_MAX = 10_000;
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
