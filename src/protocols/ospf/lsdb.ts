import type { Ipv4 } from "../../core/addr.ts";
import { type Nanos, NEVER, S } from "../../core/time.ts";
import type { Lsa } from "./lsa.ts";
import { DO_NOT_AGE, LSA_OPAQUE_LINK, MAX_AGE } from "./lsa-codec.ts";

/** Advertisements that one database holds at most: more are dropped and counted. */
export const LSDB_MAX = 1_000_000;
const TYPES = 12;

/** The place of one advertisement in a database, whatever its instance. There are millions of them in a large simulation, and each packet touches many. */
export class Slot {
  lsa: Lsa;
  /** Age in seconds at instant `at`. */
  age: number;
  /** Seconds and nanoseconds of `at`: small integers stand in the object itself. */
  #atS = 0;
  #atNs = 0;
  /** This router's own. */
  self: boolean;
  /** Who has not acknowledged this instance yet: kept by `Retransmissions`. */
  waiting = 0;
  /** This instance says something else than the one before, or is the first. */
  changed = true;
  /** It stays as old as it is (RFC 1793 §2.2); this router's own grows older here all the same, and is not refreshed (RFC 4136). */
  doNotAge = false;
  /** Being withdrawn: it goes when nobody needs to acknowledge it any more. */
  flushing = false;
  /** When this router's own is refreshed. */
  refreshAt: Nanos | undefined = undefined;
  /** Link-local ones belong to an interface. */
  readonly link: string | undefined;
  /** Its neighbours among those of its type, in the order in which they came. */
  before: Slot | undefined = undefined;
  after: Slot | undefined = undefined;

  constructor(lsa: Lsa, age: number, at: Nanos, self: boolean, link?: string) {
    this.lsa = lsa;
    this.age = age;
    this.at = at;
    this.self = self;
    this.link = link;
  }

  /** When this instance was installed. */
  get at(): Nanos {
    return this.#atS * S + this.#atNs;
  }
  set at(at: Nanos) {
    this.#atS = Math.floor(at / S);
    this.#atNs = at - this.#atS * S;
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

/** Those of one type. */
interface OfType {
  first: Slot | undefined;
  last: Slot | undefined;
  count: number;
}

const PLACES_LEAST = 16;

/**
 * A link state database: of an area, or of the whole system. Found by type, id and advertising router, in a table with linear probing: each advertisement that
 * arrives is looked up once, and that costs as much as the memory it touches.
 */
export class Lsdb {
  /** A power of two of them, at most half of them taken. */
  #places = new Array<Slot | undefined>(PLACES_LEAST).fill(undefined);
  readonly #types: OfType[] = Array.from({ length: TYPES }, () => ({ first: undefined, last: undefined, count: 0 }));
  size = 0;
  /** Nothing in it expires before. */
  expiresAt: Nanos = NEVER;

  find(type: number, id: Ipv4, adv: Ipv4): Slot | undefined {
    const places = this.#places;
    const mask = places.length - 1;
    for (let i = mix(type, id) & mask; ; i = (i + 1) & mask) {
      const slot = places[i];
      if (slot === undefined) return undefined;
      const { lsa } = slot;
      if (lsa.id === id && lsa.adv === adv && lsa.type === type) return slot;
    }
  }
  /** A link-local one of an interface (type 9): the same id and router may stand on others too (RFC 5250 §3). */
  findOn(link: string, id: Ipv4, adv: Ipv4): Slot | undefined {
    for (const slot of this.of(LSA_OPAQUE_LINK, id)) if (slot.lsa.adv === adv && slot.link === link) return slot;
    return undefined;
  }
  /** Those of a type and id, by whichever router. */
  *of(type: number, id: Ipv4): Generator<Slot> {
    const mask = this.#places.length - 1;
    for (let i = mix(type, id) & mask; ; i = (i + 1) & mask) {
      const slot = this.#places[i];
      if (slot === undefined) return;
      if (slot.lsa.id === id && slot.lsa.type === type) yield slot;
    }
  }
  count(type: number): number {
    return this.#types[type]?.count ?? 0;
  }
  /** Puts in a slot that is not there yet. */
  add(slot: Slot): void {
    if (++this.size * 2 > this.#places.length) this.#grow();
    this.#place(slot);
    const list = this.#types[slot.lsa.type] as OfType;
    slot.before = list.last;
    if (list.last === undefined) list.first = slot;
    else list.last.after = slot;
    list.last = slot;
    list.count++;
  }
  remove(slot: Slot): void {
    const at = this.#placeOf(slot);
    if (at < 0) return;
    this.#vacate(at);
    const list = this.#types[slot.lsa.type] as OfType;
    if (slot.before === undefined) list.first = slot.after;
    else slot.before.after = slot.after;
    if (slot.after === undefined) list.last = slot.before;
    else slot.after.before = slot.before;
    slot.before = slot.after = undefined;
    list.count--;
    this.size--;
  }
  /** Calls `visit` for each of a type, in the order in which they came. It may remove the one that it is called for. */
  each(type: number, visit: (slot: Slot) => void): void {
    let slot = this.#types[type]?.first;
    while (slot !== undefined) {
      const { after }: Slot = slot;
      visit(slot);
      slot = after;
    }
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

  #place(slot: Slot): void {
    const mask = this.#places.length - 1;
    let i = mix(slot.lsa.type, slot.lsa.id) & mask;
    while (this.#places[i] !== undefined) i = (i + 1) & mask;
    this.#places[i] = slot;
  }
  #placeOf(slot: Slot): number {
    const mask = this.#places.length - 1;
    for (let i = mix(slot.lsa.type, slot.lsa.id) & mask; ; i = (i + 1) & mask) {
      const at = this.#places[i];
      if (at === slot) return i;
      if (at === undefined) return -1;
    }
  }
  /** Empties a place; those behind it that would not be found any more move up. */
  #vacate(from: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let hole = from;
    for (let i = (hole + 1) & mask; ; i = (i + 1) & mask) {
      const slot = places[i];
      if (slot === undefined) break;
      const home = mix(slot.lsa.type, slot.lsa.id) & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      places[hole] = slot;
      hole = i;
    }
    places[hole] = undefined;
  }
  #grow(): void {
    const slots = this.#places;
    this.#places = new Array<Slot | undefined>(slots.length * 2).fill(undefined);
    for (const slot of slots) if (slot !== undefined) this.#place(slot);
  }
}

/** Where an advertisement is looked for first, before the mask: all bits of the product reach the lower ones. */
function mix(type: number, id: Ipv4): number {
  const product = Math.imul(id ^ (type << 24), 0x9e3779b1);
  return product ^ (product >>> 15);
}
