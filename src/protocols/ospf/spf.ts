import type { Ipv4 } from "../../core/addr.ts";
import { type Graph, UNREACHED, type Vertex } from "./graph.ts";
import type { Hop, HopSet, HopSets } from "./hops.ts";
import type { RouterLink } from "./lsa-codec.ts";
import { leadsTo, type Way } from "./shape.ts";

/** Shortest paths through an area: RFC 2328 §16.1, the first stage. */

/** What the computation asks of the router at its root. */
export interface Root {
  readonly id: Ipv4;
  readonly sets: HopSets;
  /** The way over a point-to-point link of its own; undefined: nobody is there. */
  neighborHop(link: RouterLink, neighbor: Ipv4): Hop | undefined;
  /** The interface on a transit network, by the own address that the link tells. */
  networkHop(link: RouterLink): Hop | undefined;
}

/** Computes all distances anew. Tells which vertices are now at another distance, or over other ways. */
export function shortestPaths(graph: Graph, root: Root, changed: (v: Vertex) => void): void {
  const round = ++graph.round;
  const start = graph.router(root.id);
  const heap: Vertex[] = [];
  const settled: Vertex[] = [];
  if (start.lsa !== undefined) {
    start.round = round;
    start.nextDist = 0;
    start.nextHops = root.sets.none;
    push(heap, start);
  }
  for (let v = pop(heap); v !== undefined; v = pop(heap)) {
    settled.push(v);
    for (const way of v.lsa?.shape.ways ?? []) relax(graph, root, heap, v, way);
  }
  for (const v of settled) {
    if (v.dist === v.nextDist && v.hops === v.nextHops) continue;
    v.dist = v.nextDist;
    v.hops = v.nextHops;
    changed(v);
  }
  for (const table of [graph.routers, graph.networks])
    for (const v of table.values())
      if (v.round !== round && v.dist !== UNREACHED) {
        v.dist = UNREACHED;
        v.hops = undefined;
        changed(v);
      }
}

function relax(graph: Graph, root: Root, heap: Vertex[], v: Vertex, way: Way): void {
  const to = graph.find(way.id, way.toNetwork);
  if (to?.lsa === undefined) return;
  const dist = v.nextDist + way.cost;
  const seen = to.round === graph.round;
  if (seen && (dist > to.nextDist || to.heapAt < 0)) return;
  if (!leadsTo(to.lsa.shape, v.id, v.network)) return; // §16.1 step 2b: it must lead back
  const hops = hopsOver(root, v, way, to);
  if (hops === undefined) return;
  if (seen && dist === to.nextDist) {
    to.nextHops = (to.nextHops as HopSet).with(hops);
    return;
  }
  to.nextDist = dist;
  to.nextHops = hops;
  if (seen) up(heap, to.heapAt);
  else {
    to.round = graph.round;
    push(heap, to);
  }
}

/** §16.1.1: found out for what is one hop away, inherited by all others. */
function hopsOver(root: Root, v: Vertex, way: Way, to: Vertex): HopSet | undefined {
  if (!v.network && v.id === root.id) {
    const link = way.link as RouterLink;
    const hop = way.toNetwork ? root.networkHop(link) : root.neighborHop(link, to.id);
    return hop === undefined ? undefined : root.sets.get([hop]);
  }
  const inherited = v.nextHops as HopSet;
  if (!v.network || !inherited.direct) return inherited;
  // from a network that this router is on: the address that the router beyond has there
  const back = to.lsa?.shape.ways.find((w) => w.toNetwork && w.id === v.id)?.link;
  return back === undefined ? undefined : root.sets.get(inherited.hops.map((h) => ({ ...h, gateway: back.data })));
}

/** Networks before routers at the same distance (§16.1 step 3). */
const before = (a: Vertex, b: Vertex): boolean =>
  a.nextDist < b.nextDist || (a.nextDist === b.nextDist && a.network && !b.network);

function push(heap: Vertex[], v: Vertex): void {
  heap.push(v);
  up(heap, heap.length - 1);
}

function up(heap: Vertex[], from: number): void {
  const v = heap[from] as Vertex;
  let at = from;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const p = heap[parent] as Vertex;
    if (!before(v, p)) break;
    heap[at] = p;
    p.heapAt = at;
    at = parent;
  }
  heap[at] = v;
  v.heapAt = at;
}

function pop(heap: Vertex[]): Vertex | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined) return undefined;
  top.heapAt = -1;
  if (last === top) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Vertex, heap[child] as Vertex)) child++;
    const c = heap[child] as Vertex;
    if (!before(c, last)) break;
    heap[at] = c;
    c.heapAt = at;
    at = child;
  }
  heap[at] = last;
  last.heapAt = at;
  return top;
}
