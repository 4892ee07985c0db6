import { formatIp, formatPrefix, type Ipv4 } from "../../core/addr.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import { type Attributes, ORIGIN_NAMES } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { communitiesText, communityJson, extendedsText, largesText, NO_ADVERTISE, NO_EXPORT } from "./community.ts";
import type { Peer } from "./peer.ts";
import { FROM_AGGREGATE, FROM_NETWORK, FROM_PEER, type Path, type RibNode } from "./rib.ts";
import { ordered } from "./show-table.ts";
import { ctime } from "./show-text.ts";

/** `show ip bgp PREFIX`: everything about the paths to a prefix (bgpd/bgp_route.c:route_vty_out_detail). */

export function prefixText(bgp: Bgp, node: RibNode, wanted: (p: Path) => boolean = () => true): string {
  const paths = ordered(node);
  const best = node.best;
  const chosen = best === undefined ? "no best path" : `best #${paths.indexOf(best) + 1}, table ${bgp.name}`;
  const told = advertisedTo(bgp, node);
  const toPeers =
    told.length === 0
      ? "  Not advertised to any peer\n"
      : `  Advertised to non peer-group peers:\n  ${told.map(nameOf).join(" ")}\n`;
  const held = best?.attributes.communities ?? [];
  const limits = held.includes(NO_ADVERTISE)
    ? ", not advertised to any peer"
    : held.includes(NO_EXPORT)
      ? ", not advertised to EBGP peer"
      : "";
  const hidden = best !== undefined && best.suppressed > 0 ? ", Advertisements suppressed by an aggregate." : "";
  return `BGP routing table entry for ${formatPrefix(node)}, version ${node.version}
Paths: (${paths.length} available, ${chosen}${limits}${hidden})
${toPeers}${paths
  .filter(wanted)
  .map((p) => pathText(bgp, node, p))
  .join("")}`;
}

const nameOf = (p: Peer): string => formatIp(p.address);
const advertisedTo = (bgp: Bgp, node: RibNode): Peer[] =>
  bgp.sortedPeers().filter((p) => !p.joining && p.updateGroup?.tells(node) === true);

function pathText(bgp: Bgp, node: RibNode, p: Path): string {
  const { attributes: a } = p;
  const flaps = bgp.dampening.of(p);
  const nextHop = bgp.dampening.nextHopOf(p);
  const peer = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
  const notes = [
    a.aggregator === undefined ? "" : `, (aggregated by ${a.aggregator.as} ${formatIp(a.aggregator.address)})`,
    peer?.settings.reflectorClient === true ? ", (Received from a RR-client)" : "",
    p.stale ? ", (stale)" : "",
    flaps?.history ? ", (history entry)" : flaps?.damped ? ", (suppressed due to dampening)" : "",
  ].join("");
  const metric = nextHop.metric > 0 ? ` (metric ${nextHop.metric})` : "";
  const reach = nextHop.valid || peer === undefined ? metric : " (inaccessible)";
  const from =
    peer === undefined
      ? `from 0.0.0.0 (${formatIp(bgp.routerId)})`
      : `from ${nameOf(peer)} (${formatIp(a.originatorId ?? peer.remoteId)})`;
  const lines = [
    `  ${a.asPath.text === "" ? "Local" : bgp.asText(a.asPath)}${notes}`,
    `    ${formatIp(p.nextHop.address)}${reach} ${from}`,
    `      ${qualities(node, p, peer, nextHop.valid)}`,
    ...(a.communities.length > 0 ? [`      Community: ${communitiesText(a.communities)}`] : []),
    ...(a.extended.length > 0 ? [`      Extended Community: ${extendedsText(a.extended)}`] : []),
    ...(a.large.length > 0 ? [`      Large Community: ${largesText(a.large)}`] : []),
    ...originators(p),
    ...(a.otc === undefined ? [] : [`      Only To Customer (OTC): ${a.otc}`]),
    ...(a.aigp === undefined ? [] : [`      AIGP metric: ${a.aigp}`]),
    `      Last update: ${ctime(p.since)}`,
  ];
  return `${lines.join("\n")}\n`;
}

function originators({ attributes: a }: Path): string[] {
  if (a.originatorId === undefined && a.clusterList.length === 0) return [];
  const parts = [
    ...(a.originatorId === undefined ? [] : [`Originator: ${formatIp(a.originatorId)}`]),
    ...(a.clusterList.length === 0 ? [] : [`Cluster list: ${a.clusterList.map(formatIp).join(" ")}`]),
  ];
  return [`      ${parts.join(", ")}`];
}

function qualities(node: RibNode, p: Path, peer: Peer | undefined, valid: boolean): string {
  const { attributes: a } = p;
  return [
    `Origin ${ORIGIN_NAMES[a.origin]}`,
    ...(a.med === undefined ? [] : [`metric ${a.med}`]),
    ...(a.localPref === undefined ? [] : [`localpref ${a.localPref}`]),
    ...(a.weight === 0 ? [] : [`weight ${a.weight}`]),
    ...(a.tag === 0 ? [] : [`tag ${a.tag}`]),
    valid ? "valid" : "invalid",
    ...kindOf(p, peer),
    ...(a.atomicAggregate ? ["atomic-aggregate"] : []),
    ...(p.multipath || (node.best === p && node.paths.some((q) => q !== p && q.multipath)) ? ["multipath"] : []),
    ...(node.best === p ? [`best (${node.reason})`] : []),
  ].join(", ");
}

