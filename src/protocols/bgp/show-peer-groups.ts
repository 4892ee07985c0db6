import { formatIp, formatPrefix } from "../../core/addr.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import type { PeerGroup } from "./settings.ts";
import { stateText } from "./views.ts";

/** `show bgp peer-group [NAME]` (bgpd/bgp_vty.c:bgp_show_one_peer_group). */
export function peerGroupsText(bgp: Bgp, groups: readonly PeerGroup[]): string {
  return groups.map((g) => groupText(bgp, g)).join("");
}

const membersOf = (bgp: Bgp, g: PeerGroup): Peer[] => bgp.sortedPeers().filter((p) => p.group === g);
const asOf = (bgp: Bgp, g: PeerGroup): number | undefined => {
  const { remoteAs } = g.own;
  if (remoteAs === "internal") return bgp.globals.as;
  return remoteAs === "external" ? 0 : remoteAs === "auto" ? undefined : remoteAs;
};
const sortOf = (bgp: Bgp, g: PeerGroup): string =>
  g.own.remoteAs === "auto" ? "auto" : asOf(bgp, g) === bgp.globals.as ? "internal" : "external";
const isActive = (bgp: Bgp, g: PeerGroup): boolean => g.own.activate ?? bgp.globals.defaultIpv4Unicast;

function groupText(bgp: Bgp, g: PeerGroup): string {
  const as = asOf(bgp, g);
  const ranges = bgp.ranges.filter((r) => r.group === g.name);
  const members = membersOf(bgp, g);
  return `${[
    "",
    `BGP peer-group ${g.name}${as === undefined ? "" : `, remote AS ${bgp.asText(as)}`}`,
    `  Peer-group type is ${sortOf(bgp, g)}`,
    `  Configured address-families:${isActive(bgp, g) ? " IPv4 Unicast;" : " none"}`,
    ...(ranges.length === 0 ? [] : [`  ${ranges.length} IPv4 listen range(s)`]),
    ...ranges.map((r) => `    ${formatPrefix(r.prefix)}`),
    ...(members.length === 0 ? [] : ["  Peer-group members:"]),
    ...members.map((p) => `    ${formatIp(p.address)} ${p.dynamic ? "(dynamic)" : ""} ${stateText(p)} `),
  ].join("\n")}\n`;
}

/** The same as JSON, by name. */
export function peerGroupsJson(bgp: Bgp, groups: readonly PeerGroup[]): string {
  return prettyJson(new Map<string, Json>(groups.map((g) => [g.name, groupJson(bgp, g)])));
}

function groupJson(bgp: Bgp, g: PeerGroup): Json {
  const as = asOf(bgp, g);
  const ranges = bgp.ranges.filter((r) => r.group === g.name).map((r) => formatPrefix(r.prefix));
  const members = membersOf(bgp, g);
  return {
    remoteAs: as === undefined ? undefined : bgp.asJson(as),
    type: sortOf(bgp, g),
    addressFamiliesConfigured: isActive(bgp, g) ? ["IPv4 Unicast"] : [],
    dynamicRanges: ranges.length === 0 ? undefined : { IPv4: { count: ranges.length, ranges } },
    memberCount: members.length,
    members:
      members.length === 0
        ? undefined
        : new Map<string, Json>(
            members.map((p) => [formatIp(p.address), { status: stateText(p), dynamic: p.dynamic ? true : undefined }]),
          ),
  };
}
