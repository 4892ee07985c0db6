import {
  type NetlinkMessage,
  type OsNexthop,
  type OsRouteEntry,
  RTPROT_KERNEL,
  TABLE_MAIN,
} from "../../core/netlink.ts";
import type { Os } from "../../core/os.ts";
import type { RouteKind, ZebraNexthop } from "../zapi.ts";
import type { Interfaces } from "./interfaces.ts";
import { IMPLICIT_NULL } from "./lsps.ts";
import type { KernelImage, Nexthop, RibNode, RouteEntry, RouteFacts } from "./rib.ts";

/** The metric of all routes that zebra puts into the kernel (zebra/rt_netlink.h:NL_DEFAULT_ROUTE_METRIC). */
const METRIC = 20;
/** Ways of one route, at most (configure --enable-multipath=256). */
const MULTIPATH_MAX = 256;
const RTPROT_REDIRECT = 1;
const RTPROT_ZEBRA = 11;
const NO_LABELS: readonly number[] = [];
/** zebra/rt_netlink.h: who made a route, by its kind. */
const PROTOCOLS: ReadonlyMap<RouteKind, number> = new Map([
  ["static", 196],
  ["ospf", 188],
  ["bgp", 186],
]);
/** Who makes routes as daemons like this one do (zebra/rt_netlink.c:is_selfroute): zebra, and FRR's protocols by their numbers there. */
export const OWN: ReadonlySet<number> = new Set([
  RTPROT_ZEBRA,
  ...PROTOCOLS.values(),
  ...[187, 189, 190, 191, 192, 193, 194, 195, 197, 198],
]);

/** Makes the kernel's route for a prefix what the selected route says, if zebra is to make it. Returns whether the kernel has it then. */
export function syncKernel(os: Os, node: RibNode, interfaces: Interfaces): boolean {
  const best = node.selected;
  const { prefix, table } = node;
  const known = node.inKernel;
  if (best === undefined || best.system) {
    if (known !== undefined) os.route.del({ prefix, table, metric: METRIC, protocol: known.way.protocol });
    node.inKernel = undefined;
    return false;
  }
  const image = best.resolution.image(best, table, (e, to) => imageOf(os, e, to, interfaces));
  if (known !== undefined && (known === image || (known.key === image.key && known.kind === image.kind))) return true;
  const set = os.route.put(prefix, image.way);
  if (set.ok) node.inKernel = image;
  return set.ok;
}

function imageOf(os: Os, e: RouteEntry, table: number, interfaces: Interfaces): KernelImage {
  const { kind, source } = e;
  const ways = e.ways().slice(0, MULTIPATH_MAX);
  const nowhere = ways[0]?.blackhole;
  const way = os.route.way({
    table,
    metric: METRIC,
    protocol: PROTOCOLS.get(kind) ?? RTPROT_ZEBRA,
    scope: 0,
    source,
    ...(nowhere === undefined
      ? { nexthops: ways.map((w) => osHop(w, interfaces)) }
      : { type: nowhere === "reject" ? "unreachable" : "blackhole" }),
  });
  return { key: wayKey(ways, source), kind, table, source, way };
}

const wayKey = (ways: readonly Nexthop[], source: number): string =>
  `${source};${ways.map((w) => `${w.gateway} ${w.ifname} ${w.weight} ${w.onlink ?? false} ${w.blackhole ?? ""} ${labelsOf(w).join("/")}`).join(",")}`;
/** What is pushed: implicit null is not. */
const labelsOf = (way: Nexthop): readonly number[] => way.labels?.filter((l) => l !== IMPLICIT_NULL) ?? NO_LABELS;

const osHop = (way: Nexthop, interfaces: Interfaces): OsNexthop => ({
  gateway: way.gateway,
  ifindex: interfaces.find(way.ifname)?.link?.ifindex ?? 0,
  weight: way.weight,
  onlink: way.onlink ?? false,
  ...(way.labels === undefined ? {} : { labels: labelsOf(way) }),
});

