import type { Ipv4 } from "../../../core/addr.ts";
import { done, granted, type Outcome, type Refused, refused } from "../../../core/errno.ts";
import { checkLabels, sameEncap } from "./encap.ts";
import type { FibDevice } from "./host.ts";
import {
  METRIC_NAMES,
  type NextHop,
  type NextHopSpec,
  NO_METRICS,
  ROUTE_ERRORS,
  RouteInfo,
  type RouteMetrics,
  type RouteRequest,
  type RouteSpec,
  type RouteType,
  SCOPE_HOST,
  SCOPE_LINK,
  SCOPE_NOWHERE,
  SCOPE_OF_TYPE,
  TABLE_LOCAL,
  TABLE_MAIN,
} from "./route.ts";
import type { FibResult } from "./search.ts";

/** What checking a request needs of its host. */
export interface Surroundings {
  device(ifindex: number): FibDevice | undefined;
  /** How to reach a gateway: by `table`, if it is no standard one, and else by the rules; only by routes of at least that scope. */
  reach(table: number, gateway: Ipv4, scope: number, oif: number): FibResult;
  /** `inet_addr_type`. */
  addressType(address: Ipv4, table: number): RouteType;
}

/** Next hops one route may have. */
const NEXTHOPS_MAX = 256;

/** Checks a request and works out what the route would share with others (net/ipv4/fib_semantics.c:fib_create_info). */
export function createInfo(spec: RouteSpec, want: RouteRequest, around: Surroundings): Outcome<RouteInfo> {
  if (SCOPE_OF_TYPE[want.type] > want.scope) return refused("EINVAL", "Invalid scope");
  const metrics = convertMetrics(spec.metrics);
  const legs: readonly NextHopSpec[] = spec.nexthops ?? [spec];
  if (legs.length === 0) return refused("EINVAL");
  if (legs.length > NEXTHOPS_MAX) return refused("EMSGSIZE");
  const mismatch = checkFirstLeg(spec, legs[0] as NextHopSpec);
  if (mismatch !== undefined) return mismatch;
  if (ROUTE_ERRORS[want.type] !== "") {
    if ((spec.gateway ?? 0) !== 0 || (spec.ifindex ?? 0) !== 0 || spec.nexthops !== undefined) {
      return refused("EINVAL", "Gateway, device and multipath can not be specified for this route type");
    }
    return granted(new RouteInfo(want.table, want, [], metrics));
  }
  if (want.scope > SCOPE_HOST) return refused("EINVAL", "Invalid scope");
  const hops: NextHop[] = [];
  for (const leg of legs) {
    if (leg.weight !== undefined && !(leg.weight >= 1 && leg.weight <= 256)) return refused("EINVAL");
    const labels = leg.encap === undefined ? done : checkLabels(leg.encap.labels);
    if (!labels.ok) return labels;
    const hop = want.scope === SCOPE_HOST ? hostHop(leg, legs.length, around) : checkHop(leg, want, around);
    if (!hop.ok) return hop;
    hops.push(hop.value);
  }
  if (want.prefsrc !== 0 && !validPrefsrc(spec.dst, want, around)) return refused("EINVAL", "Invalid prefsrc address");
  const info = new RouteInfo(want.table, want, hops.slice(), metrics); // a copy has no room to spare
  info.linkdown = hops.every((hop) => hop.linkdown);
  return granted(info);
}

/** Whether the delete request `spec` means this info's way out (`fib_nh_match`, `fib_metrics_match`). */
export function matchesWay(spec: RouteSpec, info: RouteInfo): boolean {
  if (spec.metric && spec.metric !== info.metric) return false;
  if (!sameMetrics(spec.metrics, info.metrics)) return false;
  const hops = info.nexthops.length === 0 ? [NO_WAY] : info.nexthops;
  if (spec.ifindex || spec.gateway) {
    const first = hops[0] as Pick<NextHop, "ifindex" | "gateway" | "encap">;
    if (spec.encap !== undefined && !sameEncap(spec.encap, first.encap)) return false;
    if (spec.ifindex && spec.ifindex !== first.ifindex) return false;
    return !spec.gateway || spec.gateway === first.gateway;
  }
  if (spec.nexthops === undefined) return true;
  // As many as the route has are compared; the request may name more, not fewer.
  if (spec.nexthops.length < hops.length) return false;
  return hops.every((hop, i) => {
    const leg = spec.nexthops?.[i] as NextHopSpec;
    if (leg.encap !== undefined && !sameEncap(leg.encap, hop.encap)) return false;
    return (!leg.ifindex || leg.ifindex === hop.ifindex) && (leg.gateway === undefined || leg.gateway === hop.gateway);
  });
}

/** What a route that only refuses has in place of a next hop. */
const NO_WAY = { ifindex: 0, gateway: 0, encap: null };

/** A device or gateway given beside the next hops must be the first one's (`fib_get_nhs`). */
function checkFirstLeg(spec: RouteSpec, first: NextHopSpec): Refused | undefined {
  if (spec.ifindex && first.ifindex !== spec.ifindex)
    return refused("EINVAL", "Nexthop device index does not match RTA_OIF");
  if (spec.gateway && first.gateway !== spec.gateway) {
    return refused("EINVAL", "Nexthop gateway does not match RTA_GATEWAY or RTA_VIA");
  }
  return undefined;
}

