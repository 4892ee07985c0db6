import { broadcastOf, type Ipv4, LIMITED_BROADCAST, maskOf, networkOf } from "../../core/addr.ts";
import type { Nanos } from "../../core/time.ts";
import type { Fib } from "./fib/fib.ts";
import { LOOPBACK_IFINDEX } from "./fib/host.ts";
import {
  PROTOCOL_KERNEL,
  type RouteSpec,
  type RouteType,
  SCOPE_HOST,
  SCOPE_LINK,
  TABLE_LOCAL,
  TABLE_MAIN,
} from "./fib/route.ts";

/** An IPv4 address of a device (`struct in_ifaddr`). */
export interface Ifaddr {
  readonly ifindex: number;
  /** The host's own address. */
  readonly address: Ipv4;
  /** The other end of a point-to-point link; elsewhere the same as `address`. It tells the subnet. */
  readonly peer: Ipv4;
  readonly length: number;
  /** 0: none was given. The subnet's highest address is a broadcast address nonetheless. */
  readonly broadcast: Ipv4;
  /** Who may see it: 0 everybody, 253 the link, 254 this host. */
  readonly scope: number;
  readonly noPrefixRoute: boolean;
  /** What `ip addr` prints last: the device's name, or `eth0:1`. */
  label: string;
  /** There was another address of its subnet on the device before it. */
  secondary: boolean;
  /** Past its preferred lifetime. */
  deprecated: boolean;
  /** Of the subnet's route. */
  metric: number;
  /** When it goes; `NEVER` for most. */
  validUntil: Nanos;
  preferredUntil: Nanos;
}

/** Whether `ip` lies in the address's subnet (include/linux/inetdevice.h:inet_ifa_match). */
export const covers = (a: Ifaddr, ip: Ipv4): boolean => ((ip ^ a.peer) & maskOf(a.length)) === 0;
/** Whether two addresses have the same subnet. */
export const sameSubnet = (a: Ifaddr, b: Ifaddr): boolean => a.length === b.length && covers(a, b.peer);

/**
 * Adds the routes of an address: itself, its broadcast addresses, its subnet. While the device is down only the first
 * (net/ipv4/fib_frontend.c:fib_add_ifaddr). `all`: the device's addresses.
 */
export function addRoutes(fib: Fib, all: readonly Ifaddr[], a: Ifaddr, up: boolean): void {
  const primary = a.secondary ? primaryOf(all, a) : a;
  if (primary === undefined) return;
  const add = (type: RouteType, dst: Ipv4, length: number, metric = 0): void => {
    fib.addRoute(kernelRoute(type, dst, length, primary, metric), "append");
  };
  add("local", a.address, 32);
  if (!up) return;
  if (a.broadcast !== 0 && a.broadcast !== LIMITED_BROADCAST) add("broadcast", a.broadcast, 32);
  if (a.secondary || !hasSubnet(a)) return;
  const network = networkOf(a.peer, a.length);
  if (!a.noPrefixRoute) add(prefixType(a), network, a.length, a.metric);
  if (a.length < 31) add("broadcast", broadcastOf(network, a.length), 32);
}

/**
 * Takes the routes of an address away that no other address of the device needs (net/ipv4/fib_frontend.c:fib_del_ifaddr).
 * `all`: the device's addresses now. `instead`: the primary address that is being replaced; its subnet counts as gone.
 * `dying`: the device is going, and nobody needs anything.
 */
export function removeRoutes(
  fib: Fib,
  all: readonly Ifaddr[],
  a: Ifaddr,
  instead: Ifaddr | undefined,
  dying: boolean,
): void {
  const primary = a.secondary ? primaryOf(all, a) : a;
  if (primary === undefined) return;
  const remove = (type: RouteType, dst: Ipv4, length: number): void => {
    fib.deleteRoute(kernelRoute(type, dst, length, primary, 0));
  };
  const subnet = !a.secondary && hasSubnet(a);
  const network = networkOf(a.peer, a.length);
  if (subnet && !a.noPrefixRoute) remove(prefixType(a), network, a.length);

  const others = dying ? [] : all.filter((b) => needsRoutesFrom(all, b, a, primary, instead));
  const unneeded = (ip: Ipv4): boolean => !others.some((b) => broadcastsFrom(b).includes(ip));
  if (a.broadcast !== 0 && unneeded(a.broadcast)) remove("broadcast", a.broadcast, 32);
  if (subnet && a.length < 31) {
    const last = broadcastOf(network, a.length);
    if (unneeded(last)) remove("broadcast", last, 32);
    if (unneeded(network)) remove("broadcast", network, 32);
  }
  if (others.some((b) => b.address === a.address)) return;
  remove("local", a.address, 32);
  if (all.includes(a) || fib.addressType(a.address) === "local") return;
  fib.addressRemoved(a.address);
}

/** Changes the metric of an address's subnet route (net/ipv4/fib_frontend.c:fib_modify_prefix_metric). */
export function changeMetric(fib: Fib, a: Ifaddr, up: boolean, metric: number): void {
  if (!up || a.secondary || a.noPrefixRoute || !hasSubnet(a)) return;
  const network = networkOf(a.peer, a.length);
  fib.addRoute(kernelRoute(prefixType(a), network, a.length, a, metric), "append");
  fib.deleteRoute(kernelRoute(prefixType(a), network, a.length, a, a.metric));
}

const prefixType = (a: Ifaddr): RouteType => (a.ifindex === LOOPBACK_IFINDEX ? "local" : "unicast");

/** The first address of a secondary one's subnet (net/ipv4/devinet.c:inet_ifa_byprefix). */
const primaryOf = (all: readonly Ifaddr[], a: Ifaddr): Ifaddr | undefined => all.find((b) => sameSubnet(b, a));

/** Neither 0.0.0.0/x nor a single address. */
const hasSubnet = (a: Ifaddr): boolean => networkOf(a.peer, a.length) !== 0 && (a.length < 32 || a.peer !== a.address);

/** Whether another address `b` has routes with the preferred source that `a`'s have. */
function needsRoutesFrom(
  all: readonly Ifaddr[],
  b: Ifaddr,
  a: Ifaddr,
  primary: Ifaddr,
  instead: Ifaddr | undefined,
): boolean {
  if (b === a || (instead !== undefined && sameSubnet(b, instead))) return false;
  const its = b.secondary ? (sameSubnet(b, primary) ? primary : primaryOf(all, b)) : b;
  return its?.address === primary.address;
}

function broadcastsFrom(a: Ifaddr): Ipv4[] {
  const network = networkOf(a.peer, a.length);
  if (a.secondary || a.length >= 31 || network === 0) return [a.broadcast];
  return [a.broadcast, network, broadcastOf(network, a.length)];
}

/** net/ipv4/fib_frontend.c:fib_magic. */
const kernelRoute = (type: RouteType, dst: Ipv4, length: number, primary: Ifaddr, metric: number): RouteSpec => ({
  dst,
  length,
  type,
  metric,
  table: type === "unicast" ? TABLE_MAIN : TABLE_LOCAL,
  scope: type === "local" ? SCOPE_HOST : SCOPE_LINK,
  protocol: PROTOCOL_KERNEL,
  prefsrc: primary.address,
  ifindex: primary.ifindex,
});
