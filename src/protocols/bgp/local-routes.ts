import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { RouteKind, ZebraRouteTold } from "../../frr/zapi.ts";
import { type Attributes, makeAttributes, ORIGIN_IGP, ORIGIN_INCOMPLETE, PLAIN, sameAttributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { prefixKey } from "./inbound.ts";
import { SELF } from "./nexthops.ts";
import { FROM_NETWORK, FROM_REDISTRIBUTE, findPath, type NextHop, Path } from "./rib.ts";
import { Route } from "./route.ts";

/** `network A.B.C.D/M`. */
export interface Network extends Prefix {
  readonly routeMap: string | undefined;
  /** Announced though an aggregate covers it: no. */
  readonly backdoor: boolean;
}
/** `redistribute KIND`. */
export interface Redistribution {
  readonly kind: RedistributedKind;
  readonly metric: number | undefined;
  readonly routeMap: string | undefined;
}
export type RedistributedKind = "kernel" | "connected" | "static" | "ospf";

const KINDS: readonly RedistributedKind[] = ["kernel", "connected", "static", "ospf"];
/** BGP_ATTR_DEFAULT_WEIGHT of what this router announces itself. */
const LOCAL_WEIGHT = 32_768;

/** Routes that this router brings in itself: `network` and `redistribute`. */
export class LocalRoutes {
  readonly #bgp: Bgp;
  readonly networks = new Map<number, Network>();
  readonly redistributions = new Map<RedistributedKind, Redistribution>();
  /** Routes of other kinds that zebra has told of: for `redistribute`, and for the import check of `network`. */
  readonly #told = new Map<RouteKind, Map<number, ZebraRouteTold>>();
  readonly #asked = new Set<RedistributedKind>();

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
  }

  /** Whether `network` wants the route to be there (bgpd/bgp_route.c:bgp_static_update: not in views). */
  get #checks(): boolean {
    return this.#bgp.globals.importCheck && !this.#bgp.isView;
  }

  addNetwork(n: Network): void {
    this.networks.set(prefixKey(n.address, n.length), n);
    this.ask();
    this.#network(n);
  }
  removeNetwork(p: Prefix): boolean {
    const had = this.networks.delete(prefixKey(p.address, p.length));
    this.#remove(p, FROM_NETWORK);
    this.ask();
    return had;
  }
  addRedistribution(r: Redistribution): void {
    this.redistributions.set(r.kind, r);
    this.ask();
    for (const told of this.#told.get(r.kind)?.values() ?? []) this.#redistribute(told);
  }
  removeRedistribution(kind: RedistributedKind): void {
    if (!this.redistributions.delete(kind)) return;
    for (const told of this.#told.get(kind)?.values() ?? []) this.#withdraw(told);
    this.ask();
  }

  /** Asks zebra for the kinds of routes that are of use now, and for no others. */
  ask(): void {
    const all = this.networks.size > 0 && this.#checks;
    for (const kind of KINDS) {
      const wanted = all || this.redistributions.has(kind);
      if (wanted === this.#asked.has(kind)) continue;
      if (wanted) this.#asked.add(kind);
      else {
        this.#asked.delete(kind);
        this.#told.delete(kind);
      }
      this.#bgp.zebra?.redistribute(kind, wanted);
    }
  }
  /** zebra is there, and was asked for nothing yet. */
  askAgain(): void {
    for (const kind of this.#asked) this.#bgp.zebra?.redistribute(kind, true);
  }

  /** The administrative distance of the route that is redistributed for a prefix. */
  distanceOf(p: Prefix): number {
    const key = prefixKey(p.address, p.length);
    for (const kind of this.redistributions.keys()) {
      const route = this.#told.get(kind)?.get(key);
      if (route !== undefined) return route.distance;
    }
    return 0;
  }

  told(route: ZebraRouteTold): void {
    let map = this.#told.get(route.kind);
    if (map === undefined) this.#told.set(route.kind, (map = new Map()));
    map.set(prefixKey(route.prefix.address, route.prefix.length), route);
    this.#redistribute(route);
    this.#check(route.prefix);
  }
  untold(route: ZebraRouteTold): void {
    this.#told.get(route.kind)?.delete(prefixKey(route.prefix.address, route.prefix.length));
    this.#withdraw(route);
    this.#check(route.prefix);
  }

  /** Settings or route maps have changed: everything anew. */
  refresh(): void {
    for (const n of this.networks.values()) this.#network(n);
    for (const kind of this.redistributions.keys())
      for (const told of this.#told.get(kind)?.values() ?? []) this.#redistribute(told);
  }

  #check(p: Prefix): void {
    const n = this.networks.get(prefixKey(p.address, p.length));
    if (n !== undefined) this.#network(n);
  }

  #network(n: Network): void {
    const route = this.#routeFor(n);
    // With the import check a prefix is announced only while the routing table has it.
    const nextHop: NextHop = !this.#checks || route !== undefined ? SELF : ABSENT;
    const base = makeAttributes({ ...PLAIN, origin: ORIGIN_IGP, med: route?.metric ?? 0, weight: LOCAL_WEIGHT });
    this.#announce(n, FROM_NETWORK, base, nextHop, n.routeMap, "bgp", 0);
  }
  #routeFor(p: Prefix): ZebraRouteTold | undefined {
    const key = prefixKey(p.address, p.length);
    for (const kind of KINDS) {
      const route = this.#told.get(kind)?.get(key);
      if (route !== undefined) return route;
    }
    return undefined;
  }

  #redistribute(told: ZebraRouteTold): void {
    const r = this.redistributions.get(told.kind as RedistributedKind);
    if (r === undefined) return;
    const gateway = told.nexthops[0]?.gateway ?? 0;
    const base = makeAttributes({
      ...PLAIN,
      origin: ORIGIN_INCOMPLETE,
      med: r.metric ?? told.metric,
      weight: LOCAL_WEIGHT,
      tag: told.tag,
    });
    this.#announce(told.prefix, FROM_REDISTRIBUTE, base, SELF, r.routeMap, told.kind, gateway);
  }
  #withdraw(told: ZebraRouteTold): void {
    if (this.redistributions.has(told.kind as RedistributedKind) || this.#pathOf(told))
      this.#remove(told.prefix, FROM_REDISTRIBUTE);
  }
  #pathOf(told: ZebraRouteTold): boolean {
    const node = this.#bgp.rib.find(told.prefix.address, told.prefix.length);
    return node !== undefined && findPath(node, this.#bgp.self, FROM_REDISTRIBUTE) !== undefined;
  }

  #announce(
    p: Prefix,
    kind: number,
    base: Attributes,
    shown: NextHop,
    map: string | undefined,
    protocol: string,
    gateway: Ipv4,
  ): void {
    let attributes = base;
    if (map !== undefined) {
      const route = new Route(this.#bgp, p, base, gateway, undefined, undefined, protocol);
      if (this.#bgp.policy.routeMaps.apply(map, route) === "deny") return this.#remove(p, kind);
      attributes = route.attributes;
    }
    const node = this.#bgp.rib.reach(p.address, p.length);
    if (node === undefined) return;
    const nextHop = gateway === 0 || shown === ABSENT ? shown : this.#bgp.gateways.of(gateway);
    const path = findPath(node, this.#bgp.self, kind);
    if (path === undefined) node.add(new Path(node, this.#bgp.self, kind, attributes, nextHop, this.#bgp.os.now()));
    else {
      if (path.nextHop === nextHop && sameAttributes(path.attributes, attributes)) return;
      path.nextHop = nextHop;
      path.attributes = attributes;
      path.since = this.#bgp.os.now();
      node.changed = true;
    }
    this.#bgp.enqueue(node);
  }

  #remove(p: Prefix, kind: number): void {
    const node = this.#bgp.rib.find(p.address, p.length);
    const path = node === undefined ? undefined : findPath(node, this.#bgp.self, kind);
    if (node === undefined || path === undefined) return;
    node.paths = node.paths.filter((q) => q !== path);
    this.#bgp.enqueue(node);
  }
}

/** The next hop of a network that the routing table does not have: shown as 0.0.0.0, and not valid. */
const ABSENT: NextHop = { address: 0, valid: false, metric: 0, uses: 1, connected: false, ways: [] };

/** Gateways of redistributed routes: valid, whatever they are, since zebra uses them. */
export class Gateways {
  readonly #byAddress = new Map<Ipv4, NextHop>();

  of(address: Ipv4): NextHop {
    let known = this.#byAddress.get(address);
    if (known === undefined) {
      known = { address, valid: true, metric: 0, uses: 1, connected: false, ways: [] };
      this.#byAddress.set(address, known);
    }
    return known;
  }
}
