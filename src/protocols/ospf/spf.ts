import { Frontier } from "./frontier.ts";
import { type Graph, keyOf, UNREACHED, type Vertex } from "./graph.ts";
import type { HopSet } from "./hops.ts";
import { hopsOver, type Root } from "./root.ts";
import { costBack, type Shape, type Way } from "./shape.ts";
import { repairPaths } from "./spf-repair.ts";

/** Shortest paths through an area: RFC 2328 §16.1, the first stage. */

/**
 * Brings distances and ways up to what the graph says now. Tells which vertices are at another distance, or reached over other ways. When little has changed,
 * only what lies behind it is looked at. Returns how many vertices were.
 */
export function shortestPaths(graph: Graph, root: Root, changed: (v: Vertex) => void): number {
  const few = graph.changed.length * FEW < graph.vertices.length;
  const looked =
    few && !graph.anew && graph.free === 0 ? repairPaths(graph, root, changed) : allPaths(graph, root, changed);
  graph.computed();
  return looked;
}

/** One change to so many vertices is little. */
const FEW = 8;

const frontier = new Frontier();
/** Of the computation that runs, by vertex. */
let dists = new Int32Array(0);
let ways: (HopSet | undefined)[] = [];

/** Dijkstra's algorithm. */
function allPaths(graph: Graph, root: Root, changed: (v: Vertex) => void): number {
  const { vertices } = graph;
  begin(vertices.length);
  const start = graph.find(root.id, false);
  if (start?.lsa !== undefined) {
    dists[start.at] = 0;
    ways[start.at] = root.sets.none;
    frontier.put(start.at, keyOf(0, start));
  }
  let looked = 0;
  for (let at = frontier.take(); at >= 0; at = frontier.take()) {
    const v = vertices[at] as Vertex;
    for (const way of (v.shape as Shape).ways) relax(graph, root, v, way);
    looked++;
  }
  for (const v of vertices) {
    const dist = dists[v.at] as number;
    const hops = ways[v.at];
    if (v.dist === dist && v.hops === hops) continue;
    v.dist = dist;
    v.hops = hops;
    changed(v);
  }
  ways.fill(undefined);
  return looked;
}

function begin(vertices: number): void {
  frontier.reset(vertices);
  if (dists.length < vertices) {
    dists = new Int32Array(2 * vertices);
    ways = new Array<HopSet | undefined>(2 * vertices).fill(undefined);
  }
  dists.fill(UNREACHED, 0, vertices);
}

function relax(graph: Graph, root: Root, v: Vertex, way: Way): void {
  const to = graph.find(way.id, way.toNetwork);
  if (to?.lsa === undefined) return;
  const known = dists[to.at] as number;
  const dist = (dists[v.at] as number) + way.cost;
  if (dist > known || dist >= UNREACHED || (known !== UNREACHED && !frontier.has(to.at))) return;
  if (costBack(way, to.lsa.shape, v) < 0) return; // §16.1 step 2b: it must lead back
  const hops = hopsOver(root, v, ways[v.at] as HopSet, way, to);
  if (hops === undefined) return;
  if (dist === known) {
    ways[to.at] = (ways[to.at] as HopSet).with(hops);
    return;
  }
  dists[to.at] = dist;
  ways[to.at] = hops;
  frontier.put(to.at, keyOf(dist, to));
}
