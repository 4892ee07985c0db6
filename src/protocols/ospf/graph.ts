import type { Ipv4 } from "../../core/addr.ts";
import type { Dest } from "./destinations.ts";
import type { HopSet } from "./hops.ts";
import type { Lsa } from "./lsa.ts";
import { LSA_ROUTER } from "./lsa-codec.ts";

/** "Not reached." */
export const UNREACHED = Number.POSITIVE_INFINITY;

/** A router or a transit network of an area. It stays while anybody mentions it, whatever its advertisement says. */
export class Vertex {
  readonly graph: Graph;
  readonly network: boolean;
  /** Router id, or address of the designated router. */
  readonly id: Ipv4;
  /** What it says of itself; undefined: nothing is known, or it is being withdrawn. */
  lsa: Lsa | undefined = undefined;
  /** The prefixes that it attaches, in the order of its shape. */
  dests: readonly Dest[] = NO_DESTS;
  /** Results: distance from this router, and how to go there. */
  dist = UNREACHED;
  hops: HopSet | undefined = undefined;
  /** Of the computation that runs. */
  nextDist = UNREACHED;
  nextHops: HopSet | undefined = undefined;
  round = 0;
  heapAt = -1;

  constructor(graph: Graph, network: boolean, id: Ipv4) {
    this.graph = graph;
    this.network = network;
    this.id = id;
  }

  /** B, E and V bits of a router. */
  get flags(): number {
    return this.lsa === undefined ? 0 : this.lsa.shape.flags;
  }
}

export const NO_DESTS: readonly Dest[] = [];

/** The routers and transit networks of an area as vertices (RFC 2328 §16.1). */
export class Graph {
  readonly routers = new Map<Ipv4, Vertex>();
  readonly networks = new Map<Ipv4, Vertex>();
  round = 0;

  router(id: Ipv4): Vertex {
    let v = this.routers.get(id);
    if (v === undefined) this.routers.set(id, (v = new Vertex(this, false, id)));
    return v;
  }
  network(id: Ipv4): Vertex {
    let v = this.networks.get(id);
    if (v === undefined) this.networks.set(id, (v = new Vertex(this, true, id)));
    return v;
  }
  vertexOf(lsa: Lsa): Vertex {
    return lsa.type === LSA_ROUTER ? this.router(lsa.id) : this.network(lsa.id);
  }
  find(id: Ipv4, network: boolean): Vertex | undefined {
    return (network ? this.networks : this.routers).get(id);
  }
}
