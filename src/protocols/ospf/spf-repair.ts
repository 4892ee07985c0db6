import { Frontier } from "./frontier.ts";
import { type Graph, keyOf, UNREACHED, type Vertex } from "./graph.ts";
import type { HopSet } from "./hops.ts";
import { hopsOver, type Root } from "./root.ts";
import { costBack, type Shape } from "./shape.ts";

/**
 * Shortest paths after a few vertices have changed: G. Ramalingam and T. Reps, "An incremental algorithm for a generalization of the shortest-path problem" (1996).
 * Distances first, then the ways, from near to far. What does not lie behind a change is not looked at.
 */

const frontier = new Frontier();

/** Repairs distances and ways; `graph.changed` says what has changed. No way from a router may cost nothing. Returns how many vertices were looked at. */
export function repairPaths(graph: Graph, root: Root, changed: (v: Vertex) => void): number {
  const repair = new Repair(graph, root);
  repair.distances();
  repair.ways();
  repair.tell(changed);
  return repair.looked.size;
}

class Repair {
  readonly #graph: Graph;
  readonly #root: Root;
  readonly #start: Vertex | undefined;
  /** Every vertex that was looked at, with its distance and ways before. */
  readonly looked = new Map<Vertex, { readonly dist: number; readonly hops: HopSet | undefined }>();
  /** Those whose ways may be others: they, or somebody before them, have changed. */
  readonly #unsure = new Set<Vertex>();

  constructor(graph: Graph, root: Root) {
    this.#graph = graph;
    this.#root = root;
    this.#start = graph.find(root.id, false);
  }

  /** Their SWSF-FP: a vertex is consistent when it stands at the least distance that its predecessors give it. */
  distances(): void {
    frontier.reset(this.#graph.vertices.length);
    for (const v of this.#seeds()) {
      this.#unsure.add(v);
      this.#check(v);
    }
    for (let at = frontier.take(); at >= 0; at = frontier.take()) {
      const v = this.#graph.vertices[at] as Vertex;
      const least = this.#least(v);
      if (least < v.dist) v.dist = least;
      else {
        v.dist = UNREACHED;
        this.#check(v);
      }
      this.#unsure.add(v);
      for (const way of v.shape?.ways ?? []) {
        const to = this.#graph.find(way.id, way.toNetwork);
        if (to === undefined) continue;
        this.#unsure.add(to);
        this.#check(to);
      }
    }
  }

  /** Works out anew how those are reached that may be reached otherwise, each after all that lie before it. */
  ways(): void {
    frontier.reset(this.#graph.vertices.length);
    for (const v of this.#unsure) frontier.put(v.at, keyOf(v.dist, v));
    for (let at = frontier.take(); at >= 0; at = frontier.take()) {
      const v = this.#graph.vertices[at] as Vertex;
      this.#remember(v);
      const hops = this.#waysTo(v);
      if (hops === v.hops) continue;
      v.hops = hops;
      for (const way of v.shape?.ways ?? []) {
        const to = this.#graph.find(way.id, way.toNetwork);
        if (to !== undefined && to.dist === v.dist + way.cost) frontier.put(to.at, keyOf(to.dist, to));
      }
    }
  }

  tell(changed: (v: Vertex) => void): void {
    for (const [v, before] of this.looked) if (v.dist !== before.dist || v.hops !== before.hops) changed(v);
  }

  /** What has changed, and all that it leads to or led to; the root with its neighbours, whose addresses may be others. */
  #seeds(): Set<Vertex> {
    const seeds = new Set<Vertex>();
    const put = (v: Vertex, shape: Shape | undefined): void => {
      seeds.add(v);
      for (const way of shape?.ways ?? []) {
        const to = this.#graph.find(way.id, way.toNetwork);
        if (to !== undefined) seeds.add(to);
      }
    };
    for (const v of this.#graph.changed) {
      put(v, v.before ?? undefined);
      put(v, v.shape);
    }
    if (this.#start !== undefined) put(this.#start, this.#start.shape);
    return seeds;
  }

  /** Queues a vertex that does not stand where it should. */
  #check(v: Vertex): void {
    this.#remember(v);
    const least = this.#least(v);
    if (least === v.dist) frontier.drop(v.at);
    else frontier.put(v.at, Math.min(keyOf(least, v), keyOf(v.dist, v)));
  }

  /** The least distance that those before a vertex give it: who they are is told by its own ways, which must lead there and back. */
  #least(v: Vertex): number {
    if (v === this.#start) return v.lsa === undefined ? UNREACHED : 0;
    let least = UNREACHED;
    for (const way of v.shape?.ways ?? []) {
      const from = this.#graph.find(way.id, way.toNetwork);
      if (from?.lsa === undefined || from.dist >= least) continue;
      const cost = from === this.#start ? this.#ownCost(from, v) : costBack(way, from.lsa.shape, v);
      if (cost >= 0 && from.dist + cost < least) least = from.dist + cost;
    }
    return least;
  }
  /** Of the root's links to `v` the cheapest over which somebody is there; −1: none. */
  #ownCost(start: Vertex, v: Vertex): number {
    let least = -1;
    for (const way of start.shape?.ways ?? []) {
      if (way.id !== v.id || way.toNetwork !== v.network || (least >= 0 && way.cost >= least)) continue;
      if (hopsOver(this.#root, start, this.#root.sets.none, way, v) !== undefined) least = way.cost;
    }
    return least;
  }

  #waysTo(v: Vertex): HopSet | undefined {
    if (v === this.#start) return v.lsa === undefined ? undefined : this.#root.sets.none;
    if (v.dist === UNREACHED) return undefined;
    let hops: HopSet | undefined;
    for (const way of v.shape?.ways ?? []) {
      const from = this.#graph.find(way.id, way.toNetwork);
      if (from === undefined || from.dist === UNREACHED) continue;
      const over = this.#over(from, v, v.dist - from.dist);
      if (over !== undefined) hops = hops === undefined ? over : hops.with(over);
    }
    return hops;
  }
  /** The ways over all links from one vertex to another that cost as much. */
  #over(from: Vertex, v: Vertex, cost: number): HopSet | undefined {
    let hops: HopSet | undefined;
    for (const way of from.shape?.ways ?? []) {
      if (way.id !== v.id || way.toNetwork !== v.network || way.cost !== cost) continue;
      const over = hopsOver(this.#root, from, from.hops ?? this.#root.sets.none, way, v);
      if (over !== undefined) hops = hops === undefined ? over : hops.with(over);
    }
    return hops;
  }

  #remember(v: Vertex): void {
    if (!this.looked.has(v)) this.looked.set(v, { dist: v.dist, hops: v.hops });
  }
}
