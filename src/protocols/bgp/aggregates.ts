import { networkOf, type Prefix } from "../../core/addr.ts";
import { AS_SEQUENCE, AS_SET, type AsPath, CONFED_SEQUENCE, CONFED_SET, EMPTY_PATH, makePath } from "./as-path.ts";
import { type Attributes, makeAttributes, ORIGIN_IGP, PLAIN, sameAttributes } from "./attributes.ts";
import type { Bgp } from "./bgp.ts";
import { sortedCommunities, sortedHex } from "./community.ts";
import { prefixKey } from "./inbound.ts";
import { SELF } from "./nexthops.ts";
import { FROM_AGGREGATE, findPath, Path, type RibNode } from "./rib.ts";
import { Route } from "./route.ts";

/** `aggregate-address A.B.C.D/M …`. */
export interface AggregateSettings extends Prefix {
  readonly asSet: boolean;
  readonly summaryOnly: boolean;
  readonly matchingMedOnly: boolean;
  readonly routeMap: string | undefined;
  readonly suppressMap: string | undefined;
  readonly origin: number | undefined;
}

const AGGREGATE_WEIGHT = 32_768;

/** Aggregates (RFC 4271 §9.2.2.2): each follows the paths that it covers. */
export class Aggregates {
  readonly #bgp: Bgp;
  readonly all = new Map<number, AggregateSettings>();
  readonly #dirty = new Set<number>();

  constructor(bgp: Bgp) {
    this.#bgp = bgp;
  }

