import { formatIp, formatPrefix } from "../../core/addr.ts";
import type { CommandSet } from "../../frr/command.ts";
import { type Json, prettyJson } from "../../frr/json.ts";
import { type BorderRouter, borderRouters, reachableRouters } from "./border-routers.ts";
import type { OspfDaemon } from "./daemon.ts";
import type { Dest, Path } from "./destinations.ts";
import type { Hop } from "./hops.ts";
import { advertisedWays, isTransit } from "./show-ways.ts";

/** `show ip ospf route`, `show ip ospf border-routers` (ospfd/ospf_vty.c). */
export function installShowRoute(set: CommandSet<OspfDaemon>): void {
  set.add("view", "show ip ospf route [detail] [json]", (d, args) => {
    const dests = d.routing.dests.sorted().filter((x) => x.path !== undefined);
    if (args.has("json")) return prettyJson(asJson(d, dests));
    const networks = dests.filter((x) => !isExternal(x)).map((x) => networkText(d, x, args.has("detail")));
    const externals = dests.filter(isExternal).map((x) => externalText(d, x, args.has("detail")));
    return [
      "============ OSPF network routing table ============\n",
      ...networks,
      "\n",
      routersText(d, "router routing"),
      routersText(d, "reachable routers"),
      "============ OSPF external routing table ===========\n",
      ...externals,
      "\n\n",
    ].join("");
  });
  set.add("view", "show ip ospf border-routers [json]", (d, args) =>
    args.has("json") ? prettyJson({ routers: routersJson(d) }) : `${routersText(d, "router routing")}\n`,
  );
}

const isExternal = (dest: Dest): boolean => dest.path?.kind === "external1" || dest.path?.kind === "external2";
const prefixOf = (dest: Dest): string => formatPrefix({ address: dest.address, length: dest.length });

const INDENT = " ".repeat(24);
const hopText = (h: Hop): string =>
  h.gateway === 0
    ? `${INDENT}   directly attached to ${h.ifname}\n`
    : `${INDENT}   via ${formatIp(h.gateway)}, ${h.ifname}\n`;
const hopJson = (h: Hop): Record<string, string> =>
  h.gateway === 0
    ? { ip: " ", "directly attached to": h.ifname, directlyAttachedTo: h.ifname }
    : { ip: formatIp(h.gateway), via: h.ifname };

function networkText(d: OspfDaemon, dest: Dest, detail: boolean): string {
  const { kind, cost, area } = dest.path as Path;
  const prefix = prefixOf(dest).padEnd(18);
  if (kind === "discard") return `D IA ${prefix}    Discard entry\n`;
  const type = kind === "inter" ? "N IA" : detail && isTransit(dest, dest.path as Path) ? "N T " : "N   ";
  return `${type} ${prefix}    [${cost}] area: ${formatIp(area?.id ?? 0)}\n${waysText(d, dest, detail)}`;
}

function waysText(d: OspfDaemon, dest: Dest, detail: boolean): string {
  return advertisedWays(d, dest, dest.path as Path)
    .map(({ hop, adv }) => `${hopText(hop)}${detail && hop.gateway !== 0 ? `${INDENT}   adv ${formatIp(adv)}\n` : ""}`)
    .join("");
}
const waysJson = (d: OspfDaemon, dest: Dest): Json[] =>
  advertisedWays(d, dest, dest.path as Path).map(({ hop, adv }) =>
    hop.gateway === 0 ? hopJson(hop) : { ...hopJson(hop), advertisedRouter: formatIp(adv) },
  );

function externalText(d: OspfDaemon, dest: Dest, detail: boolean): string {
  const { kind, cost, type2Cost, tag } = dest.path as Path;
  const metric = kind === "external1" ? `${cost}` : `${cost}/${type2Cost}`;
  const type = kind === "external1" ? "N E1" : "N E2";
  return `${type} ${prefixOf(dest).padEnd(18)}    [${metric}] tag: ${tag}\n${waysText(d, dest, detail)}`;
}

/** All routers that are reached inside areas, or only those at borders (`reachable routers` and `router routing` in FRR). */
function routersText(d: OspfDaemon, which: "router routing" | "reachable routers"): string {
  const ways = which === "router routing" ? grouped(borderRouters(d)) : grouped(reachableRouters(d));
  return `============ OSPF ${which} table =============\n${ways.map(routerText).join("")}\n`;
}

/** Routers by id, each with its ways. */
function grouped(routers: readonly BorderRouter[]): readonly (readonly BorderRouter[])[] {
  const table = new Map<number, BorderRouter[]>();
  for (const r of routers) table.set(r.id, [...(table.get(r.id) ?? []), r]);
  return [...table].sort(([a], [b]) => a - b).map(([, ways]) => ways);
}

function routerText(ways: readonly BorderRouter[]): string {
  return ways
    .map((r, i) => {
      const head = i === 0 ? `R    ${formatIp(r.id).padEnd(15)}    ` : INDENT;
      const flags = `${r.abr ? ", ABR" : ""}${r.asbr ? ", ASBR" : ""}`;
      return `${head}${r.inter ? "IA" : "  "} [${r.cost}] area: ${formatIp(r.area)}${flags}\n${r.hops.map(hopText).join("")}`;
    })
    .join("");
}

function routersJson(d: OspfDaemon): Json {
  return new Map(
    grouped(borderRouters(d)).map((ways) => {
      const [r] = ways as readonly [BorderRouter];
      return [formatIp(r.id), routerJson(r)] as const;
    }),
  );
}

const uniqueRouters = (routers: readonly BorderRouter[]): readonly BorderRouter[] =>
  routers.filter((r, i) => routers.findIndex((o) => o.id === r.id && o.area === r.area) === i);

const routerJson = (r: BorderRouter): Json => ({
  routeType: "R ",
  cost: r.cost,
  area: formatIp(r.area),
  ...(r.inter ? { IA: true, ia: true } : {}),
  ...(r.abr ? { routerType: "abr" } : r.asbr ? { routerType: "asbr" } : {}),
  nexthops: r.hops.map(hopJson),
});

function asJson(d: OspfDaemon, dests: readonly Dest[]): Json {
  const table = new Map<string, Json>();
  for (const dest of dests.filter((x) => !isExternal(x))) {
    const { kind, cost, area } = dest.path as Path;
    const transit = kind === "intra" ? { transit: isTransit(dest, dest.path as Path) } : {};
    const body = { ...transit, cost, area: formatIp(area?.id ?? 0), nexthops: waysJson(d, dest) };
    table.set(
      prefixOf(dest),
      kind === "discard" ? { routeType: "D IA" } : { routeType: kind === "inter" ? "N IA" : "N", ...body },
    );
  }
  for (const ways of grouped(uniqueRouters([...borderRouters(d), ...reachableRouters(d)]))) {
    const [r] = ways as readonly [BorderRouter];
    table.set(formatIp(r.id), routerJson(r));
  }
  for (const dest of dests.filter(isExternal)) {
    const { kind, cost, type2Cost, tag } = dest.path as Path;
    const type = kind === "external1" ? { routeType: "N E1", cost } : { routeType: "N E2", cost, type2cost: type2Cost };
    table.set(prefixOf(dest), { ...type, tag, nexthops: waysJson(d, dest) });
  }
  return table;
}