function kindOf(p: Path, peer: Peer | undefined): string[] {
  if (peer === undefined) return p.kind === FROM_AGGREGATE ? ["aggregated", "local"] : ["sourced", ...localOf(p)];
  if (peer.sort === "ibgp") return ["internal"];
  return [peer.sort === "confed" ? "confed-external" : "external"];
}
/** `network` statements are `sourced, local`, redistributed routes only `sourced`. */
const localOf = (p: Path): string[] => (p.kind === FROM_NETWORK ? ["local"] : []);

/** The same as JSON. */
export const prefixJson = (bgp: Bgp, node: RibNode, wanted?: (p: Path) => boolean): string =>
  prettyJson(nodeJson(bgp, node, wanted));

/** The paths to a prefix that are wanted. */
export function nodeJson(bgp: Bgp, node: RibNode, wanted: (p: Path) => boolean = () => true): Json {
  const told = advertisedTo(bgp, node);
  return {
    prefix: formatPrefix(node),
    version: node.version,
    advertisedTo: new Map<string, Json>(
      told.map((p) => [nameOf(p), { hostname: p.hostname, peerGroup: p.group?.name }]),
    ),
    pathCount: node.paths.length,
    paths: ordered(node)
      .filter(wanted)
      .map((p) => pathJson(bgp, node, p)),
  };
}

/** A path as it stands in the table, or with the attributes with which it goes to a neighbour. */
export function pathJson(bgp: Bgp, node: RibNode, p: Path, told?: { attributes: Attributes; nextHop: Ipv4 }): Json {
  const a = told?.attributes ?? p.attributes;
  const peer = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
  const flaps = bgp.dampening.of(p);
  const nextHop = bgp.dampening.nextHopOf(p);
  return {
    aspath: {
      string: a.asPath.text === "" ? "Local" : bgp.asText(a.asPath),
      segments: a.asPath.segments.map((s) => ({ type: SEGMENTS[s.type] ?? "", list: s.as })),
      length: a.asPath.hops,
    },
    suppressed: p.suppressed > 0 ? true : undefined,
    stale: p.stale ? true : undefined,
    aggregatorAs: a.aggregator?.as,
    aggregatorId: a.aggregator === undefined ? undefined : formatIp(a.aggregator.address),
    origin: ORIGIN_NAMES[a.origin] ?? "",
    metric: a.med,
    locPrf: a.localPref,
    weight: a.weight === 0 ? undefined : a.weight,
    tag: a.tag === 0 ? undefined : a.tag,
    dampeningHistoryEntry: flaps?.history === true ? true : undefined,
    dampeningSuppressed: flaps?.damped === true && !flaps.history ? true : undefined,
    valid: nextHop.valid && flaps?.history !== true,
    version: node.version,
    sourced: peer === undefined && p.kind !== FROM_AGGREGATE ? true : undefined,
    aggregated: p.kind === FROM_AGGREGATE ? true : undefined,
    local: p.kind === FROM_NETWORK || p.kind === FROM_AGGREGATE ? true : undefined,
    aggregateCount: p.kind === FROM_AGGREGATE ? bgp.aggregates.countOf(node) : undefined,
    atomicAggregate: a.atomicAggregate ? true : undefined,
    multipath: p.multipath ? true : undefined,
    bestpath: node.best === p ? { overall: true, selectionReason: node.reason } : undefined,
    community:
      a.communities.length === 0
        ? undefined
        : { string: communitiesText(a.communities), list: a.communities.map(communityJson) },
    largeCommunity: a.large.length === 0 ? undefined : { string: largesText(a.large) },
    extendedCommunity: a.extended.length === 0 ? undefined : { string: extendedsText(a.extended) },
    aigpMetric: a.aigp,
    otc: a.otc,
    originatorId: a.originatorId === undefined ? undefined : formatIp(a.originatorId),
    clusterList: a.clusterList.length === 0 ? undefined : { list: a.clusterList.map(formatIp) },
    lastUpdate: { epoch: Math.floor(p.since / 1e9), string: `${ctime(p.since)}\n` },
    nexthops: [
      {
        ip: formatIp(told?.nextHop ?? p.nextHop.address),
        hostname: peer === undefined ? bgp.os.hostname : peer.hostname,
        afi: "ipv4",
        metric: nextHop.metric,
        accessible: nextHop.valid || peer === undefined,
        used: true,
      },
    ],
    peer:
      peer === undefined
        ? { peerId: "0.0.0.0", routerId: formatIp(bgp.routerId) }
        : {
            peerId: nameOf(peer),
            routerId: formatIp(peer.remoteId),
            hostname: peer.hostname,
            type: `${kindOf(p, peer)[0] ?? ""}${peer.oad ? " (oad)" : ""}`,
          },
  };
}
const SEGMENTS: Readonly<Record<number, string>> = {
  ...{ 1: "as-set", 2: "as-sequence", 3: "as-confed-sequence", 4: "as-confed-set" },
};
