import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { NetlinkMessage } from "../../core/netlink.ts";
import { TABLE_MAIN } from "../../core/netlink.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import { MS, type Nanos, NEVER, S } from "../../core/time.ts";
import type { FrrInstance } from "../daemon.ts";
import type { DaemonLog } from "../log.ts";
import type { Views } from "../views.ts";
import type { ConfigBlock } from "../vty.ts";
import type { RouteKind, ZebraClient, ZebraSession, Zserv } from "../zapi.ts";
import { Clients } from "./clients.ts";
import { chooseRouterId, connectedPrefix, type Interface, Interfaces } from "./interfaces.ts";
import { type LearntRoutes, learnRoutes, marked, OWN, sweepKernel, syncKernel } from "./kernel-routes.ts";
import { Lsps, ospfOwner } from "./lsps.ts";
import { Resolver } from "./resolve.ts";
import { better, Resolution, type RibNode, RibTable, RouteEntry, type RouteFacts, replaces } from "./rib.ts";
import { type RibView, ribView } from "./rib-view.ts";
import { newPolicy, type ZebraPolicy } from "./subject.ts";
import { writeZebraConfig } from "./write-config.ts";

/** How zebra treats the kernel's table, beside its configuration. */
export interface ZebraOptions {
  /** Looks for routes of others in the kernel every so many seconds, instead of being told of them; the first time after `scanPhaseS`, drawn when left out. */
  readonly scanEveryS?: number;
  readonly scanPhaseS?: number;
  /** Seconds from the choice of a route until the kernel has it; none unless told. */
  readonly applyDelayS?: number;
  /** Whether addresses have `local` routes of their own and outputs look as in FRR 10 (unless told), or as in FRR 8.4. */
  readonly release?: "8.4" | "10";
}

/** How long changes are gathered before routes are chosen (zebra/zebra_rib.c:ZEBRA_RIB_PROCESS_HOLD_TIME). */
const PROCESS_HOLD: Nanos = 10 * MS;
/** How long changes of route maps are gathered (`zebra route-map delay-timer`). */
const ROUTE_MAP_DELAY: Nanos = 5 * S;
/** In which order the routes of one gathering are looked at (zebra/zebra_rib.c:route_info). */
const QUEUES: { readonly [K in RouteKind]: number } = { connected: 0, local: 0, kernel: 0, static: 1, ospf: 2, bgp: 3 };
/** Of prefixes without routes: last. */
const RANKS = 5;

