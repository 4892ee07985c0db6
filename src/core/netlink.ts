import type { Ipv4, Prefix } from "./addr.ts";
import type { OsAddress, OsLink } from "./os.ts";

/** What the kernel tells who watches it, and how routes are asked for: rtnetlink(7) as values. */

/** A route of one of the kernel's tables. */
export interface OsRouteEntry {
  readonly prefix: Prefix;
  /** 254: main. */
  readonly table: number;
  readonly tos: number;
  /** Lower is better among routes of one prefix. */
  readonly metric: number;
  /** Who made it (RTPROT_*): 2 the kernel, 3 `ip route`. */
  readonly protocol: number;
  readonly type: RouteEntryType;
  /** 0 the world, 253 the link, 254 this host. */
  readonly scope: number;
  /** The preferred source; 0: none. */
  readonly source: Ipv4;
  /** Empty for what leads nowhere. */
  readonly nexthops: readonly OsNexthop[];
}
export type RouteEntryType =
  | "unicast"
  | "local"
  | "broadcast"
  | "multicast"
  | "anycast"
  | "blackhole"
  | "unreachable"
  | "prohibit"
  | "throw";

export interface OsNexthop {
  /** 0: on the link itself. */
  readonly gateway: Ipv4;
  /** 0: the kernel is to find it by the gateway. */
  readonly ifindex: number;
  /** 1…256. */
  readonly weight: number;
  readonly onlink: boolean;
  /** MPLS labels that packets get on this way, top first. */
  readonly labels?: readonly number[];
}

/** An MPLS label of the kernel's table, and where packets with it go. */
export interface OsLabelRoute {
  /** 16…1048575, and below `net.mpls.platform_labels`. */
  readonly label: number;
  /** Who made it (RTPROT_*). */
  readonly protocol: number;
  readonly nexthops: readonly OsLabelHop[];
}
export interface OsLabelHop {
  /** What takes its place, top first; empty: it is popped. */
  readonly labels: readonly number[];
  /** 0: the device itself gets the packet, as the loopback does what ends here. */
  readonly gateway: Ipv4;
  /** 0: the kernel is to find it by the gateway. */
  readonly ifindex: number;
}

/** A route to be added. What is left out: table main, no preference, a plain way, the scope that fits. */
export type OsRouteRequest = Pick<OsRouteEntry, "prefix" | "protocol"> & Partial<Omit<OsRouteEntry, "prefix">>;

/** What many routes have in common beside their prefix, as a nexthop object of `ip nexthop` is: made by `Os.route.way`. */
export interface OsRouteWay {
  readonly protocol: number;
}

/** What happened. A route that goes with its device or address is not told of: Linux sends nothing then. */
export type NetlinkMessage =
  | { readonly kind: "link"; readonly op: "new" | "del"; readonly link: OsLink }
  | { readonly kind: "address"; readonly op: "new" | "del"; readonly address: OsAddress }
  | {
      readonly kind: "route";
      readonly op: "new" | "del";
      readonly route: OsRouteEntry;
      readonly replaced?: OsRouteEntry;
    }
  /** Too much happened at once, and some of it was lost (ENOBUFS): look at everything again. */
  | { readonly kind: "overrun" };

export const TABLE_MAIN = 254;
export const RTPROT_KERNEL = 2;
