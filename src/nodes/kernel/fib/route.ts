import type { Ipv4 } from "../../../core/addr.ts";
import type { Errno } from "../../../core/errno.ts";
import type { Encap } from "./encap.ts";

/** What a route does with the packets that it covers, under iproute2's names. */
export type RouteType =
  | "unicast"
  | "local"
  | "broadcast"
  | "multicast"
  | "anycast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw";

export const SCOPE_GLOBAL = 0;
export const SCOPE_SITE = 200;
export const SCOPE_LINK = 253;
export const SCOPE_HOST = 254;
export const SCOPE_NOWHERE = 255;

/** Who made a route: `RTPROT_KERNEL`, and `RTPROT_BOOT` for what `ip route` adds. */
export const PROTOCOL_KERNEL = 2;
export const PROTOCOL_BOOT = 3;

/** One way out of a route. */
export interface NextHop {
  readonly ifindex: number;
  /** 0: the destination itself is on the link. */
  readonly gateway: Ipv4;
  /** 1…256. */
  readonly weight: number;
  /** Believed to be on the link although no route says so. */
  readonly onlink: boolean;
  /** What the way leads to: 253 a gateway on the link, 254 the destination on the link, 255 this host itself (`nh_scope`). */
  readonly scope: number;
  /** What it puts on the packets; null: nothing. */
  readonly encap: Encap | null;
  /** The device went down, or lost its last address. */
  dead: boolean;
  /** The device has no carrier. */
  linkdown: boolean;
}

/** What `ip route` can set beside the way (RTAX_*). 0 stands for "not set". */
export interface RouteMetrics {
  readonly mtu: number;
  readonly advmss: number;
  readonly window: number;
  readonly rttMs: number;
  readonly rttvarMs: number;
  readonly rtoMinMs: number;
  readonly ssthresh: number;
  readonly cwnd: number;
  readonly initcwnd: number;
  readonly initrwnd: number;
  readonly hoplimit: number;
  readonly reordering: number;
  readonly quickack: number;
  /** 1: `features ecn`. */
  readonly ecn: number;
  /** 1: `mtu lock`, the path's MTU is not learnt below it. */
  readonly mtuLocked: number;
}
export type MetricName = keyof RouteMetrics;

export const NO_METRICS: RouteMetrics = {
  mtu: 0,
  advmss: 0,
  window: 0,
  rttMs: 0,
  rttvarMs: 0,
  rtoMinMs: 0,
  ssthresh: 0,
  cwnd: 0,
  initcwnd: 0,
  initrwnd: 0,
  hoplimit: 0,
  reordering: 0,
  quickack: 0,
  ecn: 0,
  mtuLocked: 0,
};
export const METRIC_NAMES = Object.keys(NO_METRICS) as readonly MetricName[];

export interface NextHopSpec {
  readonly gateway?: Ipv4;
  readonly ifindex?: number;
  readonly weight?: number;
  readonly onlink?: boolean;
  readonly encap?: Encap;
}

/** A request about a route, as `ip route` would put it. What is left out gets iproute2's default, or on deletion matches anything. */
export interface RouteSpec {
  readonly dst: Ipv4;
  readonly length: number;
  readonly tos?: number;
  /** 0 is main, as left out; local, broadcast and anycast routes go to table local when left out. */
  readonly table?: number;
  readonly type?: RouteType;
  readonly scope?: number;
  readonly protocol?: number;
  readonly metric?: number;
  readonly prefsrc?: Ipv4;
  readonly gateway?: Ipv4;
  readonly ifindex?: number;
  readonly onlink?: boolean;
  readonly encap?: Encap;
  readonly nexthops?: readonly NextHopSpec[];
  readonly metrics?: Partial<RouteMetrics>;
}

/** What routes with the same way out share (`struct fib_info`): kept once per table, type, scope, protocol, metric and next hops. */
export class RouteInfo {
  readonly table: number;
  readonly type: RouteType;
  readonly scope: number;
  readonly protocol: number;
  readonly metric: number;
  readonly prefsrc: Ipv4;
  readonly metrics: RouteMetrics;
  readonly nexthops: readonly NextHop[];
  /** What a look-up that ends here is told; EAGAIN: go on with the next rule; empty: it is a way. */
  readonly error: Errno | "";
  /** All ways are dead, or the preferred source is gone: the next flush takes the routes. */
  dead = false;
  linkdown = false;
  /** Routes that share this. */
  users = 0;
  /** With several next hops: the largest 31-bit hash that each one takes, −1 for none (`fib_nh_upper_bound`). */
  readonly bounds: number[] | null;
  /** The next one in the same hash bucket. */
  chain: RouteInfo | null = null;

