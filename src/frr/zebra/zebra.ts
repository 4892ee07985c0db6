import type { Ipv4, Prefix } from "../../core/addr.ts";
import type { NetlinkMessage } from "../../core/netlink.ts";
import type { Os, OsAlarm } from "../../core/os.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { FrrInstance } from "../daemon.ts";
import type { DaemonLog } from "../log.ts";
import type { Views } from "../views.ts";
import type { ConfigBlock } from "../vty.ts";
import type { RouteKind, ZebraClient, ZebraSession, Zserv } from "../zapi.ts";
import { Clients, type RouteOf } from "./clients.ts";
import { followAddresses } from "./connected.ts";
import { chooseRouterId, type Interface, Interfaces } from "./interfaces.ts";
import { type LearntRoutes, learnRoutes, OWN, sweepKernel } from "./kernel-routes.ts";
import { Lsps, ospfOwner } from "./lsps.ts";
import { replaces } from "./rib.ts";
import { type RibView, ribView } from "./rib-view.ts";
import { Routes } from "./routes.ts";
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

/** How long changes of route maps are gathered (`zebra route-map delay-timer`). */
const ROUTE_MAP_DELAY: Nanos = 5 * S;
/** zebra of one node: it knows the interfaces, gathers the routes of daemons and of the kernel, and tells each daemon what it wants to know. */
export class Zebra implements FrrInstance, Zserv, Views {
  readonly os: Os;
  readonly log: DaemonLog;
  readonly release: "8.4" | "10";
  readonly interfaces: Interfaces;
  readonly policy: ZebraPolicy = newPolicy();
  readonly clients: Clients;
  readonly routes: Routes;
  readonly lsps: Lsps;
  /** `ip router-id`; 0: the one that zebra chooses. */
  routerIdChosen: Ipv4 = 0;
  #routerIdTold: Ipv4 = 0;
  readonly #options: ZebraOptions;
  readonly #posts: OsAlarm;
  #posted: (() => void)[] = [];
  readonly #scan: OsAlarm;
  readonly #mapDelay: OsAlarm;
  readonly #unwatch: () => void;
  readonly #learnt: LearntRoutes;
  #started = false;

  constructor(os: Os, options: ZebraOptions, log: DaemonLog) {
    this.os = os;
    this.log = log;
    this.#options = options;
    this.release = options.release ?? "10";
    this.routes = new Routes(os, this, options.applyDelayS ?? 0);
    this.lsps = new Lsps(os, this.routes.main, () => this.interfaces);
    this.clients = new Clients({
      now: () => os.now(),
      later: (what) => this.#later(what),
      addRoute: (prefix, table, facts) => this.routes.put(this.routes.table(table), prefix, facts),
      shared: (hops) => this.routes.shared(hops),
      removeRoute: (session, kind, prefix, of) => this.#removeRoute(session, kind, prefix, of),
      label: (session, label, ways) => this.lsps.set(label, ospfOwner(session), ways),
      removeSession: (session, before) => {
        this.routes.removeSession(session, before);
        if (before === undefined) this.lsps.forget(session);
      },
      alarm: (ring) => os.alarm(ring),
      interfaces: () => this.interfaces.all().flatMap((i) => i.told() ?? []),
      routerId: () => this.routerId,
      main: this.routes.main,
      viaDefault: () => this.routes.viaDefault,
    });
    this.interfaces = new Interfaces(os, (i, was) => this.#interfaceChanged(i, was));
    this.#posts = os.alarm(() => this.#deliver());
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
      (r, facts) => this.routes.put(this.routes.main, r.prefix, facts),
      (r, facts) => this.routes.take(this.routes.main, r.prefix, (e) => replaces(facts, e.facts)),
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
    this.routes.withdrawAll();
  }
  /** The kernel keeps the routes; the next zebra takes them away. */
  kill(): void {
    this.os.local.withdraw("zserv");
    this.os.local.withdraw("views zebra");
    this.#unwatch();
    this.clients.stop();
    this.lsps.stop();
    this.routes.stop();
    for (const a of [this.#posts, this.#scan, this.#mapDelay]) a.set(NEVER);
  }
  show(): unknown {
    return this.rib();
  }
  busy(): boolean {
    return this.routes.busy || this.#posted.length > 0;
  }
  writeConfig(): readonly ConfigBlock[] {
    return writeZebraConfig(this);
  }
  /** All routes of table main: by prefix, the newest first. */
  rib(): ReadonlyMap<string, readonly RibView[]> {
    return ribView(this.routes.main);
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
  #removeRoute(session: number, kind: RouteKind, prefix: Prefix, { table, distance }: RouteOf): void {
    this.routes.take(
      this.routes.table(table),
      prefix,
      (e) =>
        e.facts.session === session && e.kind === kind && (distance === undefined || e.facts.distance === distance),
    );
  }

  #mapsChanged(): void {
    this.policy.routeMaps.pending.clear();
    if (this.routes.protocolMaps.size > 0) this.routes.reconsider();
  }

  #heard(m: NetlinkMessage): void {
    switch (m.kind) {
      case "link":
        return m.op === "new" ? this.interfaces.linkNew(m.link) : this.interfaces.linkGone(m.link.ifname);
      case "address":
        return this.interfaces.addressesChanged(m.address.ifname);
      case "route":
        if (m.op === "del") this.routes.lostInKernel(m.route);
        if (this.#options.scanEveryS === undefined) this.#learnt.heard(m);
        return;
      case "overrun":
        this.interfaces.scan();
        if (this.#options.scanEveryS === undefined) this.#learnt.scan();
        return this.routes.reconsider();
    }
  }
  #scanAgain(): void {
    this.#learnt.scan();
    this.#scan.set(this.os.now() + Math.round((this.#options.scanEveryS ?? 1) * S));
  }

  #interfaceChanged(i: Interface, was: boolean): void {
    const told = i.told();
    if (told === undefined) this.clients.interfaceRemoved(i.ifname);
    else this.clients.interfaceChanged(told);
    followAddresses(this.routes, i, this.release === "10");
    this.routerIdChanged();
    if (was && (!i.operative || i.addresses.length === 0)) this.routes.interfaceLost(i);
    if (was === i.operative || !this.#started) return;
    if (i.operative && this.#options.scanEveryS === undefined) this.#learnt.scan();
    this.routes.reconsider();
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
