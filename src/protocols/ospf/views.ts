import { formatIp, formatPrefix, lengthOfMask } from "../../core/addr.ts";
import type { ViewQuery } from "../../frr/views.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Dest, Path } from "./destinations.ts";
import { UNREACHED } from "./graph.ts";
import { EXTERNAL_TYPE2, LSA_EXTERNAL, MAX_AGE, ROUTER_B, ROUTER_E } from "./lsa-codec.ts";
import { asbrPath } from "./paths.ts";
import { roleOf } from "./roles.ts";

/** Tables of ospfd for checks: see `Views`. */
export function viewOf(d: OspfDaemon, what: string, query: ViewQuery): unknown {
  switch (what) {
    case "ospf routes":
      return routes(d, query);
    case "ospf neighbors":
      return neighbors(d);
    case "ospf lsdb external":
      return externals(d);
    default:
      return undefined;
  }
}

const KINDS = { intra: "N", inter: "N IA", external1: "N E1", external2: "N E2", discard: "N discard" } as const;

function routes(d: OspfDaemon, query: ViewQuery): unknown {
  const wanted = query.prefixes === undefined ? undefined : new Set(query.prefixes);
  const networks = d.routing.dests
    .sorted()
    .filter((dest) => dest.path !== undefined && dest.path.kind !== "discard")
    .map((dest) => network(dest, dest.path as Path))
    .filter((n) => wanted === undefined || wanted.has(n.prefix));
  return { networks, routers: routers(d) };
}

function network(dest: Dest, path: Path): { readonly prefix: string } & Record<string, unknown> {
  const external = path.kind === "external1" || path.kind === "external2";
  return {
    prefix: formatPrefix({ address: dest.address, length: dest.length }),
    type: KINDS[path.kind],
    cost: path.cost,
    ...(path.kind === "external2" ? { type2cost: path.type2Cost } : {}),
    ...(external ? { tag: path.tag } : { area: formatIp(path.area?.id ?? 0) }),
    nexthops: path.hops.hops.map(hop),
  };
}

const hop = (h: { gateway: number; ifname: string }): unknown =>
  h.gateway === 0 ? { iface: h.ifname, connected: true } : { via: formatIp(h.gateway), iface: h.ifname };

/** Border routers, as `show ip ospf border-routers` lists them. */
export function routers(d: OspfDaemon): readonly Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  const seen = new Set<number>();
  for (const [area, graph] of d.routing.graphs)
    for (const v of [...graph.routers.values()].sort((a, b) => a.id - b.id)) {
      if (v.dist === UNREACHED || v.hops === undefined || v.id === d.ospf.routerId) continue;
      const [abr, asbr] = [(v.flags & ROUTER_B) !== 0, (v.flags & ROUTER_E) !== 0];
      if (!abr && !asbr) continue;
      seen.add(v.id);
      found.push({
        id: formatIp(v.id),
        cost: v.dist,
        area: formatIp(area.id),
        abr,
        asbr,
        ia: false,
        nexthops: v.hops.hops.map(hop),
      });
    }
  for (const area of d.ospf.areas.values())
    for (const { lsa } of area.lsdb.sorted(4)) {
      if (seen.has(lsa.id) || lsa.id === d.ospf.routerId) continue;
      const path = asbrPath(d.routing, lsa.id);
      if (path === undefined || !path.inter) continue;
      seen.add(lsa.id);
      const { cost, hops } = path;
      found.push({
        id: formatIp(lsa.id),
        cost,
        area: formatIp(path.area.id),
        abr: false,
        asbr: true,
        ia: true,
        nexthops: hops.hops.map(hop),
      });
    }
  return found;
}

function neighbors(d: OspfDaemon): unknown {
  const table: Record<string, unknown[]> = {};
  for (const oi of d.ospf.interfaces)
    for (const n of oi.neighbors.values()) {
      const id = formatIp(n.routerId);
      (table[id] ??= []).push({ state: n.state, role: roleOf(n), priority: n.priority });
    }
  return table;
}

function externals(d: OspfDaemon): unknown {
  const { ospf } = d;
  return ospf.lsdb
    .sorted(LSA_EXTERNAL)
    .filter((s) => s.age < MAX_AGE)
    .flatMap(({ lsa }) => {
      const { body } = lsa;
      const route = body.kind === "external" ? body.routes[0] : undefined;
      if (body.kind !== "external" || route === undefined) return [];
      return {
        id: formatIp(lsa.id),
        adv: formatIp(lsa.adv),
        mask_len: lengthOfMask(body.mask) ?? 0,
        metric: route.metric,
        etype: (route.flags & EXTERNAL_TYPE2) !== 0 ? 2 : 1,
        forward: formatIp(route.forward),
        tag: route.tag,
      };
    });
}
