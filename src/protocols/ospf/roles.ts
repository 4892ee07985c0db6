import type { Neighbor } from "./model.ts";

/** What a neighbour is on its network: `DR`, `Backup`, `DROther`, or `-` on a point-to-point interface (ospfd/ospf_vty.c:show_ip_ospf_neighbour_brief). */
export function roleOf(n: Neighbor): string {
  const { oi } = n;
  if (oi.type === "point-to-point" || oi.type === "virtual") return "-";
  return n.address === oi.dr ? "DR" : n.address === oi.bdr ? "Backup" : "DROther";
}