function hostHop(leg: NextHopSpec, count: number, around: Surroundings): Outcome<NextHop> {
  if (count !== 1) return refused("EINVAL", "Route with host scope can not have multiple nexthops");
  if (leg.gateway) return refused("EINVAL", "Route with host scope can not have a gateway");
  const ifindex = leg.ifindex ?? 0;
  if (around.device(ifindex) === undefined) return refused("ENODEV");
  return granted(makeHop(leg, ifindex, SCOPE_NOWHERE, false));
}

/** net/ipv4/fib_semantics.c:fib_check_nh. */
function checkHop(leg: NextHopSpec, want: RouteRequest, around: Surroundings): Outcome<NextHop> {
  if (!leg.gateway) return checkLinkHop(leg, around);
  return leg.onlink ? checkOnlinkHop(leg, want, around) : checkGatewayHop(leg, want, around);
}

function checkLinkHop(leg: NextHopSpec, around: Surroundings): Outcome<NextHop> {
  if (leg.onlink) return refused("EINVAL", "Invalid flags for nexthop - PERVASIVE and ONLINK can not be set");
  const ifindex = leg.ifindex ?? 0;
  const device = around.device(ifindex);
  if (device === undefined) return refused("ENODEV");
  if (!device.up) return refused("ENETDOWN", "Device for nexthop is not up");
  return granted(makeHop(leg, ifindex, SCOPE_HOST, !device.carrier));
}

function checkOnlinkHop(leg: NextHopSpec, want: RouteRequest, around: Surroundings): Outcome<NextHop> {
  if (want.scope >= SCOPE_LINK) return refused("EINVAL", "Nexthop has invalid scope");
  const ifindex = leg.ifindex ?? 0;
  const device = around.device(ifindex);
  if (device === undefined) return refused("ENODEV", "Nexthop device required for onlink");
  if (!device.up) return refused("ENETDOWN", "Nexthop device is not up");
  if (around.addressType(leg.gateway as Ipv4, TABLE_LOCAL) !== "unicast") {
    return refused("EINVAL", "Nexthop has invalid gateway");
  }
  return granted(makeHop(leg, ifindex, SCOPE_LINK, !device.carrier));
}

/** The gateway must be reachable by a route of narrower scope, which also tells the device. */
function checkGatewayHop(leg: NextHopSpec, want: RouteRequest, around: Surroundings): Outcome<NextHop> {
  const scope = Math.max(want.scope + 1, SCOPE_LINK);
  const { errno, route, firstHop: way } = around.reach(want.table, leg.gateway as Ipv4, scope, leg.ifindex ?? 0);
  if (errno !== "") return refused(errno, "Nexthop has invalid gateway");
  if (route === null || way === null || (route.type !== "unicast" && route.type !== "local")) {
    return refused("EINVAL", "Nexthop has invalid gateway");
  }
  const device = around.device(way.ifindex);
  if (device === undefined) return refused("EINVAL", "No egress device for nexthop gateway");
  if (!device.up) return refused("ENETDOWN");
  return granted(makeHop(leg, way.ifindex, route.scope, !device.carrier));
}

const makeHop = (leg: NextHopSpec, ifindex: number, scope: number, linkdown: boolean): NextHop => ({
  ifindex,
  gateway: leg.gateway ?? 0,
  weight: leg.weight ?? 1,
  onlink: leg.onlink ?? false,
  scope,
  encap: leg.encap ?? null,
  dead: false,
  linkdown,
});

/** The preferred source must be an address of this host (`fib_valid_prefsrc`). */
function validPrefsrc(dst: Ipv4, want: RouteRequest, around: Surroundings): boolean {
  if (want.type === "local" && dst !== 0 && want.prefsrc === dst) return true;
  const table = want.table === TABLE_MAIN ? TABLE_LOCAL : want.table;
  return (
    around.addressType(want.prefsrc, table) === "local" ||
    (table !== TABLE_LOCAL && around.addressType(want.prefsrc, TABLE_LOCAL) === "local")
  );
}

/** Keeps values within what packets can say (net/ipv4/metrics.c:ip_metrics_convert). */
function convertMetrics(given: Partial<RouteMetrics> | undefined): RouteMetrics {
  if (given === undefined) return NO_METRICS;
  const metrics: RouteMetrics = { ...NO_METRICS, ...given };
  if (METRIC_NAMES.every((name) => metrics[name] === 0)) return NO_METRICS;
  return {
    ...metrics,
    mtu: Math.min(metrics.mtu, 65_535 - 15),
    advmss: Math.min(metrics.advmss, 65_535 - 40),
    hoplimit: Math.min(metrics.hoplimit, 255),
  };
}

const sameMetrics = (given: Partial<RouteMetrics> | undefined, have: RouteMetrics): boolean =>
  given === undefined || METRIC_NAMES.every((name) => given[name] === undefined || given[name] === have[name]);
