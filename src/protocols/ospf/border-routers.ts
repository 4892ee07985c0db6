import type { Ipv4 } from "../../core/addr.ts";
import type { OspfDaemon } from "./daemon.ts";
import { UNREACHED } from "./graph.ts";
import type { Hop } from "./hops.ts";
import { LSA_ASBR_SUMMARY, ROUTER_B, ROUTER_E } from "./lsa-codec.ts";
import { asbrPath } from "./paths.ts";

/** A router at a border, and a way to it. */
export interface BorderRouter {
  readonly id: Ipv4;
  readonly area: Ipv4;
  readonly cost: number;
  readonly abr: boolean;
  readonly asbr: boolean;
  /** The way leads through another area. */
  readonly inter: boolean;
  readonly hops: readonly Hop[];
}

/** Routers at borders of areas or of the system: those of each area, then those that are only told of. */
export function borderRouters(d: OspfDaemon): readonly BorderRouter[] {
  const found: BorderRouter[] = [];
  const inside = new Set<Ipv4>();
  for (const r of reachableRouters(d)) {
    if (!r.abr && !r.asbr) continue;
    inside.add(r.id);
    found.push(r);
  }
  for (const area of d.ospf.areas.values())
    for (const { lsa } of area.lsdb.sorted(LSA_ASBR_SUMMARY)) {
      if (inside.has(lsa.id) || lsa.id === d.ospf.routerId) continue;
      const path = asbrPath(d.routing, lsa.id);
      if (path === undefined || !path.inter) continue;
      inside.add(lsa.id);
      const { cost, hops } = path;
      found.push({ id: lsa.id, area: path.area.id, cost, abr: false, asbr: true, inter: true, hops: hops.hops });
    }
  return found;
}

/** Every router that is reached inside an area, but this one. */
export function reachableRouters(d: OspfDaemon): readonly BorderRouter[] {
  const found: BorderRouter[] = [];
  for (const [area, graph] of d.routing.graphs)
    for (const v of [...graph.routers.values()].sort((a, b) => a.id - b.id)) {
      if (v.dist === UNREACHED || v.hops === undefined || v.id === d.ospf.routerId) continue;
      const [abr, asbr] = [(v.flags & ROUTER_B) !== 0, (v.flags & ROUTER_E) !== 0];
      found.push({ id: v.id, area: area.id, cost: v.dist, abr, asbr, inter: false, hops: v.hops.hops });
    }
  return found;
}