/** zebra of one node: the table of all routes, the best of which it puts into the kernel. */
export class Zebra implements FrrInstance, Zserv, Views {
  readonly os: Os;
  readonly log: DaemonLog;
  readonly release: "8.4" | "10";
  readonly interfaces: Interfaces;
  readonly policy: ZebraPolicy = newPolicy();
  readonly clients: Clients;
  readonly main = new RibTable(TABLE_MAIN);
  readonly tables = new Map<number, RibTable>([[TABLE_MAIN, this.main]]);
  readonly lsps: Lsps;
  /** `ip protocol X route-map NAME`. */
  readonly protocolMaps = new Map<RouteKind | "any", string>();
  /** `ip router-id`; 0: the one that zebra chooses. */
  routerIdChosen: Ipv4 = 0;
  #viaDefault = false;
  #routerIdTold: Ipv4 = 0;
  readonly #options: ZebraOptions;
  readonly #dirty = new Set<RibNode>();
  readonly #hold: OsAlarm;
  readonly #posts: OsAlarm;
  #posted: (() => void)[] = [];
  readonly #apply: OsAlarm;
  #applying: { readonly at: Nanos; readonly node: RibNode }[] = [];
  readonly #scan: OsAlarm;
  readonly #mapDelay: OsAlarm;
  readonly #unwatch: () => void;
  readonly #learnt: LearntRoutes;
  readonly #resolver = new Resolver({
    main: this.main,
    operative: (ifname: string): boolean => this.interfaces.find(ifname)?.operative ?? false,
    viaDefault: () => this.#viaDefault,
  });
  #started = false;

  constructor(os: Os, options: ZebraOptions, log: DaemonLog) {
    this.os = os;
    this.log = log;
    this.#options = options;
    this.release = options.release ?? "10";
    this.lsps = new Lsps(os, this.main, () => this.interfaces);
    this.clients = new Clients({
      now: () => os.now(),
      later: (what) => this.#later(what),
      addRoute: (prefix, table, facts) => this.#put(this.#table(table), prefix, facts),
      shared: (hops) => this.#resolver.shared(hops),
      removeRoute: (session, kind, prefix, of) => this.#removeRoute(session, kind, prefix, of),
      label: (session, label, ways) => this.lsps.set(label, ospfOwner(session), ways),
      removeSession: (session, before) => {
        this.#removeSession(session, before);
        if (before === undefined) this.lsps.forget(session);
      },
      alarm: (ring) => os.alarm(ring),
      interfaces: () => this.interfaces.all().flatMap((i) => i.told() ?? []),
      routerId: () => this.routerId,
      main: this.main,
      viaDefault: () => this.#viaDefault,
    });
    this.interfaces = new Interfaces(os, (i, was) => this.#interfaceChanged(i, was));
    this.#hold = os.alarm(() => this.#process());
    this.#posts = os.alarm(() => this.#deliver());
    this.#apply = os.alarm(() => this.#applyDue());
    this.#mapDelay = os.alarm(() => this.#mapsChanged());
    this.#scan = os.alarm(() => this.#scanAgain());
    this.policy.onChange(({ kind, name }) => {
      if (kind !== "route-map") return;
      this.policy.routeMaps.pending.add(name);
      if (this.#mapDelay.deadline === NEVER) this.#mapDelay.set(os.now() + ROUTE_MAP_DELAY);
    });
    this.#learnt = learnRoutes(
      os,
      this.interfaces,
      (r, facts) => this.#put(this.main, r.prefix, facts),
      (r, facts) => this.#take(this.main, r.prefix, (e) => replaces(facts, e.facts)),
    );
    sweepKernel(os);
    this.interfaces.scan();
    this.#learnt.scan();
    this.#started = true;
    this.#unwatch = os.watch((m) => this.#heard(m), OWN);
    const every = options.scanEveryS;
    if (every !== undefined) {
      const phase = options.scanPhaseS ?? os.rng("zebra scan").float() * every;
      this.#scan.set(os.now() + Math.round(phase * S));
    }
    os.local.provide("zserv", this);
    os.local.provide("views zebra", this);
  }

  connect(client: ZebraClient): ZebraSession {
    return this.clients.connect(client);
  }
  stop(): void {
    this.kill();
    for (const table of this.tables.values())
      for (const node of table.nodes()) {
        for (const e of node.entries()) e.selected = false;
        syncKernel(this.os, node, this.interfaces);
      }
  }
  /** The kernel keeps the routes; the next zebra takes them away. */
  kill(): void {
    this.os.local.withdraw("zserv");
    this.os.local.withdraw("views zebra");
    this.#unwatch();
    this.clients.stop();
    this.lsps.stop();
    for (const a of [this.#hold, this.#posts, this.#apply, this.#scan, this.#mapDelay]) a.set(NEVER);
  }
  show(): unknown {
    return this.rib();
  }
  busy(): boolean {
    return this.#dirty.size > 0 || this.#posted.length > 0 || this.#applying.length > 0;
  }
  writeConfig(): readonly ConfigBlock[] {
    return writeZebraConfig(this);
  }
  /** All routes of table main: by prefix, the newest first. */
  rib(): ReadonlyMap<string, readonly RibView[]> {
    return ribView(this.main);
  }
  view(what: string): unknown {
    return what === "rib" ? Object.fromEntries(this.rib()) : undefined;
  }

  get routerId(): Ipv4 {
    return this.routerIdChosen || chooseRouterId(this.interfaces.all());
  }
  /** The router id may be another one. */
  routerIdChanged(): void {
    if (this.routerId === this.#routerIdTold) return;
    this.#routerIdTold = this.routerId;
    this.clients.routerId(this.routerId);
  }
  get viaDefault(): boolean {
    return this.#viaDefault;
  }
  set viaDefault(on: boolean) {
    this.#viaDefault = on;
    this.reconsider();
    this.clients.evaluate();
  }
  /** Every route is to be looked at again. */
  reconsider(): void {
    this.#resolver.forget();
    for (const table of this.tables.values()) for (const node of table.nodes()) this.#queue(node);
  }

  #removeRoute(
    session: number,
    kind: RouteKind,
    prefix: Prefix,
    of: { readonly table?: number | undefined; readonly distance?: number | undefined },
  ): void {
    this.#take(
      this.#table(of.table),
      prefix,
      (e) =>
        e.facts.session === session &&
        e.kind === kind &&
        (of.distance === undefined || e.facts.distance === of.distance),
    );
  }
  #removeSession(session: number, before: Nanos = Number.POSITIVE_INFINITY): void {
    const gone = (e: RouteEntry): boolean => e.facts.session === session && e.since < before;
    for (const table of this.tables.values())
      for (const node of table.nodes()) if (node.some(gone)) this.#take(table, node.prefix, gone);
  }

  #table(id = TABLE_MAIN): RibTable {
    let table = this.tables.get(id);
    if (table === undefined) this.tables.set(id, (table = new RibTable(id)));
    return table;
  }

  #put(table: RibTable, prefix: Prefix, facts: RouteFacts): void {
    const node = table.make(prefix);
    if (node === undefined) return this.os.trace("zebra.full", { table: table.id });
    for (let e = node.first; e !== undefined; e = e.next) if (replaces(facts, e.facts)) e.removed = true;
    node.add(new RouteEntry(facts, this.os.now()));
    this.#queue(node);
  }
  #take(table: RibTable, prefix: Prefix, unwanted: (e: RouteEntry) => boolean): void {
    const node = table.find(prefix);
    if (node === undefined) return;
    for (let e = node.first; e !== undefined; e = e.next) if (unwanted(e)) e.removed = true;
    this.#queue(node);
  }
  #queue(node: RibNode): void {
    this.#dirty.add(node);
    if (this.#hold.deadline === NEVER) this.#hold.set(this.os.now() + PROCESS_HOLD);
  }

  /** zebra/zebra_rib.c:process_subq: chooses anew for every prefix that was queued; what depends on those that changed is queued. */
  #process(): void {
    this.#hold.set(NEVER);
    const queues: RibNode[][] = Array.from({ length: RANKS }, () => []);
    for (const node of this.#dirty) (queues[rankOf(node)] as RibNode[]).push(node);
    this.#dirty.clear();
    let changed = false;
    let followed = false;
    const grounds: RibNode[] = [];
    for (const queue of queues)
      for (const node of queue) {
        if (!this.#choose(node)) continue;
        changed = true;
        followed ||= this.clients.follow(node.prefix);
        if (node.table === TABLE_MAIN && this.#resolver.changed(node.prefix)) grounds.push(node);
      }
    if (changed) this.lsps.reconsider();
    if (grounds.length > 0) this.#queueDependants(grounds);
    if (followed) this.clients.evaluate();
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
    this.#put2kernel(node, best);
    if (old !== undefined && old !== best && !old.system && old.facts.session !== best?.facts.session)
      this.clients.routeNotify(old.facts.session, node.prefix, false);
    this.clients.selected(node, old, best);
    return true;
  }

  #put2kernel(node: RibNode, best: RouteEntry | undefined): void {
    const delay = this.#options.applyDelayS ?? 0;
    if (delay <= 0) return this.#sync(node);
    if (best !== undefined && !best.system) best.queued = true;
    const at = this.os.now() + Math.round(delay * S);
    this.#applying.push({ at, node });
    if (this.#apply.deadline === NEVER) this.#apply.set(at);
  }
  #applyDue(): void {
    const now = this.os.now();
    const due = this.#applying.filter((a) => a.at <= now);
    this.#applying = this.#applying.filter((a) => a.at > now);
    for (const { node } of due) this.#sync(node);
    this.#apply.set(this.#applying[0]?.at ?? NEVER);
    this.#queueDependants(due.flatMap(({ node }) => (this.#resolver.changed(node.prefix) ? [node] : [])));
    this.clients.evaluate();
  }
  #sync(node: RibNode): void {
    const ok = syncKernel(this.os, node, this.interfaces);
    for (let e = node.first; e !== undefined; e = e.next) {
      if (e.system) continue;
      if (e.selected) {
        marked(e, ok);
        this.clients.routeNotify(e.facts.session, node.prefix, ok);
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
    if (name === undefined || this.policy.routeMaps.find(name) === undefined) return found;
    const hops = found.hops.map((nexthop) => {
      const subject = {
        prefix: node.prefix,
        kind: e.kind,
        nexthop,
        ifname: nexthop.resolved[0]?.ifname ?? nexthop.ifname,
        tag: e.facts.tag,
        source: 0,
      };
      if (this.policy.routeMaps.apply(name, subject) === "deny") return { ...nexthop, active: false };
      if (subject.source !== 0) e.source = subject.source;
      return nexthop;
    });
    return new Resolution(hops);
  }

  #mapsChanged(): void {
    this.policy.routeMaps.pending.clear();
    if (this.protocolMaps.size > 0) this.reconsider();
  }

  #heard(m: NetlinkMessage): void {
    switch (m.kind) {
      case "link":
        return m.op === "new" ? this.interfaces.linkNew(m.link) : this.interfaces.linkGone(m.link.ifname);
      case "address":
        return this.interfaces.addressesChanged(m.address.ifname);
      case "route":
        if (m.op === "del") this.#lostOwn(m);
        if (this.#options.scanEveryS === undefined) this.#learnt.heard(m);
        return;
      case "overrun":
        this.interfaces.scan();
        if (this.#options.scanEveryS === undefined) this.#learnt.scan();
        return this.reconsider();
    }
  }
  /** Somebody deleted a route that zebra had put into the kernel: it comes back. */
  #lostOwn(m: Extract<NetlinkMessage, { kind: "route" }>): void {
    const node = this.tables.get(m.route.table)?.find(m.route.prefix);
    if (node?.inKernel === undefined || node.inKernel.way.protocol !== m.route.protocol) return;
    node.inKernel = undefined;
    this.#sync(node);
  }
  #scanAgain(): void {
    this.#learnt.scan();
    this.#scan.set(this.os.now() + Math.round((this.#options.scanEveryS ?? 1) * S));
  }

  #interfaceChanged(i: Interface, was: boolean): void {
    const told = i.told();
    if (told === undefined) this.clients.interfaceRemoved(i.ifname);
    else this.clients.interfaceChanged(told);
    this.#connect(i);
    this.routerIdChanged();
    if (was && (!i.operative || i.addresses.length === 0)) this.#forgetKernel(i);
    if (was === i.operative || !this.#started) return;
    if (i.operative && this.#options.scanEveryS === undefined) this.#learnt.scan();
    this.reconsider();
  }
  /** The routes of an interface's addresses follow them (zebra/connected.c:connected_up, connected_down). */
  #connect(i: Interface): void {
    const wanted = new Map<string, { readonly prefix: Prefix; readonly kind: "connected" | "local" }>();
    const want = (prefix: Prefix, kind: "connected" | "local"): void => {
      wanted.set(`${kind} ${prefix.address}/${prefix.length}`, { prefix, kind });
    };
    if (i.operative)
      for (const a of i.addresses) {
        const prefix = connectedPrefix(a);
        if (prefix.address !== 0) want(prefix, "connected");
        if (this.release === "10") want({ address: a.address, length: 32 }, "local");
      }
    for (const node of this.main.nodes())
      for (const e of node.entries()) {
        if ((e.kind !== "connected" && e.kind !== "local") || e.facts.nexthops[0]?.ifname !== i.ifname) continue;
        if (e.removed || wanted.delete(`${e.kind} ${node.prefix.address}/${node.prefix.length}`)) continue;
        this.#take(this.main, node.prefix, (other) => other === e);
      }
    for (const { prefix, kind } of wanted.values())
      this.#put(this.main, prefix, {
        kind,
        session: 0,
        distance: 0,
        metric: 0,
        tag: 0,
        nexthops: [{ gateway: 0, ifname: i.ifname }],
        recursive: false,
        internal: false,
        byDistance: false,
      });
  }
  /** The kernel has dropped routes over a device, without a word: zebra's own are put back when they are chosen again, the others are gone. */
  #forgetKernel(i: Interface): void {
    for (const table of this.tables.values())
      for (const node of table.nodes())
        for (const e of node.entries()) {
          if (!e.nexthops.some((h) => h.ifname === i.ifname || h.resolved.some((r) => r.ifname === i.ifname))) continue;
          node.inKernel = undefined;
          if (!e.system) e.installed = false;
          if (e.kind === "kernel") this.#take(table, node.prefix, (other) => other === e);
        }
  }

  #later(what: () => void): void {
    this.#posted.push(what);
    if (this.#posts.deadline === NEVER) this.#posts.set(this.os.now());
  }
  #deliver(): void {
    this.#posts.set(NEVER);
    const posted = this.#posted;
    this.#posted = [];
    for (const what of posted) what();
  }
}

/** The queue of a prefix: that of its first kind of route (zebra/zebra_rib.c:rib_meta_queue_add). */
function rankOf(node: RibNode): number {
  let rank = RANKS - 1;
  for (let e = node.first; e !== undefined; e = e.next) rank = Math.min(rank, QUEUES[e.kind]);
  return rank;
}
