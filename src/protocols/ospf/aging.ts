import type { OsAlarm } from "../../core/os.ts";
import { NEVER, S } from "../../core/time.ts";
import { flush, isSystemWide } from "./flood.ts";
import { MAX_AGE } from "./lsa-codec.ts";
import type { Lsdb, Slot } from "./lsdb.ts";
import type { Area, Ospf } from "./model.ts";
import { refresh } from "./originate.ts";
import { isAwaited } from "./retransmissions.ts";

/** How long an advertisement that is withdrawn stays at least (ospfd/ospfd.h:OSPF_LSA_MAXAGE_REMOVE_DELAY_DEFAULT). */
const REMOVE_DELAY = 60 * S;

/**
 * What time does to advertisements (RFC 2328 §14): own ones are refreshed, old ones are withdrawn, withdrawn ones are taken out. No timer stands
 * for a single one: each database knows when the first of its own expires.
 */
export class Aging {
  readonly #ospf: Ospf;
  readonly #timer: OsAlarm;
  readonly #removals: OsAlarm;
  readonly #withdrawn = new Map<Slot, Area | undefined>();

  constructor(ospf: Ospf) {
    this.#ospf = ospf;
    this.#timer = ospf.alarm(() => this.#tick());
    this.#removals = ospf.alarm(() => this.#remove());
  }

  /** Something may be due earlier than thought. */
  changed(): void {
    const ospf = this.#ospf;
    let due = Math.min(ospf.nextRefreshAt, ospf.lsdb.expiresAt);
    for (const area of ospf.areas.values()) due = Math.min(due, area.lsdb.expiresAt);
    if (due < this.#timer.deadline) this.#timer.set(due);
  }
  withdrawn(area: Area | undefined, slot: Slot): void {
    if (this.#withdrawn.has(slot)) return;
    this.#withdrawn.set(slot, area);
    if (this.#removals.deadline === NEVER) this.#removals.set(this.#ospf.now + REMOVE_DELAY);
  }
  /** Advertisements on their way out, for `show ip ospf database max-age`. */
  get leaving(): readonly Slot[] {
    return [...this.#withdrawn.keys()];
  }
  /** Takes out at once what is withdrawn, acknowledged or not. */
  stop(): void {
    this.#timer.set(NEVER);
    this.#removals.set(NEVER);
    this.#withdrawn.clear();
  }

  #tick(): void {
    const ospf = this.#ospf;
    const { now } = ospf;
    ospf.nextRefreshAt = NEVER;
    for (const area of ospf.areas.values()) this.#scan(area.lsdb, area);
    this.#scan(ospf.lsdb, ospf.areas.values().next().value);
    this.changed();
    if (this.#timer.deadline <= now) this.#timer.set(now + S);
  }

  #scan(lsdb: Lsdb, area: Area | undefined): void {
    const ospf = this.#ospf;
    const { now } = ospf;
    lsdb.expiresAt = NEVER;
    const [old, due]: [Slot[], Slot[]] = [[], []];
    lsdb.eachOfAll((slot) => {
      if (slot.age >= MAX_AGE) return;
      if (slot.expiresAt <= now) old.push(slot);
      else if (slot.refreshAt !== undefined && slot.refreshAt <= now) due.push(slot);
      else {
        if (slot.expiresAt < lsdb.expiresAt) lsdb.expiresAt = slot.expiresAt;
        if (slot.refreshAt !== undefined && slot.refreshAt < ospf.nextRefreshAt) ospf.nextRefreshAt = slot.refreshAt;
      }
    });
    if (area === undefined) return;
    for (const slot of due) refresh(ospf, area, slot);
    for (const slot of old) flush(ospf, area, slot);
  }

  /** ospfd/ospf_lsa.c:ospf_maxage_lsa_remover. */
  #remove(): void {
    const ospf = this.#ospf;
    for (const [slot, area] of [...this.#withdrawn]) {
      if (slot.age < MAX_AGE)
        this.#withdrawn.delete(slot); // it came again
      else if (!isAwaited(slot)) {
        this.#withdrawn.delete(slot);
        ospf.retransmissions.forget(slot);
        (isSystemWide(slot.lsa.type) ? ospf.lsdb : area?.lsdb)?.remove(slot);
      }
    }
    if (this.#withdrawn.size > 0) this.#removals.set(ospf.now + REMOVE_DELAY);
  }
}
