import { type Ipv4, lengthOfMask, maskOf, networkOf } from "../../core/addr.ts";
import { covers } from "./destinations.ts";
import { flush } from "./flood.ts";
import { UNREACHED } from "./graph.ts";
import {
  EXTERNAL_TYPE2,
  type ExternalBody,
  LSA_EXTERNAL,
  LSA_NSSA,
  MAX_AGE,
  ROUTER_B,
  ROUTER_NT,
} from "./lsa-codec.ts";
import type { Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { originateIfChanged } from "./originate.ts";
import type { Routing } from "./routing.ts";
import type { RangeSettings } from "./settings.ts";
import { OPTION_E, OPTION_NP } from "./wire.ts";

/** What a border router of a not-so-stubby area tells the others of it, and the default route that it tells inside: RFC 3101 (ospfd/ospf_abr.c). */
export class Translator {
  /** The prefixes that this router itself puts in as externals: they are not translated. */
  ownExternal: (address: Ipv4, length: number) => boolean = () => false;
  readonly #ospf: Ospf;
  readonly #routing: Routing;
  readonly #asbrChanged: () => void;
  /** Type 5 that stand for type 7 of other routers, or for ranges of them, by prefix. */
  #translated = new Map<string, Slot>();
  /** Ranges that something lies in, with the metric that they have. */
  #active = new Map<RangeSettings, number>();
  /** Type 7 that stand for ranges. */
  readonly #ranged = new WeakSet<Slot>();
  /** Default routes told inside areas. */
  readonly #defaults = new Map<Area, Slot>();

  /** `asbrChanged`: told when this router becomes, or ceases to be, a border router of the system. */
  constructor(ospf: Ospf, routing: Routing, asbrChanged: () => void) {
    this.#ospf = ospf;
    this.#routing = routing;
    this.#asbrChanged = asbrChanged;
  }

  get translating(): boolean {
    return [...this.#ospf.areas.values()].some((a) => a.translating);
  }
  /** Whether there is something that has to be kept up. */
  get busy(): boolean {
    return this.#translated.size > 0 || this.#defaults.size > 0;
  }
  /** Whether it stands for another router's type 7, or is a default route of an area. */
  owns(slot: Slot): boolean {
    return this.#ranged.has(slot) || [...this.#translated.values(), ...this.#defaults.values()].includes(slot);
  }
  /** What lies in a range that is told and nowhere exactly goes nowhere. */
  discards(address: Ipv4, length: number): boolean {
    for (const range of this.#active.keys())
      if (range.advertise && range.prefix.length === length && range.prefix.address === address) return true;
    return false;
  }

  /** Makes translations and default routes be what the databases say. */
  task(): void {
    this.#translate();
    for (const area of this.#ospf.areas.values()) this.#tellDefault(area);
  }

  /** RFC 3101 §3.1: the border router with the highest id translates, unless one always does. */
  elect(): void {
    const ospf = this.#ospf;
    let moved = false;
    for (const area of ospf.areas.values()) {
      const is = area.settings.kind === "nssa" && ospf.abr && this.#translates(area);
      moved ||= is !== area.translating;
      area.translating = is;
    }
    if (moved) this.#asbrChanged();
  }
  #translates(area: Area): boolean {
    if (area.settings.translator !== "candidate") return area.settings.translator === "always";
    for (const v of this.#routing.graphs.get(area)?.routers.values() ?? []) {
      if (v.id === this.#ospf.routerId || v.dist === UNREACHED || (v.flags & ROUTER_B) === 0) continue;
      if ((v.flags & ROUTER_NT) !== 0 || v.id > this.#ospf.routerId) return false;
    }
    return true;
  }

  /** §3.2. */
  #translate(): void {
    const ospf = this.#ospf;
    const into = [...ospf.areas.values()].find((a) => a.external && a.interfaces.length > 0);
    const kept = new Map<string, Slot>();
    const before = this.#active;
    this.#active = new Map();
    for (const area of ospf.areas.values()) {
      if (!area.translating || into === undefined) continue;
      for (const slot of area.lsdb.sorted(LSA_NSSA)) this.#translateOne(kept, area, into, slot);
    }
    if (into !== undefined) for (const [range, metric] of this.#active) this.#tellRange(kept, into, range, metric);
    for (const [key, slot] of this.#translated)
      if (kept.get(key) !== slot && into !== undefined && slot.age < MAX_AGE && !this.#ownedElsewhere(key))
        flush(ospf, into, slot);
    this.#translated = kept;
    this.#touchMoved(before);
  }

  #translateOne(kept: Map<string, Slot>, area: Area, into: Area, slot: Slot): void {
    const { body, options, id, adv } = slot.lsa;
    if (slot.age >= MAX_AGE || (options & OPTION_NP) === 0 || body.kind !== "external") return;
    const [route] = body.routes;
    const length = lengthOfMask(body.mask);
    if (route === undefined || length === undefined || route.forward === 0 || adv === this.#ospf.routerId) return;
    const address = networkOf(id, length);
    const range = area.settings.nssaRanges.find(({ prefix }) => covers(prefix, address, length));
    if (range !== undefined) {
      // ospfd/ospf_abr.c:ospf_abr_update_aggregate
      this.#active.set(range, range.cost ?? Math.max(this.#active.get(range) ?? 0, route.metric));
      return;
    }
    if (this.ownExternal(address, length)) return;
    const forward = area.settings.suppressForward ? 0 : route.forward;
    const told: ExternalBody = { ...body, routes: [{ ...route, forward }] };
    this.#tell(kept, into, id, `${address}/${length}`, told);
  }

  /** ospfd/ospf_abr.c:ospf_abr_translate_nssa_range. */
  #tellRange(kept: Map<string, Slot>, into: Area, range: RangeSettings, metric: number): void {
    const { address, length } = range.prefix;
    if (!range.advertise || this.ownExternal(address, length)) return;
    const routes = [{ flags: EXTERNAL_TYPE2, metric, forward: 0, tag: 0 }];
    const body: ExternalBody = { kind: "external", mask: maskOf(length), routes };
    this.#tell(kept, into, address, `${address}/${length}`, body);
    // ospfd/ospf_lsa.c:ospf_install_flood_nssa: FRR tells the areas inside as well, and never takes that back
    for (const area of this.#ospf.areas.values())
      if (area.settings.kind === "nssa" && area.interfaces.length > 0)
        this.#note(originateIfChanged(this.#ospf, area, { type: LSA_NSSA, id: address, options: 0, body }));
  }

  #note(slot: Slot | undefined): void {
    if (slot !== undefined) this.#ranged.add(slot);
  }
  #tell(kept: Map<string, Slot>, into: Area, id: Ipv4, key: string, body: ExternalBody): void {
    const made = originateIfChanged(this.#ospf, into, { type: LSA_EXTERNAL, id, options: OPTION_E, body });
    if (made !== undefined) kept.set(key, made);
  }

  #ownedElsewhere(key: string): boolean {
    const [address, length] = key.split("/");
    return this.ownExternal(Number(address), Number(length));
  }

  /** Ranges come and go with the route into nowhere. */
  #touchMoved(before: ReadonlyMap<RangeSettings, number>): void {
    for (const range of new Set([...before.keys(), ...this.#active.keys()])) {
      if (before.has(range) === this.#active.has(range)) continue;
      this.#routing.touch(this.#routing.dests.get(range.prefix));
      this.#routing.schedule();
    }
  }

  /** `area X nssa default-information-originate` (ospfd/ospf_abr.c:ospf_abr_nssa_type7_defaults). */
  #tellDefault(area: Area): void {
    const ospf = this.#ospf;
    const { kind, defaultOriginate: words } = area.settings;
    const tells = kind === "nssa" && words !== undefined && (ospf.abr || (ospf.asbr && ospf.hasDefault));
    const before = this.#defaults.get(area);
    if (!tells || area.interfaces.length === 0) {
      this.#defaults.delete(area);
      if (before !== undefined && before.age < MAX_AGE) flush(ospf, area, before);
      return;
    }
    const flags = words.type === 2 ? EXTERNAL_TYPE2 : 0;
    const routes = [{ flags, metric: words.metric, forward: 0, tag: 0 }];
    const body: ExternalBody = { kind: "external", mask: 0, routes };
    const made = originateIfChanged(ospf, area, { type: LSA_NSSA, id: 0, options: 0, body });
    if (made !== undefined) this.#defaults.set(area, made);
  }
}