  constructor(table: number, want: RouteRequest, nexthops: readonly NextHop[], metrics: RouteMetrics) {
    this.table = table;
    this.type = want.type;
    this.scope = want.scope;
    this.protocol = want.protocol;
    this.metric = want.metric;
    this.prefsrc = want.prefsrc;
    this.metrics = metrics;
    this.nexthops = nexthops;
    this.error = ROUTE_ERRORS[want.type];
    this.bounds = nexthops.length > 1 ? nexthops.map(() => -1) : null;
  }
}

/** A route in a table. */
export class Route {
  /** 0: whatever the packet's type of service. */
  readonly tos: number;
  /** What it shares with its like. */
  readonly info: RouteInfo;
  readonly dst: Ipv4;
  readonly length: number;
  /** The next route of the same prefix, in Linux's order. The table sets it. */
  next: Route | null = null;

  constructor(dst: Ipv4, length: number, tos: number, info: RouteInfo) {
    this.tos = tos;
    this.info = info;
    this.dst = dst;
    this.length = length;
  }

  get table(): number {
    return this.info.table;
  }
  get type(): RouteType {
    return this.info.type;
  }
  get scope(): number {
    return this.info.scope;
  }
  get protocol(): number {
    return this.info.protocol;
  }
  get metric(): number {
    return this.info.metric;
  }
  /** The source that packets without one get; 0: the device's own. */
  get prefsrc(): Ipv4 {
    return this.info.prefsrc;
  }
  /** Empty for blackhole, unreachable, prohibit and throw. */
  get nexthops(): readonly NextHop[] {
    return this.info.nexthops;
  }
  get metrics(): RouteMetrics {
    return this.info.metrics;
  }
  get mtu(): number {
    return this.info.metrics.mtu;
  }
  get mtuLocked(): boolean {
    return this.info.metrics.mtuLocked !== 0;
  }
  get advmss(): number {
    return this.info.metrics.advmss;
  }
}

/** A request whose defaults are filled in. */
export interface RouteRequest {
  readonly table: number;
  readonly type: RouteType;
  readonly scope: number;
  readonly protocol: number;
  readonly metric: number;
  readonly prefsrc: Ipv4;
}

/** net/ipv4/fib_semantics.c:fib_props: what a look-up is told, and the narrowest scope that the type may have. */
export const ROUTE_ERRORS: Readonly<Record<RouteType, Errno | "">> = {
  unicast: "",
  local: "",
  broadcast: "",
  multicast: "",
  anycast: "",
  blackhole: "EINVAL",
  unreachable: "EHOSTUNREACH",
  prohibit: "EACCES",
  throw: "EAGAIN",
};
export const SCOPE_OF_TYPE: Readonly<Record<RouteType, number>> = {
  unicast: SCOPE_GLOBAL,
  local: SCOPE_HOST,
  broadcast: SCOPE_LINK,
  multicast: SCOPE_GLOBAL,
  anycast: SCOPE_LINK,
  blackhole: SCOPE_GLOBAL,
  unreachable: SCOPE_GLOBAL,
  prohibit: SCOPE_GLOBAL,
  throw: SCOPE_GLOBAL,
};

/** Fills in what iproute2 would (ip/iproute.c:iproute_modify) for a route to be added. */
export function routeRequest(spec: RouteSpec): RouteRequest {
  const type = spec.type ?? "unicast";
  const hasWay = (spec.gateway ?? 0) !== 0 || spec.nexthops !== undefined;
  return {
    table: tableOf(spec),
    type,
    scope: spec.scope ?? defaultScope(type, hasWay),
    protocol: spec.protocol ?? PROTOCOL_BOOT,
    metric: spec.metric ?? 0,
    prefsrc: spec.prefsrc ?? 0,
  };
}

/** The table that a request means. */
export function tableOf(spec: RouteSpec): number {
  if (spec.table !== undefined) return spec.table === 0 ? TABLE_MAIN : spec.table;
  return spec.type === "local" || spec.type === "broadcast" || spec.type === "anycast" ? TABLE_LOCAL : TABLE_MAIN;
}

/** iproute2's default: hosts for local routes, the link for what needs no gateway, everywhere else. */
export function defaultScope(type: RouteType, hasWay: boolean): number {
  if (type === "local") return SCOPE_HOST;
  if (type === "broadcast" || type === "multicast" || type === "anycast") return SCOPE_LINK;
  return type === "unicast" && !hasWay ? SCOPE_LINK : SCOPE_GLOBAL;
}

export const TABLE_DEFAULT = 253;
export const TABLE_MAIN = 254;
export const TABLE_LOCAL = 255;
