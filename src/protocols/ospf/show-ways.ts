import type { Ipv4 } from "../../core/addr.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Dest, Path } from "./destinations.ts";
import type { Vertex } from "./graph.ts";
import type { Hop, HopSet } from "./hops.ts";
import { MAX_AGE } from "./lsa-codec.ts";
import { asbrPath, summaryPath } from "./paths.ts";

/** A way as FRR lists it: with the router that tells of the destination, behind which it is the best. */
export interface AdvertisedWay {
  readonly hop: Hop;
  readonly adv: Ipv4;
}

/**
 * The ways of a route. Inside an area each stands once; border routers that tell equally good things stand one after the other, each with its own
 * ways, though they be the same (ospfd/ospf_route.c:ospf_route_copy_nexthops).
 */
export function advertisedWays(d: OspfDaemon, dest: Dest, path: Path): readonly AdvertisedWay[] {
  const ways: AdvertisedWay[] = [];
  const put = (hops: HopSet | undefined, adv: Ipv4, once: boolean): void => {
    for (const hop of hops?.hops ?? [])
      if (path.hops.hops.includes(hop) && !ways.some((w) => w.hop === hop && (once || w.adv === adv)))
        ways.push({ hop, adv });
  };
  const { routing } = d;
  if (path.kind === "intra") for (const v of bestVertices(dest, path)) put(v.hops, v.lsa?.adv ?? 0, true);
  else if (path.kind === "inter") {
    for (const { area, slot } of dest.claims?.summaries ?? []) {
      const one = summaryPath(routing, dest, area, slot);
      if (one?.cost === path.cost) put(one.hops, slot.lsa.adv, false);
    }
  } else
    for (const { area, slot } of dest.claims?.externals ?? []) {
      if (slot.age < MAX_AGE) put(asbrPath(routing, slot.lsa.adv, area)?.hops, slot.lsa.adv, false);
    }
  for (const hop of path.hops.hops)
    if (!ways.some((w) => w.hop === hop)) ways.push({ hop, adv: path.kind === "intra" ? d.ospf.routerId : 0 });
  return ways.sort((a, b) => a.hop.gateway - b.hop.gateway || a.hop.ifindex - b.hop.ifindex || a.adv - b.adv);
}

/** Who attaches the destination, as good as the path: transit networks first, the one with the highest id before others (§16.1 step 4). */
function bestVertices(dest: Dest, path: Path): readonly Vertex[] {
  const found: Vertex[] = [];
  dest.attached((vertex, cost) => {
    if (vertex.dist + cost === path.cost) found.push(vertex);
  });
  return found.sort((a, b) => Number(b.network) - Number(a.network) || b.id - a.id);
}

/** The best way leads to a transit network, not to a stub one. */
export const isTransit = (dest: Dest, path: Path): boolean => bestVertices(dest, path).some((v) => v.network);
