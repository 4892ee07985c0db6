import { formatIp, formatPrefix, parseIp } from "../../core/addr.ts";
import type { ViewQuery } from "../../frr/views.ts";
import { type Attributes, ORIGIN_NAMES } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { communitiesText } from "./community.ts";
import type { BgpDaemon } from "./daemon.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type Path, type RibNode } from "./rib.ts";

/** What programs are told: see `Views`. Undefined: there is no such view, or no such neighbour. */
export function viewOf(d: BgpDaemon, what: string, query: ViewQuery): unknown {
  const { bgp } = d;
  if (bgp === undefined) return undefined;
  const peer = query.peer === undefined ? undefined : bgp.peers.get(parseIp(query.peer) ?? 0);
  switch (what) {
    case "bgp table":
      return table(bgp, query, () => true);
    case "bgp received":
      return peer && table(bgp, query, (p) => p.source === peer);
    case "bgp adj-in":
      return peer && adjIn(bgp, peer, query);
    case "bgp advertised":
      return peer && advertised(peer);
    case "bgp neighbors":
      return Object.fromEntries(bgp.sortedPeers().map((p) => [formatIp(p.address), neighbor(p)]));
    case "bgp neighbor accepted":
      return peer && { state: stateText(peer), accepted: peer.accepted };
    case "bgp count":
      return counts(bgp);
    default:
      return undefined;
  }
}

const ROLE_TEXT = {
  ...{ idle: "Idle", connect: "Connect", active: "Active", opensent: "OpenSent" },
  ...{ openconfirm: "OpenConfirm", established: "Established" },
} as const;

/** `Established`, `Idle (Admin)`: the words of `show bgp summary`. */
export function stateText(peer: Peer): string {
  if (peer.isShut) return "Idle (Admin)";
  return peer.prefixLimit.exceeded ? "Idle (PfxCt)" : ROLE_TEXT[peer.role];
}
/** The words of `show bgp neighbors`. */
export const roleText = (peer: Peer): string => ROLE_TEXT[peer.role];

/** How many prefixes a neighbour has been told of. */
export const sentPrefixes = (peer: Peer): number => (peer.joining ? 0 : (peer.updateGroup?.out.size ?? 0));

const neighbor = (peer: Peer): unknown => ({
  state: stateText(peer),
  remote_as: peer.as,
  received: peer.accepted,
  sent: sentPrefixes(peer),
});

function counts(bgp: Bgp): { readonly routes: number; readonly paths: number } {
  let [routes, paths] = [0, 0];
  for (const node of bgp.rib) {
    if (node.paths.length > 0) routes++;
    paths += node.paths.length;
  }
  return { routes, paths };
}

function table(bgp: Bgp, query: ViewQuery, wanted: (p: Path) => boolean): unknown {
  const chosen = query.prefixes === undefined ? undefined : new Set(query.prefixes);
  const entries: [string, unknown][] = [];
  for (const node of bgp.rib.sorted()) {
    const prefix = formatPrefix(node);
    if (chosen !== undefined && !chosen.has(prefix)) continue;
    const paths = node.paths.filter(wanted);
    if (paths.length > 0) entries.push([prefix, paths.map((p) => pathView(bgp, node, p))]);
  }
  return Object.fromEntries(entries);
}

function pathView(bgp: Bgp, node: RibNode, p: Path): Record<string, unknown> {
  const peer = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
  const best = node.best === p;
  return {
    valid: bgp.dampening.isValid(p),
    best,
    ...attributesView(bgp, p.attributes),
    // FRR shows the default where a path from an internal neighbour, or of its own, has none.
    ...(p.attributes.localPref === undefined && peer?.sort !== "ebgp" && peer !== undefined
      ? { local_pref: bgp.globals.localPref }
      : {}),
    weight: p.attributes.weight,
    nexthop: formatIp(p.nextHop.address),
    peer: peer === undefined ? "(unspec)" : formatIp(peer.address),
    peer_type: peer?.sort === "ibgp" ? "internal" : "external",
    local: peer === undefined,
    ...(best ? { reason: node.reason } : {}),
  };
}

function attributesView(bgp: Bgp, a: Attributes): Record<string, unknown> {
  return {
    as_path: bgp.asText(a.asPath),
    as_path_len: a.asPath.hops,
    origin: ORIGIN_NAMES[a.origin],
    ...(a.med === undefined ? {} : { med: a.med }),
    ...(a.localPref === undefined ? {} : { local_pref: a.localPref }),
    ...(a.communities.length === 0 ? {} : { communities: communitiesText(a.communities) }),
    ...(a.originatorId === undefined ? {} : { originator_id: formatIp(a.originatorId) }),
    ...(a.clusterList.length === 0 ? {} : { cluster_list: a.clusterList.map(formatIp) }),
  };
}

function adjIn(bgp: Bgp, peer: Peer, query: ViewQuery): unknown {
  const chosen = query.prefixes === undefined ? undefined : new Set(query.prefixes);
  return Object.fromEntries(
    bgp.inbound.received(peer).flatMap((r) => {
      const prefix = formatPrefix(r);
      if (chosen !== undefined && !chosen.has(prefix)) return [];
      return [[prefix, { ...attributesView(bgp, r.attributes), nexthop: formatIp(r.nextHop) }]];
    }),
  );
}

function advertised(peer: Peer): { readonly count: number; readonly prefixes: readonly string[] } {
  if (peer.joining || peer.updateGroup === undefined) return { count: 0, prefixes: [] };
  const nodes = [...peer.updateGroup.out.keys()].sort((a, b) => a.address - b.address || a.length - b.length);
  return { count: nodes.length, prefixes: nodes.map(formatPrefix) };
}
