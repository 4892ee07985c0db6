import type { Ipv4 } from "../../core/addr.ts";
import type { Dest, Path } from "./destinations.ts";
import { UNREACHED, type Vertex } from "./graph.ts";
import type { HopSet } from "./hops.ts";
import { EXTERNAL_TYPE2, LS_INFINITY, LSA_ASBR_SUMMARY, MAX_AGE, ROUTER_B, ROUTER_E } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area } from "./model.ts";
import type { Routing } from "./routing.ts";

/** Choice of the best way to a destination: RFC 2328 §16.1 (second stage), §16.2, §16.4; RFC 3101 §2.5. */

/** A way to a border router. */
export interface RouterPath {
  readonly area: Area;
  readonly cost: number;
  readonly hops: HopSet;
  /** It leads through another area. */
  readonly inter: boolean;
}

export function bestPath(r: Routing, dest: Dest): Path | undefined {
  return intraPath(r, dest) ?? interPath(r, dest) ?? r.discardPath(dest) ?? externalPath(r, dest);
}

function intraPath(r: Routing, dest: Dest): Path | undefined {
  let best: Path | undefined;
  const { first, second, more } = dest;
  if (first !== undefined) best = consider(r, dest, best, first, dest.firstCost);
  if (second !== undefined) best = consider(r, dest, best, second, dest.secondCost);
  if (more !== undefined) for (const { vertex, cost } of more) best = consider(r, dest, best, vertex, cost);
  return best;
}

/** The better of `best` and the way by `vertex`, which has the destination at `metric` from itself; both when they are equal. */
function consider(r: Routing, dest: Dest, best: Path | undefined, vertex: Vertex, metric: number): Path | undefined {
  if (vertex.dist === UNREACHED) return best;
  const cost = vertex.dist + metric;
  if (best !== undefined && cost > best.cost) return best;
  const ways = hopsTo(r, vertex, dest);
  if (ways === undefined) return best;
  if (best === undefined || cost < best.cost) return ways.intra(r.areaOf(vertex), cost);
  return best.hops.with(ways).intra(best.area, cost);
}

/** A vertex's own ways; what this router itself has lies straight at an interface. */
function hopsTo(r: Routing, vertex: Vertex, dest: Dest): HopSet | undefined {
  if (vertex.dist > 0 || vertex.network || vertex.id !== r.ospf.routerId) return vertex.hops;
  return r.ownHops(r.areaOf(vertex), dest);
}

function interPath(r: Routing, dest: Dest): Path | undefined {
  let best: Path | undefined;
  for (const { area, slot } of dest.claims?.summaries ?? []) {
    const path = summaryPath(r, dest, area, slot);
    if (path !== undefined) best = better(best, path);
  }
  return best;
}

/** The way that one summary tells of (§16.2). */
export function summaryPath(r: Routing, dest: Dest, area: Area, slot: Slot): Path | undefined {
  if (!r.examines(area) || !usable(r, slot) || r.inActiveRange(dest)) return undefined;
  const { body } = slot.lsa;
  const metric = body.kind === "summary" ? (body.metrics[0]?.metric ?? LS_INFINITY) : LS_INFINITY;
  const border = r.graphs.get(area)?.routers.get(slot.lsa.adv);
  if (metric >= LS_INFINITY || border === undefined || (border.flags & ROUTER_B) === 0) return undefined;
  if (border.dist === UNREACHED || border.hops === undefined) return undefined;
  return { kind: "inter", area, cost: border.dist + metric, hops: border.hops, type2Cost: 0, tag: 0 };
}

function better(a: Path | undefined, b: Path): Path {
  if (a === undefined || b.cost < a.cost) return b;
  return b.cost > a.cost ? a : { ...a, hops: a.hops.with(b.hops) };
}

