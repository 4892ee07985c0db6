import { formatIp, type Ipv4 } from "../../core/addr.ts";
import type { Lsa } from "./lsa.ts";
import { LINK_POINT_TO_POINT, LINK_TRANSIT, LSA_NETWORK, LSA_ROUTER } from "./lsa-codec.ts";
import type { Area, Neighbor, Ospf } from "./model.ts";

/** What a restarting router reads out of the advertisements of before its restart (RFC 3623 §2.2; ospfd/ospf_gr.c). */

const routerOf = (area: Area, id: Ipv4): Lsa | undefined => area.lsdb.find(LSA_ROUTER, id, id)?.lsa;

/** Whether a router says that it has a point-to-point link to another (ospfd/ospf_gr.c:ospf_router_lsa_contains_adj). */
const linksTo = ({ body }: Lsa, id: Ipv4): boolean =>
  body.kind === "router" && body.links.some((l) => l.type === LINK_POINT_TO_POINT && l.id === id);

/** §2.2 (2): the advertisement that contradicts what this router said before, in words; undefined: none does. */
export function inconsistency(ospf: Ospf, area: Area): string | undefined {
  const own = routerOf(area, ospf.routerId);
  if (own === undefined) return undefined;
  const found = area.lsdb.sorted(LSA_ROUTER).find(({ lsa }) => !agrees(area, own, lsa));
  if (found === undefined) return undefined;
  const id = formatIp(found.lsa.id);
  return `detected inconsistent LSA[Type1,id${id},ar${id}] [area ${formatIp(area.id)}]`;
}

/** ospfd/ospf_gr.c:ospf_gr_check_router_lsa_consistency. */
function agrees(area: Area, own: Lsa, lsa: Lsa): boolean {
  if (lsa !== own) return linksTo(lsa, own.id) === linksTo(own, lsa.id);
  if (own.body.kind !== "router") return true;
  return own.body.links.every((l) => {
    const other = l.type === LINK_POINT_TO_POINT ? routerOf(area, l.id) : undefined;
    return other === undefined || linksTo(other, own.id);
  });
}

/** §2.2 (1): everybody is adjacent again who was before the restart (ospfd/ospf_gr.c:ospf_gr_check_adjs). */
export function allAdjacent(ospf: Ospf): boolean {
  for (const area of ospf.areas.values()) {
    if (area.interfaces.length === 0) continue;
    const own = routerOf(area, ospf.routerId);
    if (own?.body.kind !== "router") return false;
    for (const { type, id } of own.body.links) {
      if (type === LINK_POINT_TO_POINT && !isFull(neighborOf(area, (n) => n.routerId === id))) return false;
      if (type === LINK_TRANSIT && !transitAdjacent(ospf, area, id)) return false;
    }
  }
  return true;
}

/** Where this router was the designated one everybody counts, elsewhere that one (ospfd/ospf_gr.c:ospf_gr_check_adjs_lsa_transit). */
function transitAdjacent(ospf: Ospf, area: Area, address: Ipv4): boolean {
  if (!ospf.interfaces.some((oi) => oi.address === address))
    return isFull(neighborOf(area, (n) => n.address === address));
  const [said] = area.lsdb.of(LSA_NETWORK, address);
  const network = said?.lsa.body;
  return (
    network?.kind === "network" &&
    network.attached.every((id) => id === ospf.routerId || isFull(neighborOf(area, (n) => n.routerId === id)))
  );
}

const isFull = (n: Neighbor | undefined): boolean => n?.state === "Full";

function neighborOf(area: Area, is: (n: Neighbor) => boolean): Neighbor | undefined {
  for (const oi of area.interfaces) for (const n of oi.neighbors.all) if (is(n)) return n;
  return undefined;
}
