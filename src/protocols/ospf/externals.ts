import { broadcastOf, type Ipv4, maskOf, networkOf, type Prefix } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { MS, NEVER } from "../../core/time.ts";
import { type RouteKind, type RouteSource, sourceOf, type ZebraRouteTold } from "../../frr/zapi.ts";
import type { Borders } from "./borders.ts";
import { flush } from "./flood.ts";
import { EXTERNAL_TYPE2, type ExternalBody, LS_INFINITY, LSA_EXTERNAL, LSA_NSSA, MAX_AGE } from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { originateIfChanged } from "./originate.ts";
import type { RedistributeSettings } from "./settings.ts";
import { keyOf, prefixOfKey, Summaries } from "./summaries.ts";
import { OPTION_E, OPTION_NP } from "./wire.ts";

/** Routes taken over from elsewhere, at most. */
const EXTERNALS_MAX = 1_000_000;
/** ospfd/ospf_zebra.h: metrics where nothing is said. */
export const DEFAULT_METRIC = 20;
const DEFAULT_ROUTE_METRIC = 10;
const DEFAULT_ALWAYS_METRIC = 1;

/** What a route becomes outside: after `redistribute`'s words and a route map. */
export interface ExternalRouteInfo {
  readonly kind: RouteKind;
  readonly prefix: Prefix;
  readonly nexthop: Ipv4;
  /** The first way's device, or a black hole. */
  readonly ifname: string;
  readonly blackhole: boolean;
  /** The metric that the route itself has. */
  readonly routeMetric: number;
  metric: number;
  /** What `set min-metric` and `set max-metric` leave room for. */
  metricMin: number;
  metricMax: number;
  type: 1 | 2;
  tag: number;
  forward: Ipv4 | undefined;
}

/** What route maps and distribute lists say of a route; undefined: it stays here. */
export type Judge = (info: ExternalRouteInfo, settings: RedistributeSettings, isDefault: boolean) => boolean;

/** Routes from elsewhere that this router tells the system of: RFC 2328 §12.4.4, RFC 3101 §2.3 (ospfd/ospf_asbr.c). */
export class Externals {
  /** Asked for every route; set by who keeps route maps. */
  judge: Judge = () => true;
  /** Whether a route map permits a route. */
  permits: (routeMap: string, info: ExternalRouteInfo) => boolean = () => true;
  readonly #ospf: Ospf;
  readonly #borders: Borders;
  /** By source and prefix: as zebra told. */
  readonly #told = new Map<RouteSource, Map<string, ZebraRouteTold>>();
  /** The default route, as zebra told. */
  #default: ZebraRouteTold | undefined;
  /** What is originated, by prefix, with the advertisements for it. */
  readonly #originated = new Map<string, { slot: Slot; area: Area }[]>();
  /** The lengths of the prefixes of an address that are originated. */
  readonly #lengths = new Map<Ipv4, readonly number[]>();
  #count = 0;
  #soon = false;
  readonly #timer: OsAlarm;
  readonly #subscribed = new Set<RouteSource | "default">();
  readonly summaries: Summaries;

