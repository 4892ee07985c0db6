import { type Ipv4, lengthOfMask, networkOf } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER } from "../../core/time.ts";
import { type Dest, DestTable, type Path } from "./destinations.ts";
import { Graph, UNREACHED, type Vertex } from "./graph.ts";
import { type Hop, type HopSet, HopSets } from "./hops.ts";
import { linkCost, linkData } from "./links.ts";
import type { Lsa } from "./lsa.ts";
import {
  LSA_ASBR_SUMMARY,
  LSA_EXTERNAL,
  LSA_NETWORK,
  LSA_NSSA,
  LSA_ROUTER,
  LSA_SUMMARY,
  MAX_AGE,
  type RouterLink,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import { spfDelay } from "./machine.ts";
import type { Area, Ospf, OspfInterface } from "./model.ts";
import { bestPath } from "./paths.ts";
import type { Root } from "./root.ts";
import type { Attached } from "./shape.ts";
import { shortestPaths } from "./spf.ts";

/** Destinations at most: what comes beyond is dropped and counted. */
const DESTINATIONS_MAX = 2_000_000;

/** What the routing table tells others of. */
export interface RoutingEvents {
  /** The way to a destination is another one now. */
  routeChanged(dest: Dest, before: Path | undefined): void;
  /** A computation has ended; `topology`: some area's distances were computed. */
  computed(topology: boolean): void;
}

/**
 * The routing table (RFC 2328 §16), kept up with as little work as a change needs: paths of an area are computed only when links between
 * its routers have changed, and of the destinations only those that somebody speaks of differently, or that lie behind a router that moved.
 */
export class Routing {
  readonly ospf: Ospf;
  readonly graphs = new Map<Area, Graph>();
  readonly dests = new DestTable();
  readonly sets = new HopSets();
  readonly #events: RoutingEvents;
  readonly #timer: OsAlarm;
  readonly #areas = new Map<Graph, Area>();
  #stale = new Set<Area>();
  #dirty: Dest[] = [];
  /** Destinations that are told of by routers beyond, and where each is: what a router's moving concerns. */
  readonly #claimed = new Set<Dest>();
  #claimsStale = false;
  ranAt: Nanos = Number.NEGATIVE_INFINITY;

  constructor(ospf: Ospf, events: RoutingEvents) {
    this.ospf = ospf;
    this.#events = events;
    this.#timer = ospf.alarm(() => this.compute());
  }

  get waiting(): boolean {
    return this.#timer.deadline !== NEVER;
  }
  get dueAt(): Nanos {
    return this.#timer.deadline;
  }
  stop(): void {
    this.#timer.set(NEVER);
  }

  /** An advertisement says something else than before. */
  changed(area: Area | undefined, slot: Slot): void {
    switch (slot.lsa.type) {
      case LSA_ROUTER:
      case LSA_NETWORK:
        if (area !== undefined) this.#vertexChanged(area, slot);
        break;
      case LSA_SUMMARY:
        if (area !== undefined) this.#summaryChanged(area, slot);
        break;
      case LSA_ASBR_SUMMARY:
        this.#claimsStale = true;
        break;
      case LSA_EXTERNAL:
      case LSA_NSSA:
        this.#externalChanged(area, slot);
        break;
      default:
        return;
    }
    this.schedule();
  }

  /** Something else than an advertisement has changed: everything is looked at again. */
  recompute(): void {
    for (const [area, graph] of this.graphs) {
      graph.anew = true;
      this.#stale.add(area);
    }
    this.dests.each((dest) => this.touch(dest));
    this.schedule();
  }
  /** Paths of an area are computed again. */
  recomputeArea(area: Area): void {
    this.#graph(area).anew = true;
    this.#stale.add(area);
    this.schedule();
  }
  touch(dest: Dest): void {
    if (dest.dirty) return;
    dest.dirty = true;
    this.#dirty.push(dest);
  }
  /** Destinations told of by others are looked at again. */
  touchClaims(): void {
    this.#claimsStale = true;
    this.schedule();
  }
  schedule(): void {
    if (this.waiting) return;
    const { ospf } = this;
    const { delay, pace } = spfDelay(ospf.settings.spf, ospf.spfPace, ospf.now);
    ospf.spfPace = pace;
    this.#timer.set(ospf.now + delay);
  }
  /** Forgets an area. */
  forget(area: Area): void {
    const graph = this.graphs.get(area);
    if (graph === undefined) return;
    for (const v of graph.vertices) {
      this.#contribute(v, undefined, true);
      v.dist = UNREACHED;
    }
    this.graphs.delete(area);
    this.#stale.delete(area);
    this.schedule();
  }

  compute(): void {
    const { ospf } = this;
    this.#timer.set(NEVER);
    ospf.spfPace = { ...ospf.spfPace, ranAt: ospf.now };
    this.ranAt = ospf.now;
    const topology = this.#stale.size > 0;
    for (const area of this.#stale) this.#shortestPaths(area);
    this.#stale = new Set();
    if (this.#claimsStale) for (const dest of this.#claimed) this.touch(dest);
    this.#claimsStale = false;
    this.#settle();
    this.#events.computed(topology);
  }

  #shortestPaths(area: Area): void {
    const graph = this.#graph(area);
    area.spfRuns++;
    area.spfLooked += shortestPaths(graph, this.#root(area), (v) => {
      this.#touchAttached(v);
      if (!v.network && v.flags !== 0) this.#claimsStale = true;
    });
  }

  /** Inside first: what externals are forwarded to has to be known. */
  #settle(): void {
    for (let round = 0; round < 3 && this.#dirty.length > 0; round++) {
      const dirty = this.#dirty;
      this.#dirty = [];
      let moved = false;
      for (const dest of dirty) {
        dest.dirty = false;
        const before = dest.path;
        const path = bestPath(this, dest);
        if (samePath(before, path)) continue;
        dest.path = path;
        moved ||= isInternal(before) || isInternal(path);
        this.#events.routeChanged(dest, before);
        if (dest.unclaimed && path === undefined) this.dests.remove(dest);
      }
      if (moved) for (const dest of this.#claimed) if (hasForward(dest)) this.touch(dest);
    }
  }

  #vertexChanged(area: Area, slot: Slot): void {
    const graph = this.#graph(area);
    const now = slot.age < MAX_AGE ? slot.lsa : undefined;
    const v = now === undefined ? graph.find(slot.lsa.id, slot.lsa.type === LSA_NETWORK) : graph.vertexOf(now);
    if (v === undefined) return;
    if (now === undefined && v.lsa !== undefined && v.lsa.adv !== slot.lsa.adv) return; // a former designated router's
    const same = v.lsa === undefined || now === undefined ? v.lsa === now : now.leadsAs(v.lsa);
    if (!same) this.#stale.add(area);
    if (v.flags !== (now?.shape.flags ?? 0)) this.#claimsStale = true;
    this.#contribute(v, now, !same);
  }

  /** What a router or network attaches: taken back as it was, put in as it is. */
  #contribute(v: Vertex, now: Lsa | undefined, ways: boolean): void {
    const was = v.lsa;
    v.graph.says(v, now, ways);
    if (was !== undefined && now?.attachesAs(was)) return;
    const before = was?.shape.attached ?? NOTHING;
    const after = now?.shape.attached ?? NOTHING;
    for (const { prefix, cost } of before) {
      const dest = this.dests.get(prefix);
      dest.detach(v, cost);
      this.touch(dest);
    }
    for (const { prefix, cost } of after) {
      const dest = this.dests.get(prefix);
      dest.attach(v, cost);
      this.touch(dest);
    }
  }
  /** What a router or network attaches is to be looked at again. */
  #touchAttached(v: Vertex): void {
    for (const { prefix } of v.shape?.attached ?? NOTHING) {
      const dest = this.dests.find(prefix.address, prefix.length);
      if (dest !== undefined) this.touch(dest);
    }
  }

  #visit(address: Ipv4, length: number, cost: number, visit: (dest: Dest, cost: number) => void): void {
    const known = this.dests.find(address, length);
    if (known === undefined && this.dests.size >= DESTINATIONS_MAX) this.ospf.drop("too many destinations");
    else visit(known ?? this.dests.get({ address, length }), cost);
  }

  #summaryChanged(area: Area, slot: Slot): void {
    const { body, id } = slot.lsa;
    const length = body.kind === "summary" ? lengthOfMask(body.mask) : undefined;
    if (length === undefined) return;
    this.#visit(networkOf(id, length), length, 0, (dest) => {
      dest.claims ??= { summaries: [], externals: [] };
      put(dest.claims.summaries as Placed[], area, slot);
      this.#claimed.add(dest);
      this.touch(dest);
    });
  }
  #externalChanged(area: Area | undefined, slot: Slot): void {
    const { body, id } = slot.lsa;
    const length = body.kind === "external" ? lengthOfMask(body.mask) : undefined;
    if (length === undefined) return;
    this.#visit(networkOf(id, length), length, 0, (dest) => {
      dest.claims ??= { summaries: [], externals: [] };
      put(dest.claims.externals, area, slot);
      this.#claimed.add(dest);
      this.touch(dest);
    });
  }

  #graph(area: Area): Graph {
    let graph = this.graphs.get(area);
    if (graph === undefined) {
      this.graphs.set(area, (graph = new Graph()));
      this.#areas.set(graph, area);
    }
    return graph;
  }

  areaOf(v: Vertex): Area | undefined {
    return this.#areas.get(v.graph);
  }

  /** Whether summaries of an area count (§16.2; RFC 3509 for the kinds of border routers). */
  examines(area: Area): boolean {
    const { ospf } = this;
    if (!ospf.abr || area.id === 0) return true;
    if (ospf.settings.abrType === "standard") return false;
    return (ospf.areas.get(0)?.fullNeighbors ?? 0) === 0;
  }

  /** Whether the prefix is a range of this router that something lies in (§16.2 step 3). */
  inActiveRange(dest: Dest): boolean {
    if (!this.ospf.abr) return false;
    for (const area of this.ospf.areas.values())
      for (const { prefix } of area.settings.ranges)
        if (prefix.length === dest.length && networkOf(prefix.address, prefix.length) === dest.address)
          return this.hooks.rangeActive(area, dest.address, dest.length);
    return false;
  }
  /** Set by who keeps ranges. */
  readonly hooks: {
    rangeActive: (area: Area, address: Ipv4, length: number) => boolean;
    discard: (dest: Dest) => boolean;
    virtualHops: (peer: Ipv4) => HopSet | undefined;
  } = {
    rangeActive: () => false,
    discard: () => false,
    virtualHops: () => undefined,
  };
  discardPath(dest: Dest): Path | undefined {
    if (!this.hooks.discard(dest)) return undefined;
    return { kind: "discard", area: undefined, cost: 0, hops: this.sets.none, type2Cost: 0, tag: 0 };
  }

  /** The interfaces of an area that a prefix of this router's own lies at. */
  ownHops(area: Area | undefined, dest: Dest): HopSet | undefined {
    const hops: Hop[] = [];
    for (const oi of area?.interfaces ?? []) {
      const { address, length } = oi.prefix;
      const host = dest.length === 32 && dest.address === address;
      if (host || (dest.length === length && networkOf(address, length) === dest.address))
        hops.push({ ifname: oi.ifname, ifindex: oi.device.ifindex, gateway: 0 });
    }
    return hops.length === 0 ? undefined : this.sets.get(hops);
  }

  /** The way to a forwarding address: over a route inside the system (§16.4 step 3). `area`: inside this one only. */
  wayTo(address: Ipv4, area: Area | undefined): { readonly cost: number; readonly hops: HopSet } | undefined {
    const dest = this.dests.longest(address, (d) => isInternal(d.path));
    const path = dest?.path;
    if (path === undefined || (area !== undefined && path.area !== area)) return undefined;
    if (!path.hops.hops.some((h) => h.gateway === 0)) return path;
    if (this.ospf.interfaces.some((oi) => oi.address === address)) return undefined;
    const direct = path.hops.hops.map((h) => (h.gateway === 0 ? { ...h, gateway: address } : h));
    return { cost: path.cost, hops: this.sets.get(direct) };
  }

  #root(area: Area): Root {
    const { ospf, sets } = this;
    return {
      id: ospf.routerId,
      sets,
      neighborHop: (link: RouterLink, neighbor: Ipv4): Hop | undefined => {
        for (const oi of area.interfaces) {
          if (linkData(oi) !== link.data || linkCost(oi) !== link.metric) continue;
          for (const n of oi.neighbors.all) if (n.routerId === neighbor) return hopOver(oi, n.address);
        }
        return undefined;
      },
      virtualHops: (neighbor: Ipv4) => this.hooks.virtualHops(neighbor),
      networkHop: (link: RouterLink): Hop | undefined => {
        const oi = area.interfaces.find((i) => i.address === link.data);
        return oi === undefined ? undefined : { ifname: oi.ifname, ifindex: oi.device.ifindex, gateway: 0 };
      },
    };
  }
}

const hopOver = (oi: OspfInterface, gateway: Ipv4): Hop => ({
  ifname: oi.ifname,
  ifindex: oi.device.ifindex,
  gateway,
  ...(oi.unnumbered ? { onlink: true } : {}),
});

const NOTHING: readonly Attached[] = [];

type Placed = { readonly area: Area | undefined; readonly slot: Slot };
function put(list: Placed[], area: Area | undefined, slot: Slot): void {
  const at = list.findIndex((c) => c.slot === slot);
  const gone = slot.age >= MAX_AGE;
  if (gone && at >= 0) list.splice(at, 1);
  else if (!gone && at < 0) list.push({ area, slot });
}

const isInternal = (path: Path | undefined): boolean => path?.kind === "intra" || path?.kind === "inter";

const hasForward = (dest: Dest): boolean =>
  dest.claims?.externals.some(
    ({ slot }) => slot.lsa.body.kind === "external" && slot.lsa.body.routes[0]?.forward !== 0,
  ) ?? false;

const samePath = (a: Path | undefined, b: Path | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.kind === b.kind &&
    a.area === b.area &&
    a.cost === b.cost &&
    a.hops === b.hops &&
    a.type2Cost === b.type2Cost &&
    a.tag === b.tag);
