import type { Ipv4 } from "../../core/addr.ts";
import type { HopSet } from "./hops.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_ROUTER } from "./lsa-codec.ts";
import type { Shape } from "./shape.ts";

/** "Not reached": beyond every distance, and a small integer, of which there are millions. */
export const UNREACHED = 0x3fff_ffff;

/** A router or a transit network of an area. */
export class Vertex {
  readonly graph: Graph;
  readonly network: boolean;
  /** Router id, or address of the designated router. */
  readonly id: Ipv4;
  /** Its place among the vertices of the graph. */
  at: number;
  /** What it says of itself; undefined: nothing is known, or it is being withdrawn. */
  lsa: Lsa | undefined = undefined;
  /** Distance from this router, and how to go there. */
  dist = UNREACHED;
  hops: HopSet | undefined = undefined;
  /** What it said of ways when distances were computed; null: nothing else than it says now. */
  before: Shape | undefined | null = null;

  constructor(graph: Graph, network: boolean, id: Ipv4, at: number) {
    this.graph = graph;
    this.network = network;
    this.id = id;
    this.at = at;
  }

  /** B, E and V bits of a router. */
  get flags(): number {
    return this.lsa === undefined ? 0 : this.lsa.shape.flags;
  }
  /** What it says of ways; of one that says nothing: none. */
  get shape(): Shape | undefined {
    return this.lsa?.shape;
  }
}

/** The routers and transit networks of an area as vertices (RFC 2328 §16.1). */
export class Graph {
  readonly routers = new Map<Ipv4, Vertex>();
  readonly networks = new Map<Ipv4, Vertex>();
  readonly vertices: Vertex[] = [];
  /** Vertices that say something else of ways than when distances were computed. */
  changed: Vertex[] = [];
  /** Distances have to be computed from the beginning. */
  anew = true;
  /** Ways from a router that cost nothing: they may lead round in a circle. */
  free = 0;

  vertexOf(lsa: Lsa): Vertex {
    const network = lsa.type !== LSA_ROUTER;
    const table = network ? this.networks : this.routers;
    let v = table.get(lsa.id);
    if (v === undefined) {
      v = new Vertex(this, network, lsa.id, this.vertices.length);
      table.set(lsa.id, v);
      this.vertices.push(v);
    }
    return v;
  }
  find(id: Ipv4, network: boolean): Vertex | undefined {
    return (network ? this.networks : this.routers).get(id);
  }

  /** A vertex says something new. `ways`: of ways as well. */
  says(v: Vertex, lsa: Lsa | undefined, ways: boolean): void {
    const before = v.shape;
    if (ways && v.before === null) {
      v.before = before;
      this.changed.push(v);
    }
    v.lsa = lsa;
    this.free += (v.shape?.free === true ? 1 : 0) - (before?.free === true ? 1 : 0);
  }
  /** Distances are computed: what says nothing any more goes. */
  computed(): void {
    for (const v of this.changed) {
      v.before = null;
      if (v.lsa === undefined) this.#remove(v);
    }
    this.changed = [];
    this.anew = false;
  }
  #remove(v: Vertex): void {
    const table = v.network ? this.networks : this.routers;
    if (!table.delete(v.id)) return;
    const last = this.vertices.pop() as Vertex;
    if (last === v) return;
    this.vertices[v.at] = last;
    last.at = v.at;
  }
}

/** Networks before routers at the same distance (§16.1 step 3). */
export const keyOf = (dist: number, v: Vertex): number => 2 * dist + (v.network ? 0 : 1);
