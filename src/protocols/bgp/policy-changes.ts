import type { Bgp } from "./bgp.ts";
import { sendFilters } from "./outbound-filter.ts";
import type { Peer } from "./peer.ts";
import type { Direction, PeerSettings } from "./settings.ts";
import type { UpdateGroup } from "./update-group.ts";
import { refreshRequest } from "./wire.ts";

/** Lists and route maps have changed, some seconds ago: what they decided is decided anew (bgpd/bgp_routemap.c:bgp_route_map_process_update). */
export function policyChanged(bgp: Bgp, keys: readonly string[]): void {
  const changed = new Set(keys);
  const groups = new Set<UpdateGroup>();
  for (const peer of bgp.peers.values()) {
    if (!peer.up) continue;
    if (uses(peer.settings, "in", changed)) softIn(bgp, peer);
    if (peer.updateGroup !== undefined && uses(peer.settings, "out", changed)) groups.add(peer.updateGroup);
  }
  // What differs is told, and nothing twice.
  for (const group of groups) group.refill();
  if (bgp.globals.tableMap !== undefined && changed.has(`route-map ${bgp.globals.tableMap}`)) bgp.redecide();
  bgp.local.refresh();
  bgp.aggregates.touchAll();
  bgp.outbound.defaults();
}

function uses(s: PeerSettings, direction: Direction, changed: ReadonlySet<string>): boolean {
  const named = (kind: string, name: string | undefined): boolean =>
    name !== undefined && changed.has(`${kind} ${name}`);
  return (
    named("route-map", s.routeMaps?.[direction]) ||
    named("prefix-list", s.prefixLists?.[direction]) ||
    named("access-list", s.distributeLists?.[direction]) ||
    named("as-path-list", s.filterLists?.[direction]) ||
    (direction === "out" && (named("route-map", s.unsuppressMap) || named("route-map", s.conditional?.map)))
  );
}

/** What a neighbour sent is judged anew: from memory, or by asking for it again (RFC 2918). */
export function softIn(bgp: Bgp, peer: Peer): void {
  if (!peer.up) return;
  if (peer.takesFilters) return sendFilters(peer);
  if (peer.settings.softReconfiguration === true) return bgp.inbound.softReconfigure(peer);
  if (peer.capabilities?.refresh === true) peer.main.send(refreshRequest());
}
