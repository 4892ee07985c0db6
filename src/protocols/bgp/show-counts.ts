import { formatIp } from "../../core/addr.ts";
import { prettyJson } from "../../frr/json.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type NextHop } from "./rib.ts";

/** `show ip bgp neighbors X prefix-counts` (bgpd/bgp_route.c:bgp_peer_counts). */
export function prefixCounts(bgp: Bgp, peer: Peer, json: boolean): string {
  let [all, valid, best, stale] = [0, 0, 0, 0];
  for (const node of bgp.rib) {
    for (const p of node.paths) {
      if (p.source !== peer) continue;
      all++;
      if (p.valid) valid++;
      if (p.stale) stale++;
      if (node.best === p) best++;
    }
  }
  const counts = {
    ...{ "Adj-in": peer.adjIn.size, Damped: 0, Removed: 0, History: 0, Stale: stale, Valid: valid },
    ...{ "All RIB": all, "PfxCt counted": all, "PfxCt Best Selected": best, Useable: valid },
  };
  const address = formatIp(peer.address);
  if (json)
    return prettyJson({
      prefixCountsFor: address,
      multiProtocol: "ipv4Unicast",
      pfxCounter: peer.accepted,
      ribTableWalkCounters: counts,
    });
  const lines = Object.entries(counts)
    .map(([name, n]) => `${name.padStart(20)}: ${String(n).padEnd(10)}\n`)
    .join("");
  return `Prefix counts for ${address}, IPv4 Unicast\nPfxCt: ${peer.accepted}\n\nCounts from RIB table walk:\n\n${lines}\n`;
}

/** `show ip bgp nexthop` (bgpd/bgp_nexthop.c:bgp_show_nexthop). */
export function nextHopsText(bgp: Bgp): string {
  const paths = new Map<number, number>();
  for (const node of bgp.rib)
    for (const p of node.paths)
      if (p.kind === FROM_PEER) paths.set(p.nextHop.address, (paths.get(p.nextHop.address) ?? 0) + 1);
  const known = new Map<number, NextHop>();
  for (const n of bgp.nextHops.all()) known.set(n.address, n);
  const lines = [...known.values()]
    .sort((a, b) => a.address - b.address)
    .map((n) => {
      const state = n.valid ? `valid [IGP metric ${n.metric}]` : "invalid";
      const peer = bgp.peers.has(n.address) ? `, peer ${formatIp(n.address)}` : "";
      const ways = n.ways.map((w) =>
        w.gateway === 0 ? `  if ${w.ifname}\n` : `  gate ${formatIp(w.gateway)}, if ${w.ifname}\n`,
      );
      return ` ${formatIp(n.address)} ${state}, #paths ${paths.get(n.address) ?? 0}${peer}\n${ways.join("")}`;
    });
  return `Current BGP nexthop cache:\n${lines.join("")}\n`;
}
