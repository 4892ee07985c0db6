import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { Attributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { Route } from "./route.ts";
import type { Direction } from "./settings.ts";

/** What lists and route maps of a neighbour say (bgpd/bgp_route.c:bgp_input_filter, bgp_output_filter, bgp_input_modifier). */

/** Whether anything is said in that direction: what RFC 8212 asks for. */
export function hasPolicy(peer: Peer, direction: Direction): boolean {
  const { prefixLists, distributeLists, filterLists, routeMaps } = peer.settings;
  return (
    prefixLists?.[direction] !== undefined ||
    distributeLists?.[direction] !== undefined ||
    filterLists?.[direction] !== undefined ||
    routeMaps?.[direction] !== undefined
  );
}

/** The lists of one direction; lists that are not there deny. */
export function passesLists(bgp: Bgp, peer: Peer, direction: Direction, prefix: Prefix, a: Attributes): boolean {
  const { prefixLists, distributeLists, filterLists } = peer.settings;
  const { policy } = bgp;
  const distribute = distributeLists?.[direction];
  if (distribute !== undefined && policy.accessLists.find(distribute)?.decide(prefix) !== "permit") return false;
  const list = prefixLists?.[direction];
  if (list !== undefined && policy.prefixLists.find(list)?.decide(prefix) !== "permit") return false;
  const filter = filterLists?.[direction];
  return filter === undefined || bgp.lists.asPaths.find(filter)?.decide(bgp.asText(a.asPath)) === "permit";
}

/** What becomes of a received route; undefined: it is denied. */
export function filterIn(
  bgp: Bgp,
  peer: Peer,
  prefix: Prefix,
  attributes: Attributes,
  nextHop: Ipv4,
): { readonly attributes: Attributes; readonly nextHop: Ipv4 } | undefined {
  if (!passesLists(bgp, peer, "in", prefix, attributes)) return undefined;
  const map = peer.settings.routeMaps?.in;
  if (map === undefined) return { attributes, nextHop };
  const route = new Route(bgp, prefix, attributes, nextHop, peer, undefined, "bgp");
  if (bgp.policy.routeMaps.apply(map, route) === "deny") return undefined;
  return { attributes: route.attributes, nextHop: route.nextHopSet === "peer" ? peer.address : route.nextHop };
}
