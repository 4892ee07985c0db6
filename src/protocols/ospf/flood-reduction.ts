import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import { isIndication, reducesFlooding } from "./demand.ts";
import { flush } from "./flood.ts";
import { UNREACHED } from "./graph.ts";
import { LS_INFINITY, LSA_ASBR_SUMMARY, LSA_EXTERNAL, LSA_NSSA, LSA_ROUTER, MAX_AGE } from "./lsa-codec.ts";
import type { Lsdb, Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { originate, refresh } from "./originate.ts";
import type { Routing } from "./routing.ts";
import { OPTION_DC } from "./wire.ts";

/** How long routes have to settle before others are told of routers that do not know DoNotAge (ospfd/ospf_abr.h:OSPF_ABR_DNA_TIMER). */
const INDICATION_DELAY = 10 * S;

/**
 * Flood reduction (RFC 4136): where all routers of an area take advertisements that do not age (the DC bit of their router advertisements; RFC 1793 §2), own
 * advertisements go there as such, and are not refreshed. Border routers tell the other areas of one where that cannot be (ospfd/ospf_flood.c, ospfd/ospf_abr.c).
 */
export class FloodReduction {
  readonly #ospf: Ospf;
  readonly #routing: () => Routing;
  readonly #timer: OsAlarm;

  constructor(ospf: Ospf, routing: () => Routing) {
    this.#ospf = ospf;
    this.#routing = routing;
    this.#timer = ospf.alarm(() => this.#indicate());
  }

  /** It was switched on or off, for an area or for all. */
  configured(areas: Iterable<Area>): void {
    for (const area of [...areas]) {
      area.demand = reducesFlooding(this.#ospf, area) ? OPTION_DC : 0;
      this.#update(area);
      this.#refreshOwn(area);
    }
  }
  stop(): void {
    this.#timer.set(NEVER);
  }

  /** Another router's advertisement was installed, or is being withdrawn (ospfd/ospf_flood.c:ospf_flood). */
  heard(area: Area | undefined, slot: Slot): void {
    const ospf = this.#ospf;
    if (slot.doNotAge) ospf.youngHeard = true;
    if (area === undefined || slot.self) return;
    const { reduction } = area;
    if (isIndication(slot.lsa)) {
      const gone = slot.age >= MAX_AGE;
      if (reduction.heard !== gone) return;
      reduction.heard = !gone;
      ospf.later(() => (gone ? this.#indicate() : this.#refreshExternals()));
      return;
    }
    if (!reducesFlooding(ospf, area)) return;
    if ((slot.lsa.options & OPTION_DC) === 0) {
      reduction.dcClear = true;
      if (!reduction.enabled) return;
      reduction.enabled = false;
    } else {
      if (reduction.enabled) return;
      this.#update(area);
      if (!reduction.enabled) return;
    }
    ospf.later(() => this.#refreshOwn(area));
  }

  /** Summaries were told: indications follow. */
  summarized(): void {
    const { settings, abr } = this.#ospf;
    if (settings.floodReduction && abr && this.#timer.deadline === NEVER)
      this.#timer.set(this.#ospf.now + INDICATION_DELAY);
  }

  /** Routes were computed: what does not age does so when who said it is not reached any more (RFC 1793 §2.3). */
  computed(): void {
    const ospf = this.#ospf;
    if (!ospf.youngHeard) return;
    ospf.youngHeard = false;
    const { graphs } = this.#routing();
    for (const [area, graph] of graphs)
      this.#ageUnreached(area.lsdb, (slot) => (graph.routers.get(slot.lsa.adv)?.dist ?? UNREACHED) !== UNREACHED);
    this.#ageUnreached(ospf.lsdb, (slot) => {
      for (const graph of graphs.values())
        if ((graph.routers.get(slot.lsa.adv)?.dist ?? UNREACHED) !== UNREACHED) return true;
      return [...ospf.areas.values()].some((a) => [...a.lsdb.of(LSA_ASBR_SUMMARY, slot.lsa.adv)].length > 0);
    });
  }
  #ageUnreached(lsdb: Lsdb, reached: (slot: Slot) => boolean): void {
    const { now, hooks } = this.#ospf;
    lsdb.eachOfAll((slot) => {
      if (!slot.doNotAge || slot.self) return;
      this.#ospf.youngHeard = true;
      if (reached(slot)) return;
      slot.doNotAge = false;
      slot.at = now;
      lsdb.expiresAt = Math.min(lsdb.expiresAt, slot.expiresAt);
      hooks.agingChanged();
    });
  }

  /** ospfd/ospf_flood.c:ospf_area_update_fr_state. */
  #update(area: Area): void {
    const { reduction } = area;
    let [all, know] = [0, 0];
    area.lsdb.each(LSA_ROUTER, (slot) => {
      if (slot.self) return;
      all++;
      if ((slot.lsa.options & OPTION_DC) !== 0) know++;
    });
    const configured = reducesFlooding(this.#ospf, area);
    const enabled = all === know && configured;
    reduction.enabled = enabled;
    reduction.dcClear = !enabled;
  }

  /** ospfd/ospf_lsa.c:ospf_refresh_area_self_lsas. */
  #refreshOwn(area: Area): void {
    const ospf = this.#ospf;
    if (ospf.stopping || !ospf.enabled) return;
    const own: Slot[] = [];
    const note = (slot: Slot): void => {
      if (slot.self && slot.age < MAX_AGE) own.push(slot);
    };
    area.lsdb.eachOfAll(note);
    ospf.lsdb.eachOfAll(note);
    for (const slot of own) refresh(ospf, area, slot);
  }
  /** ospfd/ospf_flood.c:ospf_refresh_dna_type5_and_type7_lsas. */
  #refreshExternals(): void {
    const ospf = this.#ospf;
    const own: [Slot, Area][] = [];
    for (const area of ospf.areas.values()) {
      const note = (slot: Slot): void => {
        if (slot.self && slot.doNotAge) own.push([slot, area]);
      };
      area.lsdb.each(LSA_NSSA, note);
      if (own.every(([slot]) => slot.lsa.type !== LSA_EXTERNAL)) ospf.lsdb.each(LSA_EXTERNAL, note);
    }
    for (const [slot, area] of own) refresh(ospf, area, slot);
  }

  /** Each area is told of routers elsewhere that do not know DoNotAge, for as long as there are some (ospfd/ospf_abr.c:ospf_abr_announce_non_dna_routers). */
  #indicate(): void {
    const ospf = this.#ospf;
    this.#timer.set(NEVER);
    const areas = [...ospf.areas.values()];
    for (const area of areas) {
      const because = areas.some((a) => a !== area && (a.reduction.dcClear || (a.id === 0 && a.reduction.heard)));
      if (ospf.abr && because && !area.reduction.dcClear) this.#tell(area);
      else this.#takeBack(area);
    }
  }
  #tell(area: Area): void {
    const { reduction } = area;
    if (reduction.indication !== undefined || reduction.heard || reduction.dcClear || !area.external) return;
    const body = { kind: "summary" as const, mask: 0, metrics: [{ tos: 0, metric: LS_INFINITY }] };
    const id = this.#ospf.routerId;
    reduction.indication = originate(this.#ospf, area, { type: LSA_ASBR_SUMMARY, id, options: area.options, body });
  }
  #takeBack(area: Area): void {
    const { indication } = area.reduction;
    area.reduction.indication = undefined;
    if (indication !== undefined) flush(this.#ospf, area, indication);
  }
}
