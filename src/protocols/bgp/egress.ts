import type { Ipv4 } from "../../core/addr.ts";
import { type AsPath, CONFED_SEQUENCE, isPrivateAs } from "./as-path.ts";
import type { Attributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import {
  GRACEFUL_SHUTDOWN,
  isTransitive,
  LLGR_STALE,
  LOCAL_AS,
  NO_ADVERTISE,
  NO_EXPORT,
  sortedCommunities,
  sortedHex,
} from "./community.ts";
import { hasPolicy, passesLists } from "./filter.ts";
import { bandwidthOf, encodeBandwidth, inWholeNumbers, linkBandwidth } from "./link-bandwidth.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER, type Path } from "./rib.ts";
import { otcOut } from "./roles.ts";
import { Route } from "./route.ts";

/** What neighbours are told of a path: FRR's bgpd/bgp_route.c:subgroup_announce_check, and the AS path of bgp_packet_attribute. */

/** What goes out for a prefix. `nextHop` 0: the address that this router has on each session. */
export interface AdjOut {
  readonly attributes: Attributes;
  readonly nextHop: Ipv4;
}

/** What `peer`, who stands for its group, is told of `path`; undefined: nothing. `members`: all of the group. */
export function egress(bgp: Bgp, peer: Peer, members: ReadonlySet<Peer>, path: Path): AdjOut | undefined {
  const { settings } = peer;
  const { attributes } = path;
  const from = path.kind === FROM_PEER ? (path.source as Peer) : undefined;
  if (path.suppressed > 0 && settings.unsuppressMap === undefined) return undefined;
  if (settings.defaultOriginate !== undefined && path.node.length === 0) return undefined;
  if (bgp.globals.suppressFib && bgp.installer.isPending(path.node)) return undefined;
  if (isHeldBack(attributes, peer) || !passesReflection(bgp, from, peer, members, attributes)) return undefined;
  const external = peer.sort === "ebgp";
  if (external && bgp.requiresPolicy && !hasPolicy(peer, "out")) return undefined; // RFC 8212
  // RFC 9774 §3: an aggregate does not go to the ASes that its set holds.
  if (bgp.globals.rejectAsSets && attributes.asPath.hasSet && attributes.asPath.count(peer.as) > 0) return undefined;
  if (settings.siteOfOrigin !== undefined && attributes.extended.includes(settings.siteOfOrigin)) return undefined;
  if (settings.senderLoops === true && attributes.asPath.count(peer.as) > 0) return undefined;
  if (!passesLists(bgp, peer, "out", path.node, attributes)) return undefined;
  if (peer.filters !== undefined && peer.filters.decide(path.node) === "deny") return undefined; // RFC 5292
  const route = new Route(
    bgp,
    path.node,
    prepared(bgp, peer, from, attributes),
    path.nextHop.address,
    from,
    peer,
    "bgp",
  );
  if (path.suppressed > 0 && bgp.policy.routeMaps.apply(settings.unsuppressMap ?? "", route) === "deny")
    return undefined;
  const condition = settings.conditional === undefined ? undefined : bgp.conditions.decide(peer, route);
  if (condition === "deny" || (condition === undefined && !passesMap(bgp, peer, from, route))) return undefined;
  if (bgp.globals.gracefulShutdown || settings.gracefulShutdown === true)
    shutDownGracefully(route, external && !peer.oad);
  const nextHop = nextHopFor(bgp, peer, members, path, route, from);
  if (nextHop === 0 && route.attributes.extended.length > 0) addBandwidths(bgp, path, route);
  const dry = otcOut(peer, dressed(bgp, peer, from, route.attributes));
  if (dry === undefined) return undefined;
  if (settings.wholeBandwidths === true && dry.extended.length > 0)
    return { attributes: dry.with({ extended: inWholeNumbers(dry.extended) }), nextHop };
  return { attributes: dry.aigp === undefined ? dry : accumulated(peer, path, nextHop, dry), nextHop };
}

/** What a neighbour is told of the default route that `default-originate` makes: no outbound policy is asked. */
export const egressDefault = (bgp: Bgp, peer: Peer, attributes: Attributes): AdjOut => ({
  attributes: dressed(bgp, peer, undefined, attributes),
  nextHop: 0,
});

/** The outbound route map. What it changes of reflected routes does not count, unless that is allowed (`subgroup_announce_check`). */
function passesMap(bgp: Bgp, to: Peer, from: Peer | undefined, route: Route): boolean {
  const map = to.settings.routeMaps?.out;
  if (map === undefined) return true;
  const reflected = to.sort === "ibgp" && from?.sort === "ibgp";
  if (!reflected || bgp.globals.allowOutboundPolicy) return bgp.policy.routeMaps.apply(map, route) !== "deny";
  return bgp.policy.routeMaps.apply(map, route.copy()) !== "deny";
}

/** Where this router is the next hop of several paths that tell of their bandwidth, it tells the sum, unless policy has said another one. */
function addBandwidths(bgp: Bgp, path: Path, route: Route): void {
  const own = linkBandwidth(route.attributes.extended);
  if (own === 0 || own !== linkBandwidth(path.attributes.extended) || bgp.globals.bandwidth === "ignore") return;
  const used = bgp.usedPaths(path.node).map((p) => linkBandwidth(p.attributes.extended));
  if (used.length < 2 || (bgp.globals.bandwidth === "use" && used.includes(0))) return;
  const sum = used.reduce((a, b) => a + b, 0);
  const told = route.attributes.extended.find((e) => bandwidthOf(e) !== undefined) ?? "";
  const others = route.attributes.extended.filter((e) => e !== told);
  route.change({ extended: sortedHex([...others, encodeBandwidth(bgp.globals.as, sum, isTransitive(told))]) });
}

/** RFC 7311 §3.4: whoever becomes the next hop adds its distance to the one before. To foreign ASes it goes only where that is asked for. */
function accumulated(to: Peer, path: Path, nextHop: Ipv4, a: Attributes): Attributes {
  if (to.sort === "ebgp" && to.settings.aigp !== true) return a.with({ aigp: undefined });
  return nextHop === 0 && path.nextHop.metric > 0 ? a.with({ aigp: (a.aigp ?? 0) + path.nextHop.metric }) : a;
}

/** RFC 1997, `local-AS`, and what only neighbours may have that know of long-lived routes (RFC 9494 §4.3). */
function isHeldBack({ communities }: Attributes, to: Peer): boolean {
  if (communities.length === 0) return false;
  if (communities.includes(NO_ADVERTISE)) return true;
  if (communities.includes(LLGR_STALE) && to.capabilities?.longLived !== true) return true;
  if (to.sort === "ebgp" && !to.oad && communities.includes(NO_EXPORT)) return true;
  return to.sort !== "ibgp" && !to.oad && communities.includes(LOCAL_AS);
}

/** RFC 4456 §6 and §8: between internal neighbours only from or to a client. */
function passesReflection(
  bgp: Bgp,
  from: Peer | undefined,
  to: Peer,
  members: ReadonlySet<Peer>,
  a: Attributes,
): boolean {
  if (to.sort !== "ibgp" || from?.sort !== "ibgp") return true;
  const [source, target] = [from.settings.reflectorClient === true, to.settings.reflectorClient === true];
  if (!source && !target) return false;
  if (source && target && !bgp.globals.clientToClient) return false;
  return !(members.size === 1 && a.originatorId === to.remoteId);
}

/** Before the route map: MED and LOCAL_PREF as they may go to this kind of neighbour. */
function prepared(bgp: Bgp, to: Peer, from: Peer | undefined, a: Attributes): Attributes {
  if (to.sort !== "ebgp" || to.oad) return a.localPref === undefined ? a.with({ localPref: bgp.globals.localPref }) : a;
  // A MED does not go on to a third AS (RFC 4271 §5.1.4).
  const kept = to.settings.unchanged?.med === true || isTransparent(to, from);
  const foreign = a.med !== undefined && from !== undefined && !kept;
  return foreign ? a.with({ med: undefined }) : a;
}

/** Between clients of a route server (RFC 7947 §2.2). */
const isTransparent = (to: Peer, from: Peer | undefined): boolean =>
  to.settings.routeServerClient === true && from?.settings.routeServerClient === true;

function shutDownGracefully(route: Route, external: boolean): void {
  const { communities } = route.attributes;
  if (!external) return route.change({ localPref: 0 });
  if (communities.includes(GRACEFUL_SHUTDOWN)) return;
  route.change({ communities: sortedCommunities([...communities, GRACEFUL_SHUTDOWN]) }); // RFC 8326
}

/** As they stand in the UPDATE. */
function dressed(bgp: Bgp, to: Peer, from: Peer | undefined, a: Attributes): Attributes {
  const { sendCommunity } = to.settings;
  const external = to.sort === "ebgp" && !to.oad;
  // What nearly all routes are: no communities, nothing of reflectors.
  if (external && a.communities.length + a.extended.length + a.large.length + a.clusterList.length === 0) {
    const { med } = bgp.startUp;
    const told = a.withPath(pathFor(bgp, to, a));
    if (bgp.globals.rejectAsSets && a.asPath.hasSet) return told.with({ med: med ?? a.med, atomicAggregate: true });
    return med === undefined ? told : told.with({ med });
  }
  const reflected = to.sort === "ibgp" && from?.sort === "ibgp";
  const outside = to.sort === "ebgp";
  const extended = external ? a.extended.filter(isTransitive) : a.extended;
  return a.with({
    asPath: pathFor(bgp, to, a),
    atomicAggregate: a.atomicAggregate || (bgp.globals.rejectAsSets && a.asPath.hasSet),
    localPref: external ? undefined : a.localPref,
    communities: sendCommunity?.standard === false ? [] : a.communities,
    extended: sendCommunity?.extended === false ? [] : extended,
    large: sendCommunity?.large === false ? [] : a.large,
    originatorId: reflected ? (a.originatorId ?? from.remoteId) : outside ? undefined : a.originatorId, // RFC 4456 §8
    med: bgp.startUp.med ?? a.med,
    clusterList: reflected ? [bgp.clusterId, ...a.clusterList] : outside ? [] : a.clusterList,
    weight: 0,
    tag: 0,
  });
}

function pathFor(bgp: Bgp, to: Peer, a: Attributes): AsPath {
  const { globals } = bgp;
  if (to.sort === "ibgp") return withoutSets(bgp, a.asPath);
  if (to.sort === "confed") return withoutSets(bgp, a.asPath).prepend(globals.as, 1, CONFED_SEQUENCE); // RFC 5065 §4
  const { removePrivateAs, asOverride, unchanged, routeServerClient } = to.settings;
  const localAs = to.realAs ? undefined : to.settings.localAs;
  let path = withoutSets(bgp, a.asPath).withoutConfed();
  const ours = globals.confederationId ?? globals.as;
  if (removePrivateAs !== undefined) path = withoutPrivate(path, removePrivateAs, ours, to.as);
  if (asOverride === true && path.count(to.as) > 0) path = path.map((as) => (as === to.as ? globals.as : as));
  if (routeServerClient === true) return path;
  if (unchanged?.asPath === true && path.segments.length > 0) return path;
  if (globals.confederationId !== undefined) return path.prepend(globals.confederationId);
  if (localAs === undefined) return path.prepend(globals.as);
  // A private number of ours is one of those that go.
  const hidden = localAs.replaceAs || (removePrivateAs !== undefined && isPrivateAs(globals.as));
  return (hidden ? path : path.prepend(globals.as)).prepend(localAs.as);
}

/** RFC 9774 §3: no sets leave this router, unless that is allowed. */
const withoutSets = (bgp: Bgp, path: AsPath): AsPath =>
  bgp.globals.rejectAsSets && path.hasSet ? path.withoutSets() : path;

/** bgpd/bgp_route.c:bgp_peer_remove_private_as: without `all` only where every number is private. */
function withoutPrivate(
  path: AsPath,
  how: { readonly all: boolean; readonly replace: boolean },
  ours: number,
  theirs: number,
): AsPath {
  if (!how.all && !path.every(isPrivateAs)) return path;
  return path.map((as) => (!isPrivateAs(as) || as === theirs ? as : how.replace ? ours : undefined));
}

function nextHopFor(
  bgp: Bgp,
  to: Peer,
  members: ReadonlySet<Peer>,
  path: Path,
  route: Route,
  from: Peer | undefined,
): Ipv4 {
  if (route.nextHopSet === "address") return route.nextHop;
  if (route.nextHopSet === "peer") return 0;
  const { address } = path.nextHop;
  if (address === 0 || route.nextHopSet === "unchanged" || to.settings.unchanged?.nextHop === true) return address;
  const { nextHopSelf } = to.settings;
  const reflected = to.sort === "ibgp" && from?.sort === "ibgp";
  if (nextHopSelf !== undefined && (!reflected || nextHopSelf === "force")) return 0;
  if (to.sort !== "ebgp" || isTransparent(to, from)) return address;
  return bgp.isThirdParty(address, members, from) ? address : 0; // RFC 4271 §5.1.3
}