  constructor(ospf: Ospf, borders: Borders) {
    this.#ospf = ospf;
    this.#borders = borders;
    this.#timer = ospf.alarm(() => this.refreshAll());
    this.summaries = new Summaries(ospf, () => this.#regroup());
    borders.nssa.ownExternal = (address, length) => this.#originated.has(`${address}/${length}`);
    borders.asbrChanged = () => {
      this.updateAsbr();
      this.policyChanged();
    };
  }

  get waiting(): boolean {
    return this.#timer.deadline !== NEVER || this.summaries.waiting;
  }
  stop(): void {
    this.#timer.set(NEVER);
    this.summaries.stop();
  }
  /** Whether a prefix is told outside by this router itself. */
  has(prefix: Prefix): boolean {
    return this.#originated.has(keyOf(prefix));
  }

  owns(slot: Slot): boolean {
    return [...this.#originated.values()].some((all) => all.some((o) => o.slot === slot));
  }

  /** zebra is there: ask for what is to be taken over. */
  connected(): void {
    this.#subscribed.clear();
    this.subscribe();
  }
  /** Asks zebra for the kinds that the configuration names. */
  subscribe(): void {
    const { settings, zebra, enabled } = this.#ospf;
    if (zebra === undefined) return;
    const wanted = new Set<RouteSource | "default">(enabled ? settings.redistribute.keys() : []);
    if (enabled && settings.defaultInformation?.always === false) wanted.add("default");
    for (const kind of this.#subscribed)
      if (!wanted.has(kind)) {
        zebra.redistribute(kind, false);
        this.#subscribed.delete(kind);
        if (kind === "default") this.#default = undefined;
        else this.#told.delete(kind);
      }
    for (const kind of wanted)
      if (!this.#subscribed.has(kind)) {
        this.#subscribed.add(kind);
        zebra.redistribute(kind, true);
      }
    this.updateAsbr();
    this.refreshAll();
  }

  told(route: ZebraRouteTold): void {
    const { settings, instance } = this.#ospf;
    const source = sourceOf(route.kind, route.instance);
    const own = source === sourceOf("ospf", instance);
    if (route.prefix.length === 0 && settings.defaultInformation?.always === false && !own) this.#default = route;
    if (settings.redistribute.has(source)) {
      let table = this.#told.get(source);
      if (table === undefined) this.#told.set(source, (table = new Map()));
      const key = keyOf(route.prefix);
      if (!table.has(key)) {
        if (this.#count >= EXTERNALS_MAX) return this.#ospf.drop("too many externals");
        this.#count++;
      }
      table.set(key, route);
    }
    this.#refresh(route.prefix);
    this.#defaultAgain(route.prefix);
  }
  untold(route: ZebraRouteTold): void {
    if (route.prefix.length === 0 && this.#default?.kind === route.kind) this.#default = undefined;
    if (this.#told.get(sourceOf(route.kind, route.instance))?.delete(keyOf(route.prefix))) this.#count--;
    this.#refresh(route.prefix);
    this.#defaultAgain(route.prefix);
  }
  #defaultAgain(changed: Prefix): void {
    if (changed.length > 0 && this.#ospf.settings.defaultInformation?.routeMap !== undefined)
      this.#refresh({ address: 0, length: 0 });
  }

  /** A list or map has changed: everything is judged again after a while (ospfd/ospf_zebra.c:ospf_distribute_list_update). */
  policyChanged(): void {
    if (!this.waiting) this.#timer.set(this.#ospf.now + this.#ospf.settings.minLsIntervalMs * MS);
  }

  /** Whether this router is at the border of the system (ospfd/ospf_asbr.c:ospf_asbr_status_update). */
  updateAsbr(): void {
    const ospf = this.#ospf;
    const { redistribute, defaultInformation } = ospf.settings;
    const is =
      ospf.enabled && (redistribute.size > 0 || defaultInformation !== undefined || this.#borders.nssa.translating);
    if (is === ospf.asbr) return;
    ospf.asbr = is;
    for (const area of ospf.areas.values()) if (area.interfaces.length > 0) ospf.hooks.routerLsa(area);
  }

  /** Judges every route again once this instant's events are done. */
  refreshSoon(): void {
    if (this.#soon) return;
    this.#soon = true;
    this.#ospf.later(() => {
      this.#soon = false;
      this.refreshAll();
    });
  }

  /** Judges every route again. */
  refreshAll(): void {
    this.#timer.set(NEVER);
    const prefixes = new Map<string, Prefix>();
    for (const table of this.#told.values()) for (const [key, route] of table) prefixes.set(key, route.prefix);
    for (const key of this.#originated.keys()) if (!prefixes.has(key)) prefixes.set(key, prefixOfKey(key));
    for (const { settings } of this.summaries.shown()) prefixes.set(keyOf(settings.prefix), settings.prefix);
    prefixes.set("0/0", { address: 0, length: 0 });
    for (const prefix of prefixes.values()) this.#refresh(prefix);
  }

  /** Says of one prefix what is to be said now. `taken`: an id that another prefix takes over. */
  #refresh(prefix: Prefix, taken?: Ipv4): void {
    const ospf = this.#ospf;
    if (ospf.stopping || ospf.routerId === 0) return;
    const key = keyOf(prefix);
    const chosen = ospf.enabled ? this.#choose(prefix) : undefined;
    const into = chosen === undefined || prefix.length === 0 ? undefined : this.summaries.covering(prefix);
    for (const { settings } of this.summaries.place(prefix, into))
      if (keyOf(settings.prefix) !== key) this.#refresh(settings.prefix);
    const info = this.#summaryOf(prefix) ?? (into === undefined ? chosen : undefined);
    const before = this.#originated.get(key) ?? [];
    const now: { slot: Slot; area: Area }[] = [];
    if (info !== undefined && before.length === 0) this.#takeId(prefix);
    if (info !== undefined) {
      const normal = [...ospf.areas.values()].find((a) => a.external && a.interfaces.length > 0);
      if (normal !== undefined)
        this.#put(now, normal, LSA_EXTERNAL, OPTION_E, info, info.forward ?? this.#forward(info.nexthop));
      for (const area of ospf.areas.values()) if (area.settings.kind === "nssa") this.#putNssa(now, area, info);
    }
    for (const { slot, area } of before)
      if (slot.age < MAX_AGE && slot.lsa.id !== taken && !now.some((n) => n.slot === slot)) flush(ospf, area, slot);
    if (now.length > 0) this.#originated.set(key, now);
    else this.#originated.delete(key);
    this.#note(prefix, now.length > 0);
  }

  /** What is told of a summary that stands for something. */
  #summaryOf(prefix: Prefix): ExternalRouteInfo | undefined {
    const summary = this.summaries.find(prefix);
    if (summary === undefined || summary.members.size === 0 || !summary.settings.advertise) return undefined;
    const words = { metric: undefined, metricType: 2, routeMap: undefined, tag: summary.settings.tag } as const;
    return infoOf("ospf", prefix, undefined, words, this.#ospf.settings.defaultMetric ?? DEFAULT_METRIC);
  }
  /** Other summaries are in force: everything is put where it belongs, then told. */
  #regroup(): void {
    for (const table of this.#told.values())
      for (const { prefix } of table.values())
        if (prefix.length > 0 && this.#choose(prefix) !== undefined)
          this.summaries.place(prefix, this.summaries.covering(prefix));
    this.refreshAll();
  }

  /** Keeps up which lengths an address has. */
  #note({ address, length }: Prefix, on: boolean): void {
    const lengths = this.#lengths.get(address) ?? [];
    const others = lengths.filter((l) => l !== length);
    if (on) this.#lengths.set(address, [...others, length]);
    else if (others.length === 0) this.#lengths.delete(address);
    else this.#lengths.set(address, others);
  }

  #put(
    now: { slot: Slot; area: Area }[],
    area: Area,
    type: number,
    options: number,
    info: ExternalRouteInfo,
    forward: Ipv4,
  ): void {
    const flags = info.type === 2 ? EXTERNAL_TYPE2 : 0;
    const { prefix, metric, tag } = info;
    const body: ExternalBody = {
      kind: "external",
      mask: maskOf(prefix.length),
      routes: [{ flags, metric, forward, tag }],
    };
    const slot = originateIfChanged(this.#ospf, area, { type, id: this.#idOf(prefix), options, body });
    if (slot !== undefined) now.push({ slot, area });
  }

  /** RFC 3101 §2.3: inside an NSSA there is always a forwarding address when others shall translate. */
  #putNssa(now: { slot: Slot; area: Area }[], area: Area, info: ExternalRouteInfo): void {
    const own = area.interfaces.find((oi) => oi.state !== "Down")?.address;
    if (own === undefined) return;
    const forward = info.forward || this.#forward(info.nexthop);
    // ospfd/ospf_lsa.c:ospf_install_flood_nssa: a border router tells the others itself
    if (this.#ospf.abr) this.#put(now, area, LSA_NSSA, 0, info, forward);
    else this.#put(now, area, LSA_NSSA, OPTION_NP, info, forward || own);
  }

  /** ospfd/ospf_lsa.c:ospf_external_lsa_nexthop_get: gateways on networks of OSPF are told to everybody. */
  #forward(nexthop: Ipv4): Ipv4 {
    if (nexthop === 0 || this.#ospf.settings.forwardingSelf) return 0;
    const on = this.#ospf.interfaces.some(
      (oi) => oi.state !== "Down" && networkOf(nexthop, oi.prefix.length) === networkOf(oi.address, oi.prefix.length),
    );
    return on ? nexthop : 0;
  }

  /** Of prefixes of one address the shortest has the address itself as its id, the others their host bits (RFC 2328 appendix E). */
  #idOf({ address, length }: Prefix): Ipv4 {
    const known = this.#originated.get(`${address}/${length}`)?.[0]?.slot.lsa.id;
    const shortest = !(this.#lengths.get(address) ?? []).some((other) => other < length);
    if (shortest) return known ?? address;
    return broadcastOf(address, length);
  }
  /** Before a shorter prefix is told for the first time, a longer one leaves its id to it (ospfd/ospf_lsa.c:ospf_handle_exnl_lsa_lsId_chg). */
  #takeId({ address, length }: Prefix): void {
    const longer = (this.#lengths.get(address) ?? []).filter((other) => other > length);
    if (longer.length === 0) return;
    this.#note({ address, length }, true);
    for (const other of longer)
      if (this.#originated.get(`${address}/${other}`)?.[0]?.slot.lsa.id === address)
        this.#refresh({ address, length: other }, address);
  }

  #choose(prefix: Prefix): ExternalRouteInfo | undefined {
    const { settings } = this.#ospf;
    if (prefix.length === 0) {
      const chosen = this.#defaultRoute();
      if (chosen !== undefined) return chosen;
    }
    for (const [source, words] of settings.redistribute) {
      const route = this.#told.get(source)?.get(keyOf(prefix));
      if (route === undefined) continue;
      // ospfd/ospf_zebra.c: the default route is told only by default-information originate
      if (prefix.length === 0) return undefined;
      const metric = words.metric ?? settings.defaultMetric ?? DEFAULT_METRIC;
      const info = infoOf(route.kind, prefix, route, words, metric);
      return this.judge(info, words, false) ? info : undefined;
    }
    return undefined;
  }

  #defaultRoute(): ExternalRouteInfo | undefined {
    const words = this.#ospf.settings.defaultInformation;
    if (words === undefined) return undefined;
    if (!words.always && this.#default === undefined) return undefined;
    const fallback = words.always ? DEFAULT_ALWAYS_METRIC : DEFAULT_ROUTE_METRIC;
    // ospfd/ospf_lsa.c:metric_value: default-metric is not for the default route
    const metric = words.metric ?? fallback;
    const info = infoOf(this.#default?.kind ?? "static", { address: 0, length: 0 }, undefined, words, metric);
    if (words.routeMap !== undefined && this.#anyPermitted(words.routeMap)) return info;
    return this.judge(info, words, true) ? info : undefined;
  }

  /** A default route with a route map is told while the map permits any route that is taken over (ospfd/ospf_zebra.c:ospf_external_info_apply_default_routemap). */
  #anyPermitted(routeMap: string): boolean {
    for (const [source, table] of this.#told)
      for (const route of table.values()) {
        const words = this.#ospf.settings.redistribute.get(source);
        if (words === undefined || route.prefix.length === 0) continue;
        if (this.permits(routeMap, infoOf(route.kind, route.prefix, route, words, 0))) return true;
      }
    return false;
  }
}

function infoOf(
  kind: RouteKind,
  prefix: Prefix,
  route: ZebraRouteTold | undefined,
  words: RedistributeSettings,
  metric: number,
): ExternalRouteInfo {
  const [first] = route?.nexthops ?? [];
  return {
    kind,
    prefix,
    nexthop: first?.gateway ?? 0,
    ifname: first?.ifname ?? "",
    blackhole: first?.blackhole !== undefined,
    routeMetric: route?.metric ?? 0,
    metric,
    metricMin: 0,
    metricMax: LS_INFINITY,
    type: words.metricType,
    tag: words.tag || (route?.tag ?? 0),
    forward: undefined,
  };
}
