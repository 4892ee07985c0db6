import type { Ipv4 } from "../../core/addr.ts";
import { maskOf, networkOf } from "../../core/addr.ts";
import { flush } from "./flood.ts";
import {
  LINK_POINT_TO_POINT,
  LINK_STUB,
  LINK_TRANSIT,
  LINK_VIRTUAL,
  LSA_NETWORK,
  LSA_ROUTER,
  ROUTER_B,
  ROUTER_E,
  ROUTER_NT,
  ROUTER_V,
  type RouterLink,
} from "./lsa-codec.ts";
import type { Area, Neighbor, Ospf, OspfInterface } from "./model.ts";
import { originate } from "./originate.ts";

/** Router and network advertisements (RFC 2328 §12.4.1, §12.4.2; ospfd/ospf_lsa.c). */

/** RFC 6987 §2.1: MaxLinkMetric. */
const MAX_LINK_METRIC = 0xffff;

/** Says anew what this router's links in an area are. It does so at once: FRR keeps no MinLSInterval here. */
export function routerLsa(ospf: Ospf, area: Area): void {
  if (ospf.stopping || !ospf.enabled) return;
  const links = area.interfaces.flatMap((oi) => linksOf(oi));
  const body = { kind: "router" as const, flags: flagsOf(ospf, area), reserved: 0, links };
  area.routerLsa = originate(ospf, area, { type: LSA_ROUTER, id: ospf.routerId, options: area.options, body });
}

function flagsOf(ospf: Ospf, area: Area): number {
  let flags = ospf.abr ? ROUTER_B : 0;
  // ospfd/ospf_lsa.c:router_lsa_flags: a border router of an NSSA is one of the system as well
  if (area.settings.kind !== "stub" && (ospf.asbr || (ospf.abr && area.settings.kind === "nssa"))) flags |= ROUTER_E;
  if (area.settings.kind === "nssa" && ospf.abr && area.settings.translator === "always") flags |= ROUTER_NT;
  // §12.4.1: an end of a virtual link that leads through the area
  if (ospf.interfaces.some((oi) => oi.peer?.transit === area && oi.fullNeighbors > 0)) flags |= ROUTER_V;
  return flags;
}

const link = (type: number, id: Ipv4, data: Ipv4, metric: number): RouterLink => ({ id, data, type, metric, tos: [] });
const full = (n: Neighbor): boolean => n.counted;

function linksOf(oi: OspfInterface): readonly RouterLink[] {
  if (oi.state === "Down") return [];
  switch (oi.type) {
    case "loopback":
      return oi.settings.prefixSuppression ? [] : [link(LINK_STUB, oi.address, 0xffffffff, oi.cost)];
    case "point-to-point":
      return [...neighborLinks(oi), ...(oi.unnumbered && oi.variant !== "dmvpn" ? [] : stub(oi))];
    case "point-to-multipoint": {
      const own = oi.settings.prefixSuppression ? [] : [link(LINK_STUB, oi.address, 0xffffffff, 0)];
      return [...own, ...neighborLinks(oi)];
    }
    case "virtual":
      return oi.neighbors.all.filter(full).map((n) => link(LINK_VIRTUAL, n.routerId, oi.address, linkCost(oi)));
    case "broadcast":
    case "non-broadcast": {
      if (oi.state === "Waiting" || oi.fullNeighbors === 0) return stub(oi);
      const adjacent = oi.dr === oi.address || oi.neighbors.all.some((n) => n.address === oi.dr && full(n));
      return adjacent ? [link(LINK_TRANSIT, oi.dr, oi.address, linkCost(oi))] : stub(oi);
    }
  }
}

const neighborLinks = (oi: OspfInterface): RouterLink[] =>
  oi.neighbors.all.filter(full).map((n) => link(LINK_POINT_TO_POINT, n.routerId, linkData(oi), linkCost(oi)));

/** What the links of an interface tell of it: its address, or its number when it has none of its own. */
export const linkData = (oi: OspfInterface): Ipv4 =>
  oi.type === "point-to-point" && oi.unnumbered && oi.variant !== "dmvpn" ? oi.device.ifindex : oi.address;

const stub = (oi: OspfInterface): readonly RouterLink[] =>
  oi.settings.prefixSuppression
    ? []
    : [link(LINK_STUB, networkOf(oi.address, oi.prefix.length), maskOf(oi.prefix.length), oi.cost)];

/** What a link costs to others: everything, while this router wants to be no way through (RFC 6987). */
export const linkCost = (oi: OspfInterface): number => (oi.area.stubRouter ? MAX_LINK_METRIC : oi.cost);

/** Says anew, or withdraws, who is on a network of which this router is the designated one. */
export function networkLsa(oi: OspfInterface): void {
  const { ospf, area } = oi;
  if (ospf.stopping || !ospf.enabled) return;
  if (oi.state !== "DR" || oi.fullNeighbors === 0) {
    if (oi.networkLsa !== undefined) flush(ospf, area, oi.networkLsa);
    oi.networkLsa = undefined;
    return;
  }
  const attached = [ospf.routerId, ...oi.neighbors.all.filter(full).map((n) => n.routerId)];
  const mask = maskOf(oi.settings.prefixSuppression ? 32 : oi.prefix.length); // RFC 6860 §2.2
  const body = { kind: "network" as const, mask, attached: attached.sort((a, b) => a - b) };
  oi.networkLsa = originate(ospf, area, { type: LSA_NETWORK, id: oi.address, options: area.options, body });
}
