import { formatIp, formatPrefix, lengthOfMask } from "../../core/addr.ts";
import type { ViewQuery } from "../../frr/views.ts";
import { borderRouters } from "./border-routers.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Dest, Path } from "./destinations.ts";
import { EXTERNAL_TYPE2, LSA_EXTERNAL, MAX_AGE } from "./lsa-codec.ts";
import { roleOf } from "./roles.ts";
import { advertisedWays } from "./show-ways.ts";

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
    .map((dest) => network(d, dest, dest.path as Path))
    .filter((n) => wanted === undefined || wanted.has(n.prefix));
  return { networks, routers: routers(d) };
}

function network(d: OspfDaemon, dest: Dest, path: Path): { readonly prefix: string } & Record<string, unknown> {
  const external = path.kind === "external1" || path.kind === "external2";
  return {
    prefix: formatPrefix({ address: dest.address, length: dest.length }),
    type: KINDS[path.kind],
    cost: path.cost,
    ...(path.kind === "external2" ? { type2cost: path.type2Cost } : {}),
    ...(external ? { tag: path.tag } : { area: formatIp(path.area?.id ?? 0) }),
    nexthops: advertisedWays(d, dest, path).map((w) => hop(w.hop)),
  };
}

const hop = (h: { gateway: number; ifname: string }): unknown =>
  h.gateway === 0 ? { iface: h.ifname, connected: true } : { via: formatIp(h.gateway), iface: h.ifname };

const routers = (d: OspfDaemon): readonly Record<string, unknown>[] =>
  borderRouters(d).map(({ id, cost, area, abr, asbr, inter, hops }) => ({
    id: formatIp(id),
    cost,
    area: formatIp(area),
    abr,
    asbr,
    ia: inter,
    nexthops: hops.map(hop),
  }));

function neighbors(d: OspfDaemon): unknown {
  const table: Record<string, unknown[]> = {};
  for (const oi of d.ospf.interfaces)
    for (const n of oi.neighbors.all) {
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
