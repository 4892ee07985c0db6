import { formatIp, formatPrefix, type Ipv4, type Prefix } from "../../core/addr.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import { type Attributes, ORIGIN_CODES, ORIGIN_NAMES } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import type { Peer } from "./peer.ts";
import { FROM_PEER } from "./rib.ts";
import { pathJson } from "./show-prefix.ts";
import { withoutOwn } from "./show-table.ts";

/** `show ip bgp neighbors X advertised-routes|received-routes json` (bgpd/bgp_route.c:peer_adj_routes). */

export function advertisedJson(bgp: Bgp, p: Peer): string {
  const group = p.updateGroup;
  const told = group === undefined || p.joining ? [] : [...group.out];
  const ours = told.filter(([node]) => node !== group?.defaultNode).sort(([a], [b]) => byPrefix(a, b));
  return prettyJson({
    ...head(bgp),
    bgpOriginatingDefaultNetwork: ours.length < told.length ? "0.0.0.0/0" : undefined,
    advertisedRoutes: new Map<string, Json>(
      ours.map(([node, { attributes, nextHop }]) => {
        const best = bgp.rib.find(node.address, node.length)?.best;
        const weight = best !== undefined && best.kind !== FROM_PEER ? best.attributes.weight : 0;
        const path = withoutOwn(bgp.asText(attributes.asPath), p);
        return [formatPrefix(node), routeJson(node, nextHop, attributes, weight, path)];
      }),
    ),
    totalPrefixCounter: told.length,
    filteredPrefixCounter: 0,
  });
}

/** `advertised-routes detail json`. */
export function advertisedDetailJson(bgp: Bgp, p: Peer): string {
  const group = p.updateGroup;
  const told = group === undefined || p.joining ? [] : [...group.out];
  const ours = told.filter(([node]) => node !== group?.defaultNode).sort(([a], [b]) => byPrefix(a, b));
  return prettyJson({
    ...head(bgp),
    bgpOriginatingDefaultNetwork: ours.length < told.length ? "0.0.0.0/0" : undefined,
    advertisedRoutes: new Map<string, Json>(
      ours.flatMap(([key, out]) => {
        const node = bgp.rib.find(key.address, key.length);
        const best = node?.best;
        if (node === undefined || best === undefined) return [];
        const attributes = out.attributes.with({ asPath: best.attributes.asPath });
        const paths = [pathJson(bgp, node, best, { attributes, nextHop: out.nextHop })];
        return [[formatPrefix(key), { prefix: formatPrefix(key), version: node.version, pathCount: 1, paths }]];
      }),
    ),
    totalPrefixCounter: told.length,
    filteredPrefixCounter: 0,
  });
}

/** `denied`: only what policy keeps out (`filtered-routes`). */
export function receivedJson(bgp: Bgp, p: Peer, denied: boolean): string {
  const warning = "Inbound soft reconfiguration not enabled";
  if (p.settings.softReconfiguration !== true) return prettyJson({ warning });
  const all = bgp.inbound.received(p);
  const out = all.filter((r) => bgp.inbound.isDenied(p, r));
  const routes = denied ? out : all;
  return prettyJson({
    ...head(bgp),
    receivedRoutes: new Map<string, Json>(
      routes.map((r) => [formatPrefix(r), routeJson(r, r.nextHop, r.attributes, 0, bgp.asText(r.attributes.asPath))]),
    ),
    totalPrefixCounter: routes.length,
    filteredPrefixCounter: denied ? 0 : out.length,
  });
}

const byPrefix = (a: Prefix, b: Prefix): number => a.address - b.address || a.length - b.length;

const head = (bgp: Bgp): { readonly [key: string]: Json } => ({
  bgpTableVersion: bgp.version,
  bgpLocalRouterId: formatIp(bgp.routerId),
  defaultLocPrf: bgp.globals.localPref,
  localAS: bgp.asJson(bgp.globals.as),
  bgpStatusCodes: {
    ...{ suppressed: "s", damped: "d", history: "h", valid: "*", best: ">", multipath: "=", internal: "i" },
    ...{ ribFailure: "r", stale: "S", removed: "R" },
  },
  bgpOriginCodes: { igp: "i", egp: "e", incomplete: "?" },
});

const routeJson = (p: Prefix, nextHop: Ipv4, a: Attributes, weight: number, path: string): Json => ({
  addrPrefix: formatIp(p.address),
  prefixLen: p.length,
  network: formatPrefix(p),
  nextHop: formatIp(nextHop),
  metric: a.med,
  locPrf: a.localPref,
  weight,
  path,
  origin: ORIGIN_NAMES[a.origin] ?? "",
  valid: true,
  best: true,
  // As FRR 8.4 says the same.
  bgpOriginCode: ORIGIN_CODES[a.origin] ?? "?",
  appliedStatusSymbols: { "*": true, ">": true },
});
