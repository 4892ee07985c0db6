import type { Ipv4, Prefix } from "../core/addr.ts";
import type { ActiveLinkParams } from "./link-params.ts";

/** What zebra and the daemons say to each other (lib/zclient.h). zebra is found as local service `zserv`; it may not run yet. */
export interface Zserv {
  /** Begins a session. Interfaces, addresses and the router id are told at once, then as they change. */
  connect(client: ZebraClient): ZebraSession;
}

/** Where routes come from, in FRR's words. */
export type RouteKind = "kernel" | "connected" | "local" | "static" | "ospf" | "bgp";

/** Whose routes are asked for: a kind, or one instance of a daemon of which there are several. */
export type RouteSource = RouteKind | `ospf ${number}`;
/** `instance`: 0 for a daemon of which there is one. */
export const sourceOf = (kind: RouteKind, instance = 0): RouteSource =>
  kind === "ospf" && instance !== 0 ? `ospf ${instance}` : kind;

/** A daemon as zebra sees it. zebra calls none of these from inside a call of its session. */
export interface ZebraClient {
  /** Whose routes these are. */
  readonly kind: RouteKind;
  /** Number of the daemon where there are several of its kind. */
  readonly instance?: number;
  /** An interface is there, or has changed: state, MTU, bandwidth, addresses. */
  interfaceChanged(i: ZebraInterface): void;
  interfaceRemoved(ifname: string): void;
  routerId(id: Ipv4): void;
  /** A route of a kind that was asked for (`redistribute`) is there, or has changed; or is gone. */
  redistributed(route: ZebraRouteTold): void;
  unredistributed(route: ZebraRouteTold): void;
  /** How `address` is reached now: told after `watchNexthop`, and whenever it changes. */
  nexthopChanged(n: NexthopState): void;
  /** A route of this daemon was put into the kernel, or could not be, or was taken out. */
  routeNotify?(prefix: Prefix, installed: boolean): void;
}

export interface ZebraSession {
  /** Adds a route of this daemon, or replaces the one it had for the prefix (ZEBRA_ROUTE_ADD). Ways that are one object are compared by that. */
  add(prefix: Prefix, way: ZebraWay): void;
  /** Takes the route back. `of`: which one, where the daemon has several for the prefix: in another table, or with another distance. */
  remove(prefix: Prefix, of?: { readonly table?: number | undefined; readonly distance?: number | undefined }): void;
  /** Asks for the selected routes of a kind, or no longer. `default`: only 0.0.0.0/0 of whatever kind (ZEBRA_REDISTRIBUTE_DEFAULT_ADD). */
  redistribute(source: RouteSource | "default", on: boolean): void;
  /** Follows how an address is reached (nexthop tracking). `connected`: only over a connected route; `allowDefault`: by the default route as well. */
  watchNexthop(
    address: Ipv4,
    on: boolean,
    options?: { readonly connected?: boolean; readonly allowDefault?: boolean },
  ): void;
  /** What becomes of packets with a label (ZEBRA_MPLS_LABELS_REPLACE); no ways: nothing any more. They go when the session ends. */
  label(label: number, ways: readonly ZebraLabelWay[]): void;
  /** All routes that the daemon had before it restarted are there again: zebra drops what was not added anew (ZEBRA_CLIENT_ROUTE_UPDATE_COMPLETE). */
  updated(): void;
  /** Ends the session: zebra drops the daemon's routes, or keeps them so many seconds for its next session (zebra/zebra_gr.c). */
  close(keepS?: number): void;
}

/** What a daemon says of a route beside its prefix. Nobody changes it: routes may share it. */
export interface ZebraWay {
  readonly nexthops: readonly ZebraNexthop[];
  /** Undefined: the default of the kind (OSPF 110, eBGP 20, iBGP 200, static 1). */
  readonly distance?: number;
  readonly metric: number;
  readonly tag?: number;
  /** Gateways need not be on a connected network: zebra resolves them (ZEBRA_FLAG_ALLOW_RECURSION). */
  readonly recursive?: boolean;
  /** Learnt inside the AS (ZEBRA_FLAG_IBGP): for `show` only. */
  readonly internal?: boolean;
  /** Table of the kernel; undefined: main. */
  readonly table?: number;
}

export interface ZebraNexthop {
  /** 0: directly over `ifname`. */
  readonly gateway: Ipv4;
  readonly ifname?: string;
  readonly onlink?: boolean;
  readonly blackhole?: "blackhole" | "reject" | "null0";
  readonly weight?: number;
  /** MPLS labels to push, outermost first. */
  readonly labels?: readonly number[];
  readonly source?: Ipv4;
}

/** A way out of a label (NHLFE). */
export interface ZebraLabelWay {
  /** On a connected network; 0: the packet stays on this router, over the loopback. */
  readonly gateway: Ipv4;
  /** What takes the label's place; 3: nothing (implicit null). */
  readonly label: number;
}

export interface ZebraInterface {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtuBytes: number;
  /** Speed in Mbit/s as the device reports it, or as `bandwidth` says; 0: unknown. */
  readonly bandwidthMbps: number;
  /** Administratively up, and running (carrier). Both: operative. */
  readonly up: boolean;
  readonly running: boolean;
  readonly loopback: boolean;
  readonly broadcast: boolean;
  readonly pointToPoint: boolean;
  readonly multicast: boolean;
  readonly addresses: readonly ZebraAddress[];
  /** What traffic engineering knows of it, where it is to know something. */
  readonly linkParams?: ActiveLinkParams;
}
export interface ZebraAddress {
  readonly prefix: Prefix;
  readonly secondary: boolean;
  /** The other end of a point-to-point link. */
  readonly peer?: Ipv4;
}

export interface ZebraRouteTold {
  readonly kind: RouteKind;
  readonly instance?: number;
  readonly prefix: Prefix;
  readonly distance: number;
  readonly metric: number;
  readonly tag: number;
  readonly nexthops: readonly ZebraNexthop[];
}

export interface NexthopState {
  readonly address: Ipv4;
  /** Empty: unreachable. */
  readonly nexthops: readonly ZebraNexthop[];
  readonly metric: number;
  readonly distance: number;
  /** The kind and prefix of the route that resolves it. */
  readonly kind: RouteKind | undefined;
  readonly prefix: Prefix | undefined;
}