/** Whether a route of the kernel is one that zebra learns: not its own, nor one that follows from an address. */
const isForeign = (r: OsRouteEntry): boolean =>
  !OWN.has(r.protocol) &&
  r.protocol !== RTPROT_KERNEL &&
  r.protocol !== RTPROT_REDIRECT &&
  (r.type === "unicast" || r.type === "blackhole" || r.type === "unreachable" || r.type === "prohibit");

/** Whether a route was put into the kernel by a daemon like this one. */
const isOwn = (r: OsRouteEntry): boolean => OWN.has(r.protocol);

/** A route of the kernel as zebra keeps it: the highest octet of the metric is its distance (zebra/rt_netlink.c:netlink_route_change_read_unicast). */
function kernelFacts(r: OsRouteEntry, interfaces: Interfaces): RouteFacts {
  const nowhere = r.type === "unicast" ? undefined : r.type === "blackhole" ? "blackhole" : "reject";
  return {
    kind: "kernel",
    session: 0,
    distance: Math.floor(r.metric / 0x100_0000),
    metric: r.metric % 0x100_0000,
    tag: 0,
    nexthops:
      nowhere === undefined ? r.nexthops.map((h) => learntHop(h, interfaces)) : [{ gateway: 0, blackhole: nowhere }],
    recursive: false,
    internal: false,
    byDistance: false,
  };
}

const learntHop = (h: OsNexthop, interfaces: Interfaces): ZebraNexthop => ({
  gateway: h.gateway,
  ifname: interfaces.byIndex(h.ifindex)?.ifname ?? "",
  weight: h.weight,
  ...(h.onlink ? { onlink: true } : {}),
});

/** What was learnt of the kernel's routes: told as it happens, or found by looking from time to time. */
export interface LearntRoutes {
  /** Takes in a message of the kernel. */
  heard(m: Extract<NetlinkMessage, { kind: "route" }>): void;
  /** Looks at all routes anew. */
  scan(): void;
}

/** Learns the kernel's routes of table main. `add`, `remove`: what becomes of them. */
export function learnRoutes(
  os: Os,
  interfaces: Interfaces,
  add: (r: OsRouteEntry, facts: RouteFacts) => void,
  remove: (r: OsRouteEntry, facts: RouteFacts) => void,
): LearntRoutes {
  let known = new Map<string, OsRouteEntry>();
  const keyOf = (r: OsRouteEntry): string => `${r.prefix.address}/${r.prefix.length} ${r.metric} ${r.tos}`;
  const take = (r: OsRouteEntry): void => {
    if (r.table !== TABLE_MAIN || !isForeign(r)) return;
    known.set(keyOf(r), r);
    add(r, kernelFacts(r, interfaces));
  };
  const drop = (r: OsRouteEntry): void => {
    if (known.delete(keyOf(r))) remove(r, kernelFacts(r, interfaces));
  };
  return {
    heard: (m) => {
      if (m.replaced !== undefined) drop(m.replaced);
      if (m.op === "del") drop(m.route);
      else take(m.route);
    },
    scan: () => {
      const found = new Map(os.route.list(TABLE_MAIN).flatMap((r) => (isForeign(r) ? [[keyOf(r), r]] : [])));
      for (const [key, r] of known) if (!found.has(key)) remove(r, kernelFacts(r, interfaces));
      for (const [key, r] of found) if (!sameRoute(known.get(key), r)) add(r, kernelFacts(r, interfaces));
      known = found;
    },
  };
}

const sameRoute = (a: OsRouteEntry | undefined, b: OsRouteEntry): boolean =>
  a !== undefined &&
  JSON.stringify([a.type, a.nexthops, a.protocol]) === JSON.stringify([b.type, b.nexthops, b.protocol]);

/** Takes away what an earlier zebra left in the kernel (zebra/zebra_rib.c:rib_sweep_route). */
export function sweepKernel(os: Os): void {
  for (const r of os.route.list()) if (isOwn(r)) os.route.del(r);
}

/** The state of an entry after the kernel was asked. */
export function marked(entry: RouteEntry, installed: boolean): void {
  entry.installed = installed;
  entry.failed = !installed;
  entry.queued = false;
}
