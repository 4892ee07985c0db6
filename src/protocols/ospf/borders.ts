import { broadcastOf, type Ipv4, maskOf, networkOf } from "../../core/addr.ts";
import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import { covers, type Dest, type Path } from "./destinations.ts";
import { flush } from "./flood.ts";
import { UNREACHED } from "./graph.ts";
import {
  LS_INFINITY,
  LSA_ASBR_SUMMARY,
  LSA_NSSA,
  LSA_ROUTER,
  LSA_SUMMARY,
  MAX_AGE,
  ROUTER_E,
  ROUTER_V,
} from "./lsa-codec.ts";
import { Lsdb, type Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { Translator } from "./nssa.ts";
import { originateIfChanged, refresh } from "./originate.ts";
import { asbrPath } from "./paths.ts";
import type { Routing } from "./routing.ts";
import type { RangeSettings } from "./settings.ts";

/** ospfd/ospf_abr.h:OSPF_ABR_TASK_DELAY. */
const TASK_DELAY = 5 * S;

export interface Filters {
  /** `area X export-list`, `filter-list … out`. */
  mayLeave(area: Area, address: Ipv4, length: number): boolean;
  /** `area X import-list`, `filter-list … in`. */
  mayEnter(area: Area, address: Ipv4, length: number): boolean;
}

/** A summary that should stand in an area. */
interface Wanted {
  readonly type: number;
  readonly id: Ipv4;
  readonly mask: Ipv4;
  readonly metric: number;
}

/** What a border router of areas tells each of the others: RFC 2328 §12.4.3, RFC 3101 §3 (ospfd/ospf_abr.c). */
export class Borders {
  /** Told of what lets through and what not, by lists; set by who keeps them. */
  filters: Filters = { mayLeave: () => true, mayEnter: () => true };
  readonly nssa: Translator;
  /** Called when this router becomes, or ceases to be, a border router of the system. */
  asbrChanged: () => void = () => {};
  readonly #ospf: Ospf;
  readonly #routing: Routing;
  readonly #timer: OsAlarm;
  #stale = true;
  /** Ranges that something lies in. */
  #active = new Map<RangeSettings, number>();
  /** Summaries that stand. */
  readonly #kept = new Set<Slot>();

  constructor(ospf: Ospf, routing: Routing) {
    this.#ospf = ospf;
    this.#routing = routing;
    this.nssa = new Translator(ospf, routing, () => this.asbrChanged());
    this.#timer = ospf.alarm(() => this.task());
    routing.hooks.rangeActive = (area, address, length) => this.#rangeActive(area, address, length);
    routing.hooks.discard = (dest) => this.#discards(dest);
  }

  /** All areas were told. */
  summarized: () => void = () => {};

  get waiting(): boolean {
    return this.#timer.deadline !== NEVER;
  }
  /** Looks at everything again in a while, as after a change of configuration. */
  schedule(): void {
    this.#stale = true;
    if (!this.waiting) this.#timer.set(this.#ospf.now + TASK_DELAY);
  }
  routeChanged(_dest: Dest, _before: Path | undefined): void {
    this.#stale = true;
  }
  contentsChanged(_area: Area | undefined, slot: Slot): void {
    if (slot.lsa.type === LSA_NSSA && this.#ospf.abr) this.schedule();
  }
  /** Routes were computed. */
  computed(): void {
    if (this.#ospf.abr || this.nssa.busy) this.task();
  }

  /** Whether this router is on the border of areas (RFC 3509; ospfd/ospf_abr.c:ospf_check_abr_status). */
  check(): void {
    const ospf = this.#ospf;
    const configured = [...ospf.areas.values()].filter((a) => a.interfaces.length > 0);
    const active = configured.filter((a) => a.interfaces.some((oi) => oi.state !== "Down"));
    const backbone = (list: readonly Area[]): boolean => list.some((a) => a.id === 0);
    const is =
      ospf.settings.abrType === "standard"
        ? active.length > 1
        : ospf.settings.abrType === "ibm"
          ? active.length > 1 && backbone(configured)
          : configured.length > 1 && backbone(active);
    if (is === ospf.abr) return;
    ospf.abr = is;
    this.asbrChanged();
    this.#stale = true;
    for (const area of ospf.areas.values()) if (area.interfaces.length > 0) ospf.hooks.routerLsa(area);
    this.#routing.recompute();
    this.schedule();
  }

  areaLeft(area: Area): void {
    for (const type of [LSA_SUMMARY, LSA_ASBR_SUMMARY, LSA_NSSA])
      for (const slot of area.lsdb.sorted(type)) if (slot.self) flush(this.#ospf, area, slot);
    // what others said there is forgotten with it (ospfd/ospfd.c:ospf_area_check_free)
    area.lsdb.eachOfAll((slot) => {
      if (slot.age >= MAX_AGE) return;
      slot.age = MAX_AGE;
      this.#routing.changed(area, slot);
    });
    area.lsdb = new Lsdb();
    this.#routing.forget(area);
    this.schedule();
  }

  /** A summary of its own, of which it had not known that it is still around, or so new. */
  claimed(area: Area, slot: Slot): void {
    if (this.#kept.has(slot) && slot.age < MAX_AGE) refresh(this.#ospf, area, slot);
    this.schedule();
  }
  /** Makes summaries and translations be what routes say. */
  task(): void {
    const ospf = this.#ospf;
    if (ospf.stopping || ospf.restarting !== undefined) return;
    this.#timer.set(NEVER);
    this.nssa.elect();
    if (this.#stale) {
      this.#stale = false;
      this.#measureRanges();
      for (const area of ospf.areas.values()) this.#summarize(area, ospf.abr ? this.#wanted(area) : []);
    }
    this.nssa.task();
    this.summarized();
  }

  #summarize(area: Area, wanted: readonly Wanted[]): void {
    const ospf = this.#ospf;
    const kept = new Set<Slot>();
    for (const w of wanted) {
      const body = { kind: "summary" as const, mask: w.mask, metrics: [{ tos: 0, metric: w.metric }] };
      const slot = originateIfChanged(ospf, area, { type: w.type, id: w.id, options: area.options, body });
      if (slot !== undefined) kept.add(slot);
    }
    for (const slot of kept) this.#kept.add(slot);
    for (const type of [LSA_SUMMARY, LSA_ASBR_SUMMARY])
      for (const slot of area.lsdb.sorted(type))
        if (slot.self && !kept.has(slot) && slot.age < MAX_AGE && slot !== area.reduction.indication) {
          this.#kept.delete(slot);
          flush(ospf, area, slot);
        }
  }

  /** The summaries that belong into an area. */
  #wanted(area: Area): readonly Wanted[] {
    const wanted: Wanted[] = [];
    const taken = new Map<Ipv4, number>();
    const put = (address: Ipv4, length: number, metric: number): void => {
      // ospfd/ospf_lsa.c:ospf_lsa_unique_id: two prefixes of one address differ in their host bits
      const id = !taken.has(address) || taken.get(address) === length ? address : broadcastOf(address, length);
      if (taken.has(id)) return;
      taken.set(id, length);
      wanted.push({ type: LSA_SUMMARY, id, mask: maskOf(length), metric });
    };
    const { settings } = area;
    const defaults = settings.kind !== "normal" && area.id !== 0;
    if (defaults) put(0, 0, settings.defaultCost);
    if (settings.kind !== "normal" && settings.noSummary) return wanted;
    this.#routing.dests.each((dest) => {
      if (defaults && dest.length === 0) return;
      if (dest.path !== undefined && this.#enters(dest, dest.path, area))
        put(dest.address, dest.length, dest.path.cost);
    });
    for (const [range, cost] of this.#active)
      if (range.advertise && !area.settings.ranges.includes(range)) {
        const shown = range.substitute ?? range.prefix;
        put(networkOf(shown.address, shown.length), shown.length, cost);
      }
    if (settings.kind === "normal") this.#borderRouters(area, wanted);
    return wanted;
  }

  /** Whether a route is told in an area (ospfd/ospf_abr.c:ospf_abr_process_network_rt, ospf_abr_announce_network). */
  #enters(dest: Dest, path: Path, area: Area): boolean {
    const from = path.area;
    if (from === undefined || from === area || path.cost >= LS_INFINITY) return false;
    if (path.kind !== "intra" && path.kind !== "inter") return false;
    if (path.kind === "inter" && (from.id !== 0 || area.id === 0 || !this.#backboneWorks())) return false;
    if (this.#leavesBy(path, area)) return false;
    if (!this.filters.mayEnter(area, dest.address, dest.length)) return false;
    if (path.kind === "inter") return true;
    if (!this.filters.mayLeave(from, dest.address, dest.length)) return false;
    // §12.4.3: ranges of the backbone do not count in areas that virtual links lead through
    return (from.id === 0 && isTransitArea(area)) || rangeOf(from, dest.address, dest.length) === undefined;
  }

  #backboneWorks(): boolean {
    const { abrType } = this.#ospf.settings;
    return abrType === "standard" || (this.#ospf.areas.get(0)?.fullNeighbors ?? 0) > 0;
  }

  /** Whether the way leads out through that area: then it knows better itself. */
  #leavesBy(path: { readonly hops: Path["hops"] }, area: Area): boolean {
    return path.hops.hops.some((h) => area.interfaces.some((oi) => oi.ifname === h.ifname && h.gateway !== 0));
  }

  /** Type 4: routers at the border of the system. */
  #borderRouters(area: Area, wanted: Wanted[]): void {
    const known = new Set<Ipv4>();
    for (const graph of this.#routing.graphs.values())
      for (const v of graph.routers.values()) if ((v.flags & ROUTER_E) !== 0 && v.dist !== UNREACHED) known.add(v.id);
    for (const a of this.#ospf.areas.values()) a.lsdb.each(LSA_ASBR_SUMMARY, (s) => s.self || known.add(s.lsa.id));
    for (const id of [...known].sort((a, b) => a - b)) {
      if (id === this.#ospf.routerId) continue;
      const path = asbrPath(this.#routing, id);
      if (path === undefined || path.area === area || path.cost >= LS_INFINITY) continue;
      if (path.inter && (path.area.id !== 0 || area.id === 0 || !this.#backboneWorks())) continue;
      if (this.#leavesBy(path, area)) continue;
      wanted.push({ type: LSA_ASBR_SUMMARY, id, mask: 0, metric: path.cost });
    }
  }

  #measureRanges(): void {
    const active = new Map<RangeSettings, number>();
    if (this.#ospf.abr)
      this.#routing.dests.each((dest) => {
        const { path } = dest;
        if (path?.kind !== "intra" || path.area === undefined) return;
        const range = rangeOf(path.area, dest.address, dest.length);
        if (range !== undefined) active.set(range, Math.max(active.get(range) ?? 0, range.cost ?? path.cost));
      });
    const before = this.#active;
    this.#active = active;
    const moved = [...before.keys(), ...active.keys()].filter((r) => before.has(r) !== active.has(r));
    for (const { prefix } of moved) {
      const { length } = prefix;
      const dest = this.#routing.dests.get({ address: networkOf(prefix.address, length), length });
      this.#routing.touch(dest);
      this.#routing.schedule();
    }
  }
  #rangeActive(area: Area, address: Ipv4, length: number): boolean {
    for (const range of this.#active.keys())
      if (area.settings.ranges.includes(range) && isPrefix(range, address, length)) return true;
    return false;
  }
  /** What lies in a range of this router's and nowhere exactly goes nowhere (ospfd/ospf_abr.c:ospf_abr_manage_discard_routes). */
  #discards(dest: Dest): boolean {
    for (const range of this.#active.keys())
      if (range.advertise && range.substitute === undefined && isPrefix(range, dest.address, dest.length)) return true;
    return this.nssa.discards(dest.address, dest.length);
  }
}

/** Some virtual link leads through the area. */
function isTransitArea(area: Area): boolean {
  let transit = false;
  area.lsdb.each(LSA_ROUTER, ({ lsa: { body } }) => {
    transit ||= body.kind === "router" && (body.flags & ROUTER_V) !== 0;
  });
  return transit;
}

/** The range of an area that a prefix lies in. */
const rangeOf = (area: Area, address: Ipv4, length: number): RangeSettings | undefined =>
  area.settings.ranges.find(({ prefix }) =>
    covers({ address: networkOf(prefix.address, prefix.length), length: prefix.length }, address, length),
  );

const isPrefix = ({ prefix }: RangeSettings, address: Ipv4, length: number): boolean =>
  prefix.length === length && networkOf(prefix.address, prefix.length) === address;
