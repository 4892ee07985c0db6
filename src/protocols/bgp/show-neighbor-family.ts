import type { Bgp } from "./bgp.ts";
import { hasPolicy } from "./filter.ts";
import type { Peer } from "./peer.ts";
import type { PeerSettings } from "./settings.ts";
import { defaultSent } from "./show-summary.ts";

type Line = string | false | undefined;

/** What is said of a neighbour for IPv4 unicast (bgpd/bgp_vty.c:bgp_show_peer_afi). */
export function familyLines(bgp: Bgp, p: Peer): string[] {
  const { settings: s, updateGroup: group } = p;
  const max = s.maximumPrefix;
  const lines: Line[] = [
    " For address family: IPv4 Unicast",
    p.group && `  ${p.group.name} peer-group member`,
    ...(p.up && group !== undefined
      ? [`  Update group ${group.id}, subgroup ${group.id}`, "  Packet Queue length 0"]
      : ["  Not part of any update group"]),
    ...filterLines(p),
    s.reflectorClient && "  Route-Reflector Client",
    s.routeServerClient && "  Route-Server Client",
    s.softReconfiguration && "  Inbound soft reconfiguration allowed",
    s.removePrivateAs && privateLine(s.removePrivateAs),
    s.asOverride && "  Override ASNs in outbound updates if aspath equals remote-as",
    s.nextHopSelf && "  NEXT_HOP is always this router",
    s.unchanged?.asPath && "  AS_PATH is propagated unchanged to this neighbor",
    s.unchanged?.nextHop && "  NEXT_HOP is propagated unchanged to this neighbor",
    s.unchanged?.med && "  MED is propagated unchanged to this neighbor",
    communityLine(s),
    s.defaultOriginate && defaultLine(p),
    ...policyLines(bgp, p),
    `  ${p.accepted} accepted prefixes`,
    s.maximumPrefixOut !== undefined && `  Maximum allowed prefixes sent ${s.maximumPrefixOut}`,
    max && `  Maximum prefixes allowed ${max.max}${max.warningOnly ? " (warning-only)" : ""}`,
    max && `  Threshold for warning message ${max.threshold}%`,
    max && max.restartMin > 0 && `  Restart interval ${max.restartMin} min`,
  ];
  return lines.filter((l) => typeof l === "string");
}

function filterLines(p: Peer): Line[] {
  const { orf } = p.settings;
  const theirs = p.up ? p.capabilities?.orf : undefined;
  const mode = (name: string, mine: boolean | undefined, other: boolean | undefined): Line =>
    (mine || other) && `      ${name}: ${[mine && "advertised", other && "received"].filter(Boolean).join(", ")}`;
  const modes = [mode("Send-mode", orf?.sends, theirs?.sends), mode("Receive-mode", orf?.takes, theirs?.takes)];
  const told = p.filters?.rules.length ?? 0;
  return [
    ...(modes.some(Boolean)
      ? ["  AF-dependant capabilities:", "    Outbound Route Filter (ORF) type (64) Prefix-list:"]
      : []),
    ...modes,
    (p.filtersSent || told > 0) &&
      `  Outbound Route Filter (ORF):${p.filtersSent ? " sent;" : ""}${told > 0 ? ` received (${told} entries)` : ""}`,
    p.awaitsRefresh && "  First update is deferred until ORF or ROUTE-REFRESH is received",
  ];
}

const privateLine = (how: NonNullable<PeerSettings["removePrivateAs"]>): string =>
  `  Private AS numbers ${how.all ? "(all) " : ""}${how.replace ? "replaced" : "removed"} in updates to this neighbor`;

function communityLine({ sendCommunity: c }: PeerSettings): Line {
  const to = "  Community attribute sent to this neighbor";
  if (c === undefined || (c.standard && c.extended && c.large)) return `${to}(all)`;
  if (!c.standard && !c.extended && !c.large) return undefined;
  const kind = c.large ? "large" : c.standard && c.extended ? "both" : c.extended ? "extended" : "standard";
  return `${to}(${kind})`;
}

function defaultLine(p: Peer): string {
  const map = p.settings.defaultOriginate?.routeMap;
  const how = map === undefined ? "" : ` default route-map *${map},`;
  return `  Default information originate,${how} default ${defaultSent(p) ? "sent" : "not sent"}`;
}

function policyLines(bgp: Bgp, p: Peer): Line[] {
  const { settings: s } = p;
  const required = p.sort === "ebgp" && bgp.requiresPolicy;
  const named = (words: string, name: string | undefined): Line => name !== undefined && `  ${words} is *${name}`;
  const { conditional: c } = s;
  return [
    hasPolicy(p, "in") && "  Inbound path policy configured",
    (hasPolicy(p, "out") || s.unsuppressMap !== undefined) && "  Outbound path policy configured",
    named("Incoming update prefix filter list", s.prefixLists?.in),
    named("Outgoing update prefix filter list", s.prefixLists?.out),
    named("Incoming update network filter list", s.distributeLists?.in),
    named("Outgoing update network filter list", s.distributeLists?.out),
    named("Incoming update AS path filter list", s.filterLists?.in),
    named("Outgoing update AS path filter list", s.filterLists?.out),
    named("Route map for incoming advertisements", s.routeMaps?.in),
    named("Route map for outgoing advertisements", s.routeMaps?.out),
    required && !hasPolicy(p, "in") && "  Inbound updates discarded due to missing policy",
    required && !hasPolicy(p, "out") && "  Outbound updates discarded due to missing policy",
    named("Route map for selective unsuppress", s.unsuppressMap),
    c &&
      `  Condition ${c.exists ? "EXIST" : "NON_EXIST"}, Condition-map *${c.condition}, Advertise-map *${c.map}, status: ${
        bgp.conditions.stateOf(p) === false ? "Withdraw" : "Advertise"
      }`,
  ];
}
