import { type Ipv4, networkOf, type Prefix } from "../../core/addr.ts";
import type { OsRouteWay } from "../../core/netlink.ts";
import type { Nanos } from "../../core/time.ts";
import type { RouteKind, ZebraNexthop } from "../zapi.ts";

/** A next hop of a route, as far as zebra knows the way. */
export interface Nexthop extends ZebraNexthop {
  /** The device; of a gateway that was given without one, where it is connected. */
  readonly ifname: string;
  readonly weight: number;
  /** It leads somewhere now. */
  readonly active: boolean;
  /** Where a gateway that is not on a connected network is reached: empty unless it was resolved through another route. */
  readonly resolved: readonly Nexthop[];
}

/** What a route is, whoever it comes from. Routes share it. */
export interface RouteFacts {
  readonly kind: RouteKind;
  /** Of a daemon of which there are several: which one. */
  readonly instance?: number;
  /** Whose it is; 0: zebra's own. */
  readonly session: number;
  readonly distance: number;
  readonly metric: number;
  readonly tag: number;
  readonly nexthops: readonly ZebraNexthop[];
  /** Gateways may be resolved through other routes. */
  readonly recursive: boolean;
  /** Learnt inside the AS (ZEBRA_FLAG_IBGP). */
  readonly internal: boolean;
  /** Routes of one kind and session that differ in distance stand side by side, as static ones do (ZEBRA_FLAG_RR_USE_DISTANCE). */
  readonly byDistance: boolean;
}

/** Where next hops lead, as it was found at one time: one object for all routes that have the same next hops (zebra/zebra_nhg.c). */
export class Resolution {
  readonly hops: readonly Nexthop[];
  /** Some of them leads somewhere. */
  readonly active: boolean;
  #ways: readonly Nexthop[] | undefined;
  #text: string | undefined;
  #image: KernelImage | undefined;

  constructor(hops: readonly Nexthop[]) {
    this.hops = hops;
    this.active = hops.some((h) => h.active);
  }

