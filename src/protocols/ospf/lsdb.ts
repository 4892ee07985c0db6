import type { Ipv4 } from "../../core/addr.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Lsa } from "./lsa.ts";
import { DO_NOT_AGE, LSA_OPAQUE_LINK, MAX_AGE } from "./lsa-codec.ts";

/** Advertisements that one database holds at most: more are dropped and counted. */
export const LSDB_MAX = 1_000_000;
const TYPES = 12;

/** The place of one advertisement in a database, whatever its instance. */
export class Slot {
  lsa: Lsa;
  /** Age in seconds at instant `at`. */
  age: number;
  /** When this instance was installed. */
  at: Nanos;
  /** This router's own. */
  self: boolean;
  /** Who has not acknowledged this instance yet: kept by `Retransmissions`. 0: nobody. */
  waiting = 0;
  /** This instance says something else than the one before, or is the first. */
  changed = true;
  /** It stays as old as it is (RFC 1793 §2.2); this router's own grows older here all the same, and is not refreshed (RFC 4136). */
  doNotAge = false;
  /** Being withdrawn: it goes when nobody needs to acknowledge it any more. */
  flushing = false;
  /** When this router's own is refreshed. */
  refreshAt: Nanos = NEVER;
  /** Link-local ones belong to an interface. */
  readonly link: string | undefined;
  /** Another one of the same type and id, by another router. */
  next: Slot | undefined = undefined;

  constructor(lsa: Lsa, age: number, at: Nanos, self: boolean, link?: string) {
    this.lsa = lsa;
    this.age = age;
    this.at = at;
    this.self = self;
    this.link = link;
  }

  /** Seconds, at most MaxAge. */
  ageNow(now: Nanos): number {
    if (this.doNotAge && this.age < MAX_AGE)
      return this.self ? Math.min(this.age + Math.floor((now - this.at) / S), MAX_AGE - 1) : this.age;
    return Math.min(this.age + Math.floor((now - this.at) / S), MAX_AGE);
  }
  /** Its age as others are told, `delay` seconds from now: with DoNotAge. */
  ageTold(now: Nanos, delay: number): number {
    const age = Math.min(this.ageNow(now) + delay, MAX_AGE);
    return this.doNotAge ? age | DO_NOT_AGE : age;
  }
  /** When it becomes too old. */
  get expiresAt(): Nanos {
    return this.age >= MAX_AGE || this.doNotAge ? NEVER : this.at + (MAX_AGE - this.age) * S;
  }
}

/** A link state database: of an area, or of the whole system. Found by type, id and advertising router without making keys. */
export class Lsdb {
  readonly #types: Map<number, Slot>[] = Array.from({ length: TYPES }, () => new Map());
  readonly #counts = new Array<number>(TYPES).fill(0);
  size = 0;
  /** Nothing in it expires before. */
  expiresAt: Nanos = NEVER;

  find(type: number, id: Ipv4, adv: Ipv4): Slot | undefined {
    let slot = this.#types[type]?.get(id);
    while (slot !== undefined && slot.lsa.adv !== adv) slot = slot.next;
    return slot;
  }
  /** A link-local one of an interface (type 9): the same id and router may stand on others too (RFC 5250 §3). */
  findOn(link: string, id: Ipv4, adv: Ipv4): Slot | undefined {
    let slot = this.#types[LSA_OPAQUE_LINK]?.get(id);
    while (slot !== undefined && (slot.lsa.adv !== adv || slot.link !== link)) slot = slot.next;
    return slot;
  }
  /** Those of a type and id, by whichever router. */
  first(type: number, id: Ipv4): Slot | undefined {
    return this.#types[type]?.get(id);
  }
  count(type: number): number {
    return this.#counts[type] ?? 0;
  }
  /** Puts in a slot that is not there yet. */
  add(slot: Slot): void {
    const { type, id } = slot.lsa;
    const table = this.#types[type] as Map<number, Slot>;
    slot.next = table.get(id);
    table.set(id, slot);
    this.#counts[type] = this.count(type) + 1;
    this.size++;
  }
  remove(slot: Slot): void {
    const { type, id } = slot.lsa;
    const table = this.#types[type] as Map<number, Slot>;
    let at = table.get(id);
    if (at === slot) {
      if (slot.next === undefined) table.delete(id);
      else table.set(id, slot.next);
    } else {
      while (at !== undefined && at.next !== slot) at = at.next;
      if (at === undefined) return;
      at.next = slot.next;
    }
    slot.next = undefined;
    this.#counts[type] = this.count(type) - 1;
    this.size--;
  }
  /** Calls `visit` for each of a type, in the order in which ids came. */
  each(type: number, visit: (slot: Slot) => void): void {
    for (const first of this.#types[type]?.values() ?? [])
      for (let slot: Slot | undefined = first; slot !== undefined; slot = slot.next) visit(slot);
  }
  eachOfAll(visit: (slot: Slot) => void): void {
    for (let type = 1; type < TYPES; type++) this.each(type, visit);
  }
  /** Those of a type by id, then by router: the order of FRR's tables. */
  sorted(type: number): Slot[] {
    const all: Slot[] = [];
    this.each(type, (slot) => all.push(slot));
    return all.sort((a, b) => a.lsa.id - b.lsa.id || a.lsa.adv - b.lsa.adv);
  }
}
