import type { Ipv4 } from "../../core/addr.ts";
import type { HopSet } from "./hops.ts";
import type { Lsa } from "./lsa.ts";
import { LINK_POINT_TO_POINT, LINK_TRANSIT, LSA_ROUTER, type RouterBody, type RouterLink } from "./lsa-codec.ts";

/** "Not reached." */
export const UNREACHED = Number.POSITIVE_INFINITY;

/** The way from one vertex to another. */
export interface Edge {
  readonly to: Vertex;
  readonly cost: number;
  /** The link of the router that it stands for; undefined: from a network to a router on it. */
  readonly link: RouterLink | undefined;
  /** Whether `to` has a link back, as its advertisement `checked` says. */
  back: boolean;
  checked: Lsa | undefined;
}

/** A router or a transit network of an area. It stays while anybody mentions it, whatever its advertisement says. */
export class Vertex {
  readonly network: boolean;
  /** Router id, or address of the designated router. */
  readonly id: Ipv4;
  /** What it says of itself; undefined: nothing is known, or it is being withdrawn. */
  lsa: Lsa | undefined = undefined;
  /** Results: distance from this router, and how to go there. */
  dist = UNREACHED;
  hops: HopSet | undefined = undefined;
  /** Of the computation that runs. */
  nextDist = UNREACHED;
  nextHops: HopSet | undefined = undefined;
  round = 0;
  heapAt = -1;
  /** The way on which it was first reached is one hop: its hops are found out, not inherited. */
  readonly graph: Graph;
  #edges: Edge[] = [];
  #edgesOf: Lsa | undefined = undefined;

  constructor(graph: Graph, network: boolean, id: Ipv4) {
    this.graph = graph;
    this.network = network;
    this.id = id;
  }

  /** Where its advertisement leads; looked up again only when that has changed. */
  get edges(): readonly Edge[] {
    if (this.#edgesOf !== this.lsa) {
      this.#edgesOf = this.lsa;
      this.#edges = this.lsa === undefined ? [] : this.graph.edgesOf(this.lsa);
    }
    return this.#edges;
  }
  /** B, E and V bits of a router. */
  get flags(): number {
    const body = this.lsa?.body;
    return body?.kind === "router" ? body.flags : 0;
  }
}

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

  edgesOf(lsa: Lsa): Edge[] {
    const { body } = lsa;
    if (body.kind === "network") return body.attached.map((id) => edge(this.router(id), 0, undefined));
    if (body.kind !== "router") return [];
    const edges: Edge[] = [];
    for (const link of body.links) {
      if (link.type === LINK_POINT_TO_POINT) edges.push(edge(this.router(link.id), link.metric, link));
      else if (link.type === LINK_TRANSIT) edges.push(edge(this.network(link.id), link.metric, link));
    }
    return edges;
  }
}

const edge = (to: Vertex, cost: number, link: RouterLink | undefined): Edge => ({
  to,
  cost,
  link,
  back: false,
  checked: undefined,
});

/** Whether the far end of an edge from `v` has a link back (§16.1 step 2b). */
export function hasBack(v: Vertex, e: Edge): boolean {
  const { lsa } = e.to;
  if (e.checked !== lsa) {
    e.checked = lsa;
    e.back = lsa !== undefined && linksTo(lsa, v);
  }
  return e.back;
}

function linksTo(lsa: Lsa, v: Vertex): boolean {
  const { body } = lsa;
  if (body.kind === "network") return !v.network && body.attached.includes(v.id);
  if (body.kind !== "router") return false;
  const type = v.network ? LINK_TRANSIT : LINK_POINT_TO_POINT;
  return body.links.some((l) => l.type === type && l.id === v.id);
}

/** Whether two advertisements of a vertex lead to the same places: then distances are the same with either. */
export function sameEdges(a: Lsa | undefined, b: Lsa | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  if (a.body.kind !== "router" || b.body.kind !== "router") return a.sameContents(b);
  const [x, y] = [transits(a.body), transits(b.body)];
  return (
    a.body.flags === b.body.flags &&
    x.length === y.length &&
    x.every((l, i) => {
      const m = y[i] as RouterLink;
      return l.type === m.type && l.id === m.id && l.data === m.data && l.metric === m.metric;
    })
  );
}

const transits = (body: RouterBody): readonly RouterLink[] =>
  body.links.filter((l) => l.type === LINK_POINT_TO_POINT || l.type === LINK_TRANSIT);
