import type { Prefix } from "../../core/addr.ts";
import { type OsRouteEntry, TABLE_MAIN } from "../../core/netlink.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import type { RouteKind, ZebraNexthop } from "../zapi.ts";
import type { Clients } from "./clients.ts";
import type { Interface, Interfaces } from "./interfaces.ts";
import { marked, syncKernel } from "./kernel-routes.ts";
import type { Lsps } from "./lsps.ts";
import { Resolver } from "./resolve.ts";
import { better, Resolution, type RibNode, RibTable, RouteEntry, type RouteFacts, replaces } from "./rib.ts";
import type { ZebraPolicy } from "./subject.ts";

/** The parts of zebra that routes depend on, or that are told of them. */
interface RouteSurroundings {
  readonly interfaces: Interfaces;
  readonly clients: Clients;
  readonly lsps: Lsps;
  readonly policy: ZebraPolicy;
}

/** How long changes are gathered before routes are chosen (zebra/zebra_rib.c:ZEBRA_RIB_PROCESS_HOLD_TIME). */
const PROCESS_HOLD: Nanos = 10 * MS;
/** In which order the routes of one gathering are looked at (zebra/zebra_rib.c:route_info). */
const QUEUES: { readonly [K in RouteKind]: number } = { connected: 0, local: 0, kernel: 0, static: 1, ospf: 2, bgp: 3 };
/** Of prefixes without routes: last. */
const RANKS = 5;