  /** The ways that packets take: resolved ones in the place of what they resolve, each once. */
  get ways(): readonly Nexthop[] {
    if (this.#ways === undefined) {
      const seen = new Set<string>();
      this.#ways = this.hops
        .flatMap((h) => (h.resolved.length > 0 ? h.resolved : [h]))
        .filter((h) => {
          const key = `${h.gateway} ${h.ifname} ${h.blackhole ?? ""} ${h.labels?.join("/") ?? ""}`;
          if (!h.active || seen.has(key)) return false;
          seen.add(key);
          return true;
        });
    }
    return this.#ways;
  }
  /** The hops as one text: two that are equal lead to the same. */
  get text(): string {
    return (this.#text ??= this.hops.map((h) => [h, ...h.resolved].map(hopText).join(">")).join(","));
  }
  /** What the kernel is given for it. */
  image(e: RouteEntry, table: number, make: (e: RouteEntry, table: number) => KernelImage): KernelImage {
    const known = this.#image;
    if (known !== undefined && known.kind === e.kind && known.source === e.source && known.table === table)
      return known;
    return (this.#image = make(e, table));
  }
}

/** What was put into the kernel for a route. `key`: where it leads; two that are equal are one route. */
export interface KernelImage {
  readonly key: string;
  readonly kind: RouteKind;
  readonly table: number;
  readonly source: Ipv4;
  readonly way: OsRouteWay;
}

const hopText = (h: Nexthop): string =>
  `${h.gateway} ${h.ifname} ${h.weight} ${h.active} ${h.onlink ?? false} ${h.blackhole ?? ""} ${h.labels?.join("/") ?? ""}`;

const SELECTED = 1;
const INSTALLED = 2;
const FAILED = 4;
const QUEUED = 8;
const REMOVED = 16;

/** A route of one prefix (`struct route_entry`). There are millions of them in a large simulation: what is true or not stands in one number. */
export class RouteEntry {
  readonly facts: RouteFacts;
  /** When it came. */
  readonly since: Nanos;
  resolution: Resolution;
  /** The next older route of the prefix. */
  next: RouteEntry | undefined = undefined;
  /** The source that the kernel is to prefer. */
  source: Ipv4 = 0;
  #state = 0;

  constructor(facts: RouteFacts, since: Nanos) {
    this.facts = facts;
    this.since = since;
    this.resolution = UNKNOWN;
  }

  get selected(): boolean {
    return (this.#state & SELECTED) !== 0;
  }
  set selected(on: boolean) {
    this.#set(SELECTED, on);
  }
  /** The kernel has it. */
  get installed(): boolean {
    return (this.#state & INSTALLED) !== 0;
  }
  set installed(on: boolean) {
    this.#set(INSTALLED, on);
  }
  /** The kernel was asked and refused. */
  get failed(): boolean {
    return (this.#state & FAILED) !== 0;
  }
  set failed(on: boolean) {
    this.#set(FAILED, on);
  }
  /** It is being put into the kernel. */
  get queued(): boolean {
    return (this.#state & QUEUED) !== 0;
  }
  set queued(on: boolean) {
    this.#set(QUEUED, on);
  }
  get removed(): boolean {
    return (this.#state & REMOVED) !== 0;
  }
  set removed(on: boolean) {
    this.#set(REMOVED, on);
  }
  #set(bit: number, on: boolean): void {
    this.#state = on ? this.#state | bit : this.#state & ~bit;
  }

  get kind(): RouteKind {
    return this.facts.kind;
  }
  /** Whether the kernel makes such routes itself (RIB_SYSTEM_ROUTE). */
  get system(): boolean {
    return this.kind === "kernel" || this.kind === "connected" || this.kind === "local";
  }
  get nexthops(): readonly Nexthop[] {
    return this.resolution.hops;
  }
  /** The ways that packets take. */
  ways(): readonly Nexthop[] {
    return this.resolution.ways;
  }
}

/** Before anybody has looked where the next hops lead. */
const UNKNOWN = new Resolution([]);

/** The routes of one prefix. */
export class RibNode {
  readonly table: number;
  readonly prefix: Prefix;
  /** The newest; the others follow by `next`. */
  first: RouteEntry | undefined = undefined;
  /** What zebra has put into the kernel for it; undefined: nothing. */
  inKernel: KernelImage | undefined = undefined;
  /** It is to be looked at again. */
  queued = false;

  constructor(table: number, prefix: Prefix) {
    this.table = table;
    this.prefix = prefix;
  }
  get selected(): RouteEntry | undefined {
    let e = this.first;
    while (e !== undefined && !e.selected) e = e.next;
    return e;
  }
  /** The newest first. */
  entries(): RouteEntry[] {
    const all: RouteEntry[] = [];
    for (let e = this.first; e !== undefined; e = e.next) all.push(e);
    return all;
  }
  some(is: (e: RouteEntry) => boolean): boolean {
    let e = this.first;
    while (e !== undefined && !is(e)) e = e.next;
    return e !== undefined;
  }
  add(e: RouteEntry): void {
    e.next = this.first;
    this.first = e;
  }
  /** Takes out what is removed. */
  sweep(): void {
    while (this.first?.removed) this.first = this.first.next;
    for (let e = this.first; e !== undefined; e = e.next) while (e.next?.removed) e.next = e.next.next;
  }
}

/** Prefixes in one table, at most. */
export const PREFIXES_MAX = 2_000_000;

/** One routing table of zebra. */
export class RibTable {
  readonly id: number;
  /** By length, then by address. */
  readonly #nodes: (Map<Ipv4, RibNode> | undefined)[] = [];
  #size = 0;

  constructor(id: number) {
    this.id = id;
  }

  get size(): number {
    return this.#size;
  }
  find(prefix: Prefix): RibNode | undefined {
    return this.#nodes[prefix.length]?.get(networkOf(prefix.address, prefix.length));
  }
  /** The node of a prefix, made if need be; undefined: the table is full. */
  make(prefix: Prefix): RibNode | undefined {
    const address = networkOf(prefix.address, prefix.length);
    const nodes = (this.#nodes[prefix.length] ??= new Map());
    const known = nodes.get(address);
    if (known !== undefined) return known;
    if (this.#size >= PREFIXES_MAX) return undefined;
    const node = new RibNode(this.id, address === prefix.address ? prefix : { address, length: prefix.length });
    nodes.set(address, node);
    this.#size++;
    return node;
  }
  /** Forgets a node without routes. */
  drop(node: RibNode): void {
    if (this.#nodes[node.prefix.length]?.delete(node.prefix.address)) this.#size--;
  }
  /** The nodes whose prefix covers an address, the longest first. */
  *covering(address: Ipv4): Generator<RibNode> {
    for (let length = 32; length >= 0; length--) {
      const node = this.#nodes[length]?.get(networkOf(address, length));
      if (node !== undefined) yield node;
    }
  }
  /** All nodes, by address and then by length. */
  sorted(): readonly RibNode[] {
    return [...this.nodes()].sort((a, b) => a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length);
  }
  *nodes(): Generator<RibNode> {
    for (const nodes of this.#nodes) if (nodes !== undefined) yield* nodes.values();
  }
}

/**
 * Which of two routes is better: connected before all, then the lower distance, the lower metric, and of equals the older
 * (zebra/zebra_rib.c:rib_choose_best). `a` is the newer one.
 */
export function better(a: RouteEntry, b: RouteEntry): RouteEntry {
  if (a.kind === "connected" || b.kind === "connected") {
    if (a.kind !== b.kind) return a.kind === "connected" ? a : b;
    return b.facts.metric <= a.facts.metric ? b : a;
  }
  if (a.facts.distance !== b.facts.distance) return a.facts.distance < b.facts.distance ? a : b;
  return b.facts.metric <= a.facts.metric ? b : a;
}

/** Whether a route takes the other's place (zebra/zebra_rib.c:rib_compare_routes). */
export function replaces(a: RouteFacts, b: RouteFacts): boolean {
  if (a.kind !== b.kind || a.session !== b.session) return false;
  if (a.kind === "kernel") return a.metric === b.metric;
  if (a.byDistance && a.distance !== b.distance) return false;
  if (a.kind === "connected" || a.kind === "local") return a.nexthops[0]?.ifname === b.nexthops[0]?.ifname;
  return true;
}
