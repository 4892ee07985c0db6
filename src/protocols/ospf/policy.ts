import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import { Policy, type PolicyChange, type PolicyRules } from "../../frr/policy.ts";
import type { SetRule } from "../../frr/route-map.ts";
import { commonMatches, commonSets } from "../../frr/route-map-rules.ts";
import type { Borders } from "./borders.ts";
import type { ExternalRouteInfo, Externals } from "./externals.ts";
import { LS_INFINITY } from "./lsa-codec.ts";
import type { Area, Ospf, OspfInterface } from "./model.ts";
import type { RedistributeSettings } from "./settings.ts";

/** Lists and route maps of ospfd: what they decide about externals and about summaries (ospfd/ospf_routemap.c, ospfd/ospf_zebra.c). */

export type OspfPolicy = Policy<ExternalRouteInfo>;
export const newPolicy = (): OspfPolicy => new Policy<ExternalRouteInfo>();

const COMMON = {
  prefix: (i: ExternalRouteInfo): Prefix => i.prefix,
  nexthop: (i: ExternalRouteInfo): Ipv4 => i.nexthop,
  blackhole: (i: ExternalRouteInfo): boolean => i.blackhole,
  ifname: (i: ExternalRouteInfo): string => i.ifname,
  tag: (i: ExternalRouteInfo): number => i.tag,
  setTag: (i: ExternalRouteInfo, tag: number): void => {
    i.tag = tag;
  },
};

const SETS: readonly SetRule<ExternalRouteInfo>[] = [
  ...commonSets<ExternalRouteInfo>({
    ...COMMON,
    metric: (i) => i.routeMetric,
    setMetric: (i, metric) => {
      i.metric = Math.min(Math.max(metric, i.metricMin), i.metricMax);
    },
  }),
  {
    name: "min-metric",
    pattern: "(0-4294967295)$value",
    compile: (value) => (i) => {
      i.metricMin = Math.min(Number(value), LS_INFINITY);
      i.metric = Math.max(i.metric, i.metricMin);
    },
  },
  {
    name: "max-metric",
    pattern: "(0-4294967295)$value",
    compile: (value) => (i) => {
      i.metricMax = Math.min(Number(value), LS_INFINITY);
      i.metric = Math.min(i.metric, i.metricMax);
    },
  },
  {
    name: "metric-type",
    pattern: "<type-1|type-2>$value",
    compile: (value) => (i) => {
      i.type = value === "type-1" ? 1 : 2;
    },
  },
];

/** What ospfd's route maps know. */
export const OSPF_RULES: PolicyRules<ExternalRouteInfo> = {
  label: "OSPF",
  matches: commonMatches(COMMON),
  sets: SETS,
};

/** Lets lists and route maps decide, and everything be judged anew when they change. */
export function installJudges(ospf: Ospf, policy: OspfPolicy, externals: Externals, borders: Borders): void {
  externals.judge = (info, words, isDefault) => mayBeTold(ospf, policy, info, words, isDefault);
  externals.permits = (map, info) => policy.routeMaps.apply(map, info) === "permit";
  borders.filters = {
    mayLeave: (area, address, length) =>
      byAccessList(policy, area.settings.exportList, { address, length }) &&
      byPrefixList(policy, area.settings.filterOut, { address, length }),
    mayEnter: (area, address, length) =>
      byAccessList(policy, area.settings.importList, { address, length }) &&
      byPrefixList(policy, area.settings.filterIn, { address, length }),
  };
}

/** `ip ospf neighbor-filter`; a list that is not there lets everybody through. */
export const mayHear = (policy: OspfPolicy, oi: OspfInterface, source: Ipv4): boolean =>
  byPrefixList(policy, oi.settings.neighborFilter, { address: source, length: 32 });

/** Forgets neighbours that are not to be heard (ospfd/ospf_interface.c:ospf_intf_neighbor_filter_apply). */
export function filterNeighbors(ospf: Ospf): void {
  for (const oi of ospf.interfaces)
    for (const n of oi.neighbors.all) if (!ospf.hooks.mayHear(oi, n.address)) ospf.hooks.neighborEvent(n, "KillNbr");
}

/** What a change of policy sets in motion (ospfd/ospf_zebra.c:ospf_filter_update, ospf_prefix_list_update). */
export function policyTouched(ospf: Ospf, change: PolicyChange, externals: Externals, borders: Borders): void {
  const { redistribute, defaultInformation, distribute } = ospf.settings;
  if (change.kind === "prefix-list") filterNeighbors(ospf);
  const maps = [...redistribute.values(), ...(defaultInformation === undefined ? [] : [defaultInformation])];
  if (
    (change.kind === "route-map" && maps.some((r) => r.routeMap === change.name)) ||
    (change.kind === "access-list" && [...distribute.values()].includes(change.name))
  )
    externals.policyChanged();
  if (change.kind !== "route-map" && [...ospf.areas.values()].some((area) => names(area, change))) borders.schedule();
}

const names = ({ settings }: Area, { kind, name }: PolicyChange): boolean =>
  kind === "access-list"
    ? settings.exportList === name || settings.importList === name
    : settings.filterIn === name || settings.filterOut === name;

/** ospfd/ospf_zebra.c:ospf_redistribute_check. */
function mayBeTold(
  ospf: Ospf,
  policy: OspfPolicy,
  info: ExternalRouteInfo,
  words: RedistributeSettings,
  isDefault: boolean,
): boolean {
  if (!isDefault) {
    if (info.kind === "connected" && !foreign(ospf, info)) return false;
    if (!byAccessList(policy, ospf.settings.distribute.get(info.kind), info.prefix)) return false;
  }
  return words.routeMap === undefined || policy.routeMaps.apply(words.routeMap, info) === "permit";
}

/** Networks that OSPF runs on are inside (ospfd/ospf_zebra.c:ospf_distribute_check_connected). */
const foreign = (ospf: Ospf, { prefix }: ExternalRouteInfo): boolean =>
  !ospf.interfaces.some(
    ({ prefix: p }) =>
      p.length === prefix.length && networkOf(p.address, p.length) === networkOf(prefix.address, prefix.length),
  );

/** A list that is not there lets everything through. */
const byAccessList = (policy: OspfPolicy, name: string | undefined, prefix: Prefix): boolean =>
  name === undefined || policy.accessLists.find(name)?.decide(prefix) !== "deny";
const byPrefixList = (policy: OspfPolicy, name: string | undefined, prefix: Prefix): boolean =>
  name === undefined || policy.prefixLists.find(name)?.decide(prefix) !== "deny";