  set(a: AggregateSettings): void {
    this.remove(a);
    this.all.set(prefixKey(a.address, a.length), a);
    this.#dirty.add(prefixKey(a.address, a.length));
    this.#bgp.poke();
  }
  remove(p: Prefix): boolean {
    const key = prefixKey(p.address, p.length);
    const known = this.all.get(key);
    if (known === undefined) return false;
    this.all.delete(key);
    for (const node of this.#covered(known)) this.#suppress(node, false);
    this.#withdraw(known);
    return true;
  }
  /** A covered prefix has changed: to be worked out anew with the next decisions. */
  touched(node: RibNode): void {
    for (const [key, a] of this.all) {
      if (a.length < node.length && networkOf(node.address, a.length) === a.address) this.#dirty.add(key);
    }
  }
  touchAll(): void {
    for (const key of this.all.keys()) this.#dirty.add(key);
    if (this.all.size > 0) this.#bgp.poke();
  }
  get waiting(): boolean {
    return this.#dirty.size > 0;
  }
  /** Works out what has been touched. */
  settle(): void {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    for (const key of keys) {
      const a = this.all.get(key);
      if (a !== undefined) this.#build(a);
    }
  }

  /** How many paths an aggregate is made of (bgpd/bgp_route.c:route_vty_out_detail). */
  countOf(p: Prefix): number {
    const a = this.all.get(prefixKey(p.address, p.length));
    if (a === undefined) return 0;
    let count = 0;
    for (const node of this.#covered(a))
      for (const path of node.paths) if (path.valid && path.kind !== FROM_AGGREGATE) count++;
    return count;
  }

  *#covered(a: AggregateSettings): Iterable<RibNode> {
    for (const node of this.#bgp.rib)
      if (node.length > a.length && networkOf(node.address, a.length) === a.address) yield node;
  }

  #build(a: AggregateSettings): void {
    const parts: Path[] = [];
    for (const node of this.#covered(a))
      for (const p of node.paths) if (p.valid && p.kind !== FROM_AGGREGATE) parts.push(p);
    const mixed = a.matchingMedOnly && parts.some((p) => (p.attributes.med ?? 0) !== (parts[0]?.attributes.med ?? 0));
    const usable = parts.length > 0 && !mixed;
    for (const node of this.#covered(a)) this.#suppress(node, usable && this.#hides(a, node));
    if (!usable) return this.#withdraw(a);
    let attributes = attributesOf(this.#bgp, a, parts);
    if (a.routeMap !== undefined) {
      const route = new Route(this.#bgp, a, attributes, 0, undefined, undefined, "bgp");
      if (this.#bgp.policy.routeMaps.apply(a.routeMap, route) === "deny") return this.#withdraw(a);
      attributes = route.attributes;
    }
    const node = this.#bgp.rib.reach(a.address, a.length);
    if (node === undefined) return;
    const path = findPath(node, this.#bgp.self, FROM_AGGREGATE);
    if (path === undefined)
      node.add(new Path(node, this.#bgp.self, FROM_AGGREGATE, attributes, SELF, this.#bgp.os.now()));
    else if (sameAttributes(path.attributes, attributes)) return;
    else {
      path.attributes = attributes;
      path.since = this.#bgp.os.now();
      node.changed = true;
    }
    this.#bgp.enqueue(node);
  }

  #hides(a: AggregateSettings, node: RibNode): boolean {
    if (a.summaryOnly) return true;
    const { suppressMap } = a;
    const p = node.best ?? node.paths[0];
    if (suppressMap === undefined || p === undefined) return false;
    const route = new Route(this.#bgp, node, p.attributes, p.nextHop.address, undefined, undefined, "bgp");
    return this.#bgp.policy.routeMaps.apply(suppressMap, route) === "permit";
  }
  #suppress(node: RibNode, on: boolean): void {
    for (const p of node.paths) {
      if (p.suppressed > 0 === on) continue;
      p.suppressed = on ? 1 : 0;
      node.changed = true;
      this.#bgp.enqueue(node);
    }
  }
  #withdraw(a: Prefix): void {
    const node = this.#bgp.rib.find(a.address, a.length);
    const path = node === undefined ? undefined : findPath(node, this.#bgp.self, FROM_AGGREGATE);
    if (node === undefined || path === undefined) return;
    node.paths = node.paths.filter((p) => p !== path);
    this.#bgp.enqueue(node);
  }
}

/** What an aggregate says of itself (bgpd/bgp_attr.c:bgp_attr_aggregate_intern). Without `as-set` the lost path is told by ATOMIC_AGGREGATE. */
function attributesOf(bgp: Bgp, a: AggregateSettings, parts: readonly Path[]): Attributes {
  const origin = a.origin ?? Math.max(...parts.map((p) => p.attributes.origin), ORIGIN_IGP);
  const common = {
    ...PLAIN,
    origin,
    aggregator: { as: bgp.globals.confederationId ?? bgp.globals.as, address: bgp.routerId },
    weight: AGGREGATE_WEIGHT,
    med: a.matchingMedOnly ? parts[0]?.attributes.med : 0,
  };
  if (!a.asSet) return makeAttributes({ ...common, atomicAggregate: true });
  return makeAttributes({
    ...common,
    asPath: mergedPath(parts.map((p) => p.attributes.asPath)),
    communities: sortedCommunities(parts.flatMap((p) => p.attributes.communities)),
    extended: sortedHex(parts.flatMap((p) => p.attributes.extended)),
    large: sortedHex(parts.flatMap((p) => p.attributes.large)),
    atomicAggregate: parts.some((p) => p.attributes.atomicAggregate),
  });
}

/** The common beginning as a sequence, everything else as a set (RFC 4271 §9.2.2.2, F.6). */
export function mergedPath(paths: readonly AsPath[]): AsPath {
  const [first, ...others] = paths.map((p) => p.segments.filter((s) => s.type === AS_SEQUENCE)[0]?.as ?? []);
  if (first === undefined) return EMPTY_PATH;
  let shared = first.length;
  for (const as of others) {
    let n = 0;
    while (n < shared && n < as.length && as[n] === first[n]) n++;
    shared = n;
  }
  const head = first.slice(0, shared);
  const all = paths.flatMap((p) => p.segments);
  const rest = (confed: boolean): number[] =>
    all.filter((s) => s.type >= CONFED_SEQUENCE === confed).flatMap((s) => s.as);
  return makePath([
    { type: AS_SEQUENCE, as: head },
    { type: AS_SET, as: rest(false).filter((as) => !head.includes(as)) },
    { type: CONFED_SET, as: rest(true) }, // RFC 5065 §4
  ]);
}