/** The way to a router at the border of the system (§16.4.1). */
export function asbrPath(r: Routing, id: Ipv4, only?: Area): RouterPath | undefined {
  let best: RouterPath | undefined;
  for (const [area, graph] of r.graphs) {
    if (only !== undefined && area !== only) continue;
    const v = graph.routers.get(id);
    if (v === undefined || v.dist === UNREACHED || v.hops === undefined) continue;
    if ((v.flags & (ROUTER_E | ROUTER_B)) === 0 || (only === undefined && (v.flags & ROUTER_E) === 0)) continue;
    best = preferred(r, best, { area, cost: v.dist, hops: v.hops, inter: false });
  }
  if (only !== undefined) return best;
  for (const area of r.ospf.areas.values()) {
    if (!r.examines(area)) continue;
    for (const slot of area.lsdb.of(LSA_ASBR_SUMMARY, id)) {
      const { body } = slot.lsa;
      const metric = body.kind === "summary" ? (body.metrics[0]?.metric ?? LS_INFINITY) : LS_INFINITY;
      const border = r.graphs.get(area)?.routers.get(slot.lsa.adv);
      if (!usable(r, slot) || metric >= LS_INFINITY || border === undefined) continue;
      if ((border.flags & ROUTER_B) === 0 || border.dist === UNREACHED || border.hops === undefined) continue;
      best = preferred(r, best, { area, cost: border.dist + metric, hops: border.hops, inter: true });
    }
  }
  return best;
}

/** §16.4.1: without RFC 1583's rules, ways inside areas other than the backbone come first, whatever they cost. */
function preferred(r: Routing, a: RouterPath | undefined, b: RouterPath): RouterPath {
  if (a === undefined) return b;
  if (!r.ospf.settings.rfc1583) {
    const [x, y] = [!a.inter && a.area.id !== 0, !b.inter && b.area.id !== 0];
    if (x !== y) return x ? a : b;
  } else if (a.inter !== b.inter) return a.inter ? b : a;
  if (a.cost !== b.cost) return a.cost < b.cost ? a : b;
  if (a.area !== b.area) return a.area.id > b.area.id ? a : b;
  return { ...a, hops: a.hops.with(b.hops) };
}

function externalPath(r: Routing, dest: Dest): Path | undefined {
  let best: Path | undefined;
  for (const { area, slot } of dest.claims?.externals ?? []) {
    const path = usable(r, slot) ? oneExternal(r, area, slot) : undefined;
    if (path === undefined) continue;
    const order = best === undefined ? -1 : compareExternal(path, best);
    if (order < 0) best = path;
    else if (order === 0 && best !== undefined) best = { ...best, hops: best.hops.with(path.hops) };
  }
  return best;
}

/** §16.4 steps 1 to 3. */
function oneExternal(r: Routing, area: Area | undefined, slot: Slot): Path | undefined {
  const { body } = slot.lsa;
  const route = body.kind === "external" ? body.routes[0] : undefined;
  if (route === undefined || route.metric >= LS_INFINITY) return undefined;
  const border = asbrPath(r, slot.lsa.adv, area);
  if (border === undefined) return undefined;
  const way = route.forward === 0 ? border : r.wayTo(route.forward, area);
  if (way === undefined) return undefined;
  const type2 = (route.flags & EXTERNAL_TYPE2) !== 0;
  const { tag, metric } = route;
  return {
    kind: type2 ? "external2" : "external1",
    area,
    cost: type2 ? way.cost : way.cost + metric,
    hops: way.hops,
    type2Cost: type2 ? metric : 0,
    tag,
  };
}

/** §16.4 step 6: negative when `a` is the better one. */
function compareExternal(a: Path, b: Path): number {
  if (a.kind !== b.kind) return a.kind === "external1" ? -1 : 1;
  return a.type2Cost - b.type2Cost || a.cost - b.cost;
}

const usable = (r: Routing, slot: Slot): boolean => slot.lsa.adv !== r.ospf.routerId && slot.age < MAX_AGE;