/** All routes of all daemons: of each prefix the best one is chosen, and put into the kernel (zebra/zebra_rib.c). */
export class Routes {
  readonly main = new RibTable(TABLE_MAIN);
  readonly tables = new Map<number, RibTable>([[TABLE_MAIN, this.main]]);
  /** `ip protocol X route-map NAME`. */
  readonly protocolMaps = new Map<RouteKind | "any", string>();
  readonly #os: Os;
  readonly #around: RouteSurroundings;
  readonly #applyDelayS: number;
  #dirty: RibNode[] = [];
  readonly #hold: OsAlarm;
  readonly #apply: OsAlarm;
  #applying: { readonly at: Nanos; readonly node: RibNode }[] = [];
  #viaDefault = false;
  readonly #resolver = new Resolver({
    main: this.main,
    operative: (ifname: string): boolean => this.#around.interfaces.find(ifname)?.operative ?? false,
    viaDefault: () => this.#viaDefault,
  });

  /** `applyDelayS`: seconds from the choice of a route until the kernel has it. */
  constructor(os: Os, around: RouteSurroundings, applyDelayS: number) {
    this.#os = os;
    this.#around = around;
    this.#applyDelayS = applyDelayS;
    this.#hold = os.alarm(() => this.#process());
    this.#apply = os.alarm(() => this.#applyDue());
  }

  get busy(): boolean {
    return this.#dirty.length > 0 || this.#applying.length > 0;
  }
  /** Nothing is chosen or applied any longer; the kernel keeps what it has. */
  stop(): void {
    this.#hold.set(NEVER);
    this.#apply.set(NEVER);
  }
  /** Takes everything out of the kernel. */
  withdrawAll(): void {
    for (const table of this.tables.values())
      for (const node of table.nodes()) {
        for (const e of node.entries()) e.selected = false;
        syncKernel(this.#os, node, this.#around.interfaces);
      }
  }

  /** `ip nht resolve-via-default`: the default route may resolve gateways. */
  get viaDefault(): boolean {
    return this.#viaDefault;
  }
  set viaDefault(on: boolean) {
    this.#viaDefault = on;
    this.reconsider();
    this.#around.clients.evaluate();
  }
  /** Every route is to be looked at again. */
  reconsider(): void {
    this.#resolver.forget();
    for (const table of this.tables.values()) for (const node of table.nodes()) this.#queue(node);
  }

  /** The table of that number, made if need be. */
  table(id = TABLE_MAIN): RibTable {
    let table = this.tables.get(id);
    if (table === undefined) this.tables.set(id, (table = new RibTable(id)));
    return table;
  }
  /** One list for all next hops that are equal. */
  shared(hops: readonly ZebraNexthop[]): readonly ZebraNexthop[] {
    return this.#resolver.shared(hops);
  }

  /** A route is new, or takes the place of one that it replaces. */
  put(table: RibTable, prefix: Prefix, facts: RouteFacts): void {
    const node = table.make(prefix);
    if (node === undefined) return this.#os.trace("zebra.full", { table: table.id });
    for (let e = node.first; e !== undefined; e = e.next) if (replaces(facts, e.facts)) e.removed = true;
    node.add(new RouteEntry(facts, this.#os.now()));
    this.#queue(node);
  }
  /** Takes away some routes to a prefix. */
  take(table: RibTable, prefix: Prefix, unwanted: (e: RouteEntry) => boolean): void {
    const node = table.find(prefix);
    if (node === undefined) return;
    for (let e = node.first; e !== undefined; e = e.next) if (unwanted(e)) e.removed = true;
    this.#queue(node);
  }
  /** Takes away the routes of a session. `before`: only those that came before this moment. */
  removeSession(session: number, before: Nanos = Number.POSITIVE_INFINITY): void {
    const gone = (e: RouteEntry): boolean => e.facts.session === session && e.since < before;
    for (const table of this.tables.values())
      for (const node of table.nodes()) if (node.some(gone)) this.take(table, node.prefix, gone);
  }
  /** Somebody deleted a route that zebra had put into the kernel: it comes back. */
  lostInKernel(route: OsRouteEntry): void {
    const node = this.tables.get(route.table)?.find(route.prefix);
    if (node?.inKernel === undefined || node.inKernel.way.protocol !== route.protocol) return;
    node.inKernel = undefined;
    this.#sync(node);
  }
  /** The kernel has dropped routes over a device, without a word: zebra's own are put back when they are chosen again, the others are gone. */
  interfaceLost(i: Interface): void {
    for (const table of this.tables.values())
      for (const node of table.nodes())
        for (const e of node.entries()) {
          if (!e.nexthops.some((h) => h.ifname === i.ifname || h.resolved.some((r) => r.ifname === i.ifname))) continue;
          node.inKernel = undefined;
          if (!e.system) e.installed = false;
          if (e.kind === "kernel") this.take(table, node.prefix, (other) => other === e);
        }
  }

  #queue(node: RibNode): void {
    if (!node.queued) this.#dirty.push(node);
    node.queued = true;
    if (this.#hold.deadline === NEVER) this.#hold.set(this.#os.now() + PROCESS_HOLD);
  }

  /** zebra/zebra_rib.c:process_subq: chooses anew for every prefix that was queued; what depends on those that changed is queued. */
  #process(): void {
    this.#hold.set(NEVER);
    const queues: RibNode[][] = Array.from({ length: RANKS }, () => []);
    for (const node of this.#dirty) {
      node.queued = false;
      (queues[rankOf(node)] as RibNode[]).push(node);
    }
    this.#dirty = [];
    let changed = false;
    let followed = false;
    const grounds: RibNode[] = [];
    for (const queue of queues)
      for (const node of queue) {
        if (!this.#choose(node)) continue;
        changed = true;
        followed ||= this.#around.clients.follow(node.prefix);
        if (node.table === TABLE_MAIN && this.#resolver.changed(node.prefix)) grounds.push(node);
      }
    if (changed) this.#around.lsps.reconsider();
    if (grounds.length > 0) this.#queueDependants(grounds);
    if (followed) this.#around.clients.evaluate();
  }

  /** zebra/zebra_rib.c:rib_process. Returns whether the selected route is another one, or leads elsewhere. */
  #choose(node: RibNode): boolean {
    const old = node.selected;
    const before = old?.resolution;
    const source = old?.source ?? 0;
    node.sweep();
    let best: RouteEntry | undefined;
    for (let e = node.first; e !== undefined; e = e.next) {
      e.resolution = this.#mapped(node, e, this.#resolver.resolve(e, node.prefix));
      if (!e.resolution.active) continue;
      if (e.kind === "local") e.installed = true; // the kernel has it in table local, chosen or not
      best = best === undefined ? e : better(best, e);
    }
    for (let e = node.first; e !== undefined; e = e.next) e.selected = e === best;
    if (node.first === undefined) this.tables.get(node.table)?.drop(node);
    if (
      best === old &&
      best !== undefined &&
      best.source === source &&
      (best.resolution === before || best.resolution.text === before?.text) &&
      (best.installed || best.failed || best.queued)
    )
      return false;
    if (best === undefined && old === undefined) return false;
    if (best?.system) best.installed = true;
    this.#install(node, best);
    if (old !== undefined && old !== best && !old.system && old.facts.session !== best?.facts.session)
      this.#around.clients.routeNotify(old.facts.session, node.prefix, false);
    this.#around.clients.selected(node, old, best);
    return true;
  }

  #install(node: RibNode, best: RouteEntry | undefined): void {
    const delay = this.#applyDelayS;
    if (delay <= 0) return this.#sync(node);
    if (best !== undefined && !best.system) best.queued = true;
    const at = this.#os.now() + Math.round(delay * S);
    this.#applying.push({ at, node });
    if (this.#apply.deadline === NEVER) this.#apply.set(at);
  }
  #applyDue(): void {
    const now = this.#os.now();
    const due = this.#applying.filter((a) => a.at <= now);
    this.#applying = this.#applying.filter((a) => a.at > now);
    for (const { node } of due) this.#sync(node);
    this.#apply.set(this.#applying[0]?.at ?? NEVER);
    this.#queueDependants(due.flatMap(({ node }) => (this.#resolver.changed(node.prefix) ? [node] : [])));
    this.#around.clients.evaluate();
  }
  #sync(node: RibNode): void {
    const ok = syncKernel(this.#os, node, this.#around.interfaces);
    for (let e = node.first; e !== undefined; e = e.next) {
      if (e.system) continue;
      if (e.selected) {
        marked(e, ok);
        this.#around.clients.routeNotify(e.facts.session, node.prefix, ok);
      } else e.installed = e.failed = e.queued = false;
    }
  }

  /** Routes whose gateways lie behind prefixes that changed are to be looked at again. */
  #queueDependants(changed: readonly RibNode[]): void {
    const behind = new Set(changed.flatMap((n) => (n.table === TABLE_MAIN ? this.#resolver.behind(n.prefix) : [])));
    if (behind.size === 0) return;
    const just = new Set(changed);
    for (const table of this.tables.values())
      for (const node of table.nodes())
        if (node.some((e) => !e.system && e.facts.nexthops.some((h) => behind.has(h.gateway))))
          if (!just.has(node)) this.#queue(node);
  }

  /** `ip protocol X route-map`: next hops that the map denies lead nowhere (zebra/zebra_nhg.c:nexthop_active_check). */
  #mapped(node: RibNode, e: RouteEntry, found: Resolution): Resolution {
    e.source = e.facts.nexthops[0]?.source ?? 0;
    if (this.protocolMaps.size === 0) return found;
    const name = this.protocolMaps.get(e.kind) ?? this.protocolMaps.get("any");
    if (name === undefined || this.#around.policy.routeMaps.find(name) === undefined) return found;
    const hops = found.hops.map((nexthop) => {
      const subject = {
        prefix: node.prefix,
        kind: e.kind,
        nexthop,
        ifname: nexthop.resolved[0]?.ifname ?? nexthop.ifname,
        tag: e.facts.tag,
        source: 0,
      };
      if (this.#around.policy.routeMaps.apply(name, subject) === "deny") return { ...nexthop, active: false };
      if (subject.source !== 0) e.source = subject.source;
      return nexthop;
    });
    return new Resolution(hops);
  }
}

/** The queue of a prefix: that of its first kind of route (zebra/zebra_rib.c:rib_meta_queue_add). */
function rankOf(node: RibNode): number {
  let rank = RANKS - 1;
  for (let e = node.first; e !== undefined; e = e.next) rank = Math.min(rank, QUEUES[e.kind]);
  return rank;
}
