import type { Prefix } from "../../core/addr.ts";
import type { ZebraNexthop, ZebraWay } from "../../frr/zapi.ts";
import type { Bgp } from "./bgp.ts";
import { linkBandwidth } from "./link-bandwidth.ts";
import type { Peer } from "./peer.ts";
import { FROM_AGGREGATE, FROM_PEER, type Path, type RibNode } from "./rib.ts";
import { Route } from "./route.ts";

/** ZEBRA_EBGP_DISTANCE_DEFAULT, ZEBRA_IBGP_DISTANCE_DEFAULT; aggregates are local. */
const EBGP_DISTANCE = 20;
const IBGP_DISTANCE = 200;

/** Ways that are remembered: what is told of a forgotten one is told once more than needed. */
const WAYS_MAX = 10_000;

/** Best paths on their way to zebra (bgpd/bgp_zebra.c:bgp_zebra_announce). */
export class Installer {
  readonly #bgp: Bgp;
  /** What zebra was told of and the kernel does not have yet, with `bgp suppress-fib-pending`. */
  readonly #pending = new Set<RibNode>();
  readonly #ways = new Map<string, ZebraWay>();

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
  }

  /** Tells zebra of the paths that are used to a prefix; those of this router itself need no route, but for aggregates. */
  install(node: RibNode, used: readonly Path[]): void {
    const best = used[0];
    const wanted = best !== undefined && (best.kind === FROM_PEER || best.kind === FROM_AGGREGATE);
    const { zebra, isView } = this.#bgp;
    if (!wanted || zebra === undefined || isView) {
      if (node.told === undefined) return;
      node.told = undefined;
      this.#pending.delete(node);
      zebra?.remove(node);
      return;
    }
    const kept = this.#bgp.globals.tableMap === undefined ? used : this.#mapped(used);
    const [first] = kept;
    if (first === undefined) return this.install(node, NONE);
    const distance = this.distanceOf(best);
    const metric = first.attributes.med ?? 0;
    const { tag } = first.attributes;
    const recursive = best.kind === FROM_PEER && !(best.source as Peer).singleHop;
    const { sort } = best.source;
    const internal = sort === "ibgp" || sort === "confed" || best.kind === FROM_AGGREGATE;
    const { told } = node;
    if (
      told?.distance === distance &&
      told.metric === metric &&
      told.tag === tag &&
      told.recursive === recursive &&
      told.internal === internal &&
      sameGateways(told.nexthops, kept)
    )
      return;
    const nexthops = best.kind === FROM_AGGREGATE ? BLACKHOLE : this.#weighted(kept);
    const way = this.#shared({ nexthops, distance, metric, tag, recursive, internal });
    if (told === way) return;
    node.told = way;
    if (this.#bgp.globals.suppressFib) this.#pending.add(node);
    zebra.add({ address: node.address, length: node.length }, way);
  }
  /** One object for all that are equal. */
  #shared(way: ZebraWay): ZebraWay {
    let key = `${way.distance} ${way.metric} ${way.tag} ${way.recursive} ${way.internal}`;
    for (const n of way.nexthops) key += ` ${n.gateway} ${n.weight ?? 1} ${n.blackhole ?? ""}`;
    const known = this.#ways.get(key);
    if (known !== undefined) return known;
    if (this.#ways.size >= WAYS_MAX) this.#ways.clear();
    this.#ways.set(key, way);
    return way;
  }
  isPending(node: RibNode): boolean {
    return this.#pending.has(node);
  }
  /** The kernel has a route, or has it no longer (bgpd/bgp_zebra.c:bgp_zebra_route_notify_owner). */
  notified(prefix: Prefix, there: boolean): void {
    const node = this.#bgp.rib.find(prefix.address, prefix.length);
    if (node?.told === undefined || this.#pending.has(node) !== there) return;
    // A better route of somebody else has taken its place: neighbours lose it (ZAPI_ROUTE_BETTER_ADMIN_WON).
    if (there) this.#pending.delete(node);
    else this.#pending.add(node);
    this.#bgp.outbound.offer(node, true);
  }
  /** Nobody waits for the kernel any longer. */
  forgetPending(): void {
    this.#pending.clear();
  }
  /** `table-map`: what it denies is not told to zebra; metric and tag may be others there (bgpd/bgp_zebra.c:bgp_table_map_apply). */
  #mapped(used: readonly Path[]): readonly Used[] {
    const map = this.#bgp.globals.tableMap ?? "";
    return used.flatMap((p) => {
      const from = p.kind === FROM_PEER ? (p.source as Peer) : undefined;
      const route = new Route(this.#bgp, p.node, p.attributes, p.nextHop.address, from, undefined, "bgp");
      if (this.#bgp.policy.routeMaps.apply(map, route) === "deny") return [];
      return [{ attributes: route.attributes, nextHop: p.nextHop }];
    });
  }
  /** Each next hop with its share of the bandwidth that paths tell of, in percent (bgpd/bgp_zebra.c:bgp_zebra_use_nhop_weighted). */
  #weighted(used: readonly Used[]): readonly ZebraNexthop[] {
    const { bandwidth } = this.#bgp.globals;
    const speeds = used.map((p) => (p.attributes.extended.length === 0 ? 0 : linkBandwidth(p.attributes.extended)));
    const total = speeds.reduce((a, b) => a + b, 0);
    const strict = bandwidth === "use" && speeds.includes(0);
    if (used.length === 1 || total === 0 || strict || bandwidth === "ignore") return used.map(nexthopOf);
    return used.flatMap((p, i) => {
      const speed = speeds[i] as number;
      if (speed === 0) return bandwidth === "skip-missing" ? [] : [{ ...nexthopOf(p), weight: 1 }];
      return [{ ...nexthopOf(p), weight: Math.max(1, Math.floor((speed * 100) / total)) }];
    });
  }
  /** zebra has come back, and knows nothing. */
  again(): void {
    for (const node of this.#bgp.rib) {
      node.told = undefined;
      if (node.best !== undefined) this.#bgp.enqueue(node);
    }
  }

  distanceOf(best: Path): number {
    const { distance } = this.#bgp.globals;
    if (best.kind !== FROM_PEER) return distance?.local ?? IBGP_DISTANCE;
    return best.source.sort === "ebgp" ? (distance?.ebgp ?? EBGP_DISTANCE) : (distance?.ibgp ?? IBGP_DISTANCE);
  }
}

/** Whether zebra was told of just these, none of them with a share of its own. */
function sameGateways(told: readonly ZebraNexthop[], used: readonly Used[]): boolean {
  if (told.length !== used.length) return false;
  for (let i = 0; i < used.length; i++) {
    const { attributes, nextHop } = used[i] as Used;
    const { gateway, weight } = told[i] as ZebraNexthop;
    if (gateway !== nextHop.address || gateway === 0 || weight !== undefined || attributes.extended.length > 0)
      return false;
  }
  return true;
}

const BLACKHOLE: readonly ZebraNexthop[] = [{ gateway: 0, blackhole: "null0" }];
const NONE: readonly Path[] = [];
/** A path as zebra is told of it. */
type Used = Pick<Path, "attributes" | "nextHop">;
const nexthopOf = (p: Used): ZebraNexthop => ({ gateway: p.nextHop.address });
