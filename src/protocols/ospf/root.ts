import type { Ipv4 } from "../../core/addr.ts";
import type { Vertex } from "./graph.ts";
import type { Hop, HopSet, HopSets } from "./hops.ts";
import { LINK_VIRTUAL, type RouterLink } from "./lsa-codec.ts";
import type { Way } from "./shape.ts";

/** What the computation asks of the router at its root. */
export interface Root {
  readonly id: Ipv4;
  readonly sets: HopSets;
  /** The way over a point-to-point link of its own; undefined: nobody is there. */
  neighborHop(link: RouterLink, neighbor: Ipv4): Hop | undefined;
  /** The ways through the area that a virtual link of its own leads through. */
  virtualHops(neighbor: Ipv4): HopSet | undefined;
  /** The interface on a transit network, by the own address that the link tells. */
  networkHop(link: RouterLink): Hop | undefined;
}

/** §16.1.1: found out for what is one hop away, inherited by all others. `inherited`: the ways to `v`. */
export function hopsOver(root: Root, v: Vertex, inherited: HopSet, way: Way, to: Vertex): HopSet | undefined {
  if (!v.network && v.id === root.id) {
    const link = way.link as RouterLink;
    if (link.type === LINK_VIRTUAL) return root.virtualHops(to.id);
    const hop = way.toNetwork ? root.networkHop(link) : root.neighborHop(link, to.id);
    return hop === undefined ? undefined : root.sets.get([hop]);
  }
  if (!v.network || !inherited.direct) return inherited;
  // from a network that this router is on: the address that the router beyond has there
  const back = to.lsa?.shape.ways.find((w) => w.toNetwork && w.id === v.id)?.link;
  return back === undefined ? undefined : root.sets.get(inherited.hops.map((h) => ({ ...h, gateway: back.data })));
}
