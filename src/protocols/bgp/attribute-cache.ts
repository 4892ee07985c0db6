import { i32, u8, u16 } from "../../core/bytes.ts";
import { type ReadAttributes, readAttributes, type Sender } from "./attribute-decode.ts";
import { MP_REACH, MP_UNREACH, NEXT_HOP } from "./attribute-types.ts";
import type { Attributes } from "./attributes.ts";
import { ATTRIBUTE_EXTENDED } from "./wire.ts";

/** Attributes by their octets: neighbours of one speaker get the same ones but for the next hop, which does not count here. */

interface Entry {
  /** Of the octets in `slab`. */
  readonly o: number;
  readonly length: number;
  readonly sort: string;
  readonly as4: boolean;
  readonly read: ReadAttributes;
}

/** By hash. Only a saving: it is emptied when it, or the room for octets, is full. */
const entries = new Map<number, Entry>();
const ENTRIES_MAX = 1 << 16;
/** Octets of all entries, one behind the other. */
let slab = new Uint8Array(1 << 16);
let used = 0;
const SLAB_MAX = 1 << 23;

/** As `readAttributes`, from memory where the same octets have been read before. The next hop is read anew. */
export function readCached(b: Uint8Array, o: number, end: number, sender: Sender, announces: boolean): ReadAttributes {
  const nextHopAt = findNextHop(b, o, end);
  if (nextHopAt < 0 || !announces || sender.special !== undefined) return readAttributes(b, o, end, sender, announces);
  const hash = hashOf(b, o, end, nextHopAt) ^ (sender.as4 ? 1 : 0);
  const known = entries.get(hash);
  if (
    known !== undefined &&
    known.sort === sender.sort &&
    known.as4 === sender.as4 &&
    isSame(known, b, o, end, nextHopAt)
  )
    return known.read;
  const read = readAttributes(b, o, end, sender, announces);
  if (read.verdict !== "good") return read;
  keep(hash, b, o, end, sender, read);
  return read;
}

/**
 * Octets that this program has written itself, in [o, end): they need not be read. They must be what `readAttributes` would make of them: nothing in
 * `attributes` that is not sent, and no unknown attribute.
 */
export function remember(
  b: Uint8Array,
  o: number,
  end: number,
  nextHopAt: number,
  sender: Sender,
  attributes: Attributes,
): void {
  const first = b[nextHopAt] as number;
  const hash = hashOf(b, o, end, nextHopAt) ^ (sender.as4 ? 1 : 0);
  const verdict = "good";
  const none = undefined;
  const read = { verdict, answer: none, why: "", attributes, nextHop: first, reach: none, unreach: none } as const;
  keep(hash, b, o, end, sender, read);
}

function keep(hash: number, b: Uint8Array, o: number, end: number, { sort, as4 }: Sender, read: ReadAttributes): void {
  const length = end - o;
  if (entries.size >= ENTRIES_MAX || used + length > SLAB_MAX) {
    entries.clear();
    used = 0;
  }
  if (used + length > slab.length) {
    const larger = new Uint8Array(Math.max(2 * slab.length, used + length));
    larger.set(slab.subarray(0, used));
    slab = larger;
  }
  slab.set(b.subarray(o, end), used);
  entries.set(hash, { o: used, length, sort, as4, read });
  used += length;
}

/** Where the address of NEXT_HOP stands; -1: nowhere, or the attributes are of a kind that is not kept. */
export function findNextHop(b: Uint8Array, o: number, end: number): number {
  let found = -1;
  for (let at = o; at + 4 <= end; ) {
    const type = u8(b, at + 1);
    const extended = (u8(b, at) & ATTRIBUTE_EXTENDED) !== 0;
    const length = extended ? u16(b, at + 2) : u8(b, at + 2);
    const value = at + (extended ? 4 : 3);
    if (type === MP_REACH || type === MP_UNREACH) return -1;
    if (type === NEXT_HOP) {
      if (length !== 4 || value + 4 > end || found >= 0) return -1;
      // Addresses that are no next hop are judged where they are read.
      if (b[value] === 0 || b[value] === 127 || (b[value] as number) >= 224) return -1;
      found = value;
    }
    at = value + length;
    if (at > end) return -1;
  }
  return found;
}

/** Over the octets but for the four of the next hop, four at a time: each step moves the high bits down, where the next multiplication spreads them. */
const hashOf = (b: Uint8Array, o: number, end: number, skip: number): number =>
  hashRange(b, skip + 4, end, hashRange(b, o, skip, 0x811c9dc5));

function hashRange(b: Uint8Array, o: number, end: number, from: number): number {
  let h = from;
  let i = o;
  for (; i + 4 <= end; i += 4) {
    h = Math.imul(h ^ i32(b, i), 0x85ebca6b);
    h ^= h >>> 15;
  }
  for (; i < end; i++) h = Math.imul(h ^ (b[i] as number), 0x01000193);
  return h;
}

function isSame(e: Entry, b: Uint8Array, o: number, end: number, skip: number): boolean {
  if (e.length !== end - o) return false;
  const known = slab;
  const shift = e.o - o;
  for (let i = o; i < skip; i++) if (known[i + shift] !== b[i]) return false;
  for (let i = skip + 4; i < end; i++) if (known[i + shift] !== b[i]) return false;
  return true;
}
